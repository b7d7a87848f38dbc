/**
 * Texts as vectors, as work for a batcher.
 *
 * @module
 */

import { chunkTexts } from "../inference/chunk_texts.ts";
import {
  checkPool,
  type Embedded,
  type EmbedOptions,
  poolInto,
  scaleToUnit,
  vectorWay,
  visibleIds,
} from "../inference/embed.ts";
import { checkTokens, RequestError, type Work, type WorkContext, type WorkWindow } from "./work.ts";

/** Options of {@linkcode embedWork}. */
export interface EmbedWorkOptions extends EmbedOptions {
  /** Whether all of a long text counts, in chunks, and not its beginning alone. */
  readonly whole: boolean;
}

/** Work that makes vectors of texts. */
export async function embedWork(
  context: WorkContext,
  texts: readonly string[],
  { whole, ...asked }: EmbedWorkOptions,
): Promise<Work<Embedded>> {
  const { textModel: { model: { config: { width } }, tokenizer }, maxLength } = context;
  const { pool, normalize } = wayOf(context, asked);
  const windows: WorkWindow[] = [];
  const owners: number[] = [];
  let all = 0;
  const totals = texts.map(() => ({ sum: new Float64Array(width), tokens: 0, omitted: 0 }));
  for (const [i, text] of texts.entries()) {
    const chunks = whole ? chunkTexts([text], { tokenizer, longest: maxLength }) : [text];
    for await (const chunk of chunks) {
      const { ids, omitted } = visibleIds(tokenizer, chunk, maxLength);
      totals[i]!.omitted += omitted;
      totals[i]!.tokens += ids.length;
      if (ids.length === 0) continue;
      windows.push({ ids, positions: [] });
      owners.push(i);
      all += ids.length;
    }
    checkTokens(context, all);
  }
  const vectors: Float32Array<ArrayBuffer>[] = windows.map(() => new Float32Array(width));
  return {
    task: "embed",
    windows,
    take(window, { values }) {
      const vector = vectors[window]!;
      poolInto(vector, values[0]!, pool === "cls" ? 1 : windows[window]!.ids.length);
      if (vector.every(Number.isFinite)) return;
      throw new RangeError("Cannot embed the text: its vector is not finite; the model's numbers overflow 32 bits");
    },
    results() {
      // in the order of the texts, whatever came first, so that sums are the same each time
      for (const [window, vector] of vectors.entries()) {
        const { length } = windows[window]!.ids;
        const { sum, tokens } = totals[owners[window]!]!;
        for (let x = 0; x < width; x++) sum[x]! += tokens === length ? vector[x]! : length * vector[x]! / tokens;
      }
      return texts.map((text, i) => {
        const { sum, tokens, omitted } = totals[i]!;
        const embedding = Float32Array.from(sum);
        if (normalize) scaleToUnit(embedding);
        return { text, embedding, tokens, omitted };
      });
    },
  };
}

/** How vectors are made; what a model cannot do is the request's fault. */
function wayOf({ textModel }: WorkContext, asked: EmbedOptions): ReturnType<typeof vectorWay> {
  try {
    const way = vectorWay(textModel, asked);
    checkPool(textModel.tokenizer, way.pool);
    return way;
  } catch (error) {
    throw new RequestError((error as Error).message);
  }
}
