/**
 * Filling masked places, as work for a batcher.
 *
 * @module
 */

import { mostMaskedRows } from "../evaluate/text_model.ts";
import { bestCandidates, type Filled, idsToFill, insertBest } from "../inference/fill.ts";
import { counted } from "../sentences/counted.ts";
import { checkHead, checkTokens, RequestError, type Work, type WorkContext, type WorkWindow } from "./work.ts";

/** Candidates of an answer, all places together. */
const MOST_CANDIDATES = 1 << 14;

/** Work that fills the masks of texts; those without one stay as they are. */
export function fillWork(context: WorkContext, texts: readonly string[], { topK }: { topK: number }): Work<Filled> {
  const { textModel: { model, tokenizer }, maxLength } = context;
  checkHead(context);
  const mask = tokenizer.special["[MASK]"];
  const mostRows = mostMaskedRows(model.config.vocab);
  const windows: WorkWindow[] = [];
  const owners: number[] = [];
  let places = 0;
  for (const [i, text] of texts.entries()) {
    const ids = idsToFill(tokenizer, text, maxLength);
    if (!ids) continue;
    if (ids.length > maxLength) {
      throw new RequestError(
        `Text ${i + 1} has ${counted(ids.length, "token")}: the longest that can be filled has ${
          maxLength.toLocaleString("en")
        }`,
      );
    }
    const positions = [...ids.keys()].filter((at) => ids[at] === mask);
    places += positions.length;
    for (let first = 0; first < positions.length; first += mostRows) {
      windows.push({ ids, positions: positions.slice(first, first + mostRows) });
      owners.push(i);
    }
  }
  if (places * topK > MOST_CANDIDATES) {
    throw new RequestError(
      `The texts have ${counted(places, "mask")}, with ${topK} candidates each: an answer holds ${
        MOST_CANDIDATES.toLocaleString("en")
      }`,
      413,
    );
  }
  checkTokens(context, windows.reduce((sum, { ids }) => sum + ids.length, 0));
  const masks = texts.map((): Filled["masks"][number][] => []);
  return {
    task: "fill",
    windows,
    take(window, { values }) {
      for (const [i, position] of windows[window]!.positions.entries()) {
        const candidates = bestCandidates(values[i]!, { tokenizer, topK });
        masks[owners[window]!]!.push({ position, candidates });
      }
    },
    results: () =>
      texts.map((text, i) => {
        const own = masks[i]!.sort((a, b) => a.position - b.position);
        return { text, filled: own.length === 0 ? text : insertBest(tokenizer, text, own), masks: own };
      }),
  };
}
