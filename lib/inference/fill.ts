/**
 * Filling in masked tokens.
 *
 * @module
 */

import type { BatchShape, EvaluationProgram } from "../model/model.ts";
import { specialIds, splitAtSpecials } from "../tokenizer/special_tokens.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";

import { batchesOf, inChunks, type TextBatch } from "./texts.ts";
import { mostProbable } from "../evaluate/candidates.ts";
import { mostMaskedRows, type TextModel } from "../evaluate/text_model.ts";
import { type ProgramCache, programCache } from "../model/program_cache.ts";
import { encodeVisible, hasMask } from "./visible.ts";

/** A token that may stand in a masked place. */
export interface Candidate {
  /** The token, as the vocabulary writes it; of byte-level vocabularies the text that it stands for. */
  readonly token: string;
  /** Its id. */
  readonly id: number;
  /** Probability that the model gives it. */
  readonly probability: number;
}

/** A text with its masked places filled. */
export interface Filled {
  /** The text as given. */
  readonly text: string;
  /** The text with the most probable token in each masked place. */
  readonly filled: string;
  /** Each masked place, by token position, with its best candidates, most probable first. */
  readonly masks: readonly { readonly position: number; readonly candidates: readonly Candidate[] }[];
}

/** Options of {@linkcode fill}. */
export interface FillOptions {
  /**
   * Candidates for each place.
   *
   * @default {5}
   */
  topK?: number;
}

/**
 * Fills every `[MASK]` of a text with what the model finds most probable; each place for itself.
 *
 * @throws {RangeError} if the text has no `[MASK]` or is longer than the model's longest sequence.
 */
export async function fill(textModel: TextModel, text: string, options: FillOptions = {}): Promise<Filled> {
  const { tokenizer, model: { config: { maxLength } } } = textModel;
  if (idsToFill(tokenizer, text, maxLength) === undefined) {
    const quoted = text.length > 80 ? `${text.slice(0, 80)}…` : text;
    throw new RangeError(`Cannot fill "${quoted}": it has no ${spelledMask(tokenizer)}`);
  }
  for await (const filled of fillTexts(textModel, [text], options)) return filled;
  throw new TypeError("A text was lost");
}

/** Ids of a text with masks, more than fit where it is too long; undefined where it has no mask. */
export function idsToFill(tokenizer: Tokenizer, text: string, longest: number): Uint32Array | undefined {
  const { ids, isWhole } = encodeVisible(tokenizer, text, { longest });
  return ids.includes(tokenizer.special["[MASK]"]) || (!isWhole && hasMask(tokenizer, text)) ? ids : undefined;
}

/** How the mask is written, in the vocabulary's own spelling where that is another. */
export function spelledMask(tokenizer: Tokenizer): string {
  const own = tokenizer.token(tokenizer.special["[MASK]"]);
  return own === "[MASK]" ? own : `[MASK] or ${own}`;
}

/**
 * Fills a stream of texts, in order and a few hundred at a time; a text without masks stays as it is.
 *
 * @throws {RangeError} that says which text is longer than the model's longest sequence, or if the model has no head for masked
 * tokens, or its logits are not finite.
 *
 * @example
 * ```ts
 * import { characterTokenizer, createModel, fillTexts, modelConfig, openDevice } from "@cloze/mlm";
 *
 * const tokenizer = characterTokenizer("abc ");
 * const { device } = await openDevice("cpu", { threads: 1 });
 * const model = createModel(device, modelConfig({ vocab: tokenizer.size, size: "tiny" }));
 * for await (const { filled } of fillTexts({ model, tokenizer }, ["a [MASK]ab", "no mask"])) console.log(filled);
 * model.destroy();
 * device.destroy();
 * ```
 */
export async function* fillTexts(
  textModel: TextModel,
  texts: Iterable<string> | AsyncIterable<string>,
  { topK = 5 }: FillOptions = {},
): AsyncGenerator<Filled> {
  const { model, tokenizer } = textModel;
  const { maxLength } = model.config;
  const programs = programCache((shape: BatchShape) => model.compileEvaluation(shape));
  let before = 0;
  try {
    for await (const chunk of inChunks(texts)) {
      const encoded = chunk.map((text, i) => {
        const ids = idsToFill(tokenizer, text, maxLength);
        if (ids === undefined || ids.length <= maxLength) return ids;
        throw new RangeError(
          `Cannot fill text ${before + i + 1} of ${ids.length} tokens${text.length > 1 << 20 ? " and more" : ""}: ` +
            `this model's longest is ${maxLength}`,
        );
      });
      const masked = [...chunk.keys()].filter((i) => encoded[i] !== undefined);
      const filled = chunk.map((text): Filled => ({ text, filled: text, masks: [] }));
      const padding = tokenizer.special["[PAD]"];
      for (const batch of batchesOf(masked.map((i) => encoded[i]!), { padding, maxLength })) {
        const masks = await fillBatch(textModel, batch, { topK, programs });
        for (const [w, member] of batch.members.entries()) {
          const i = masked[member]!;
          filled[i] = { text: chunk[i]!, filled: insertBest(tokenizer, chunk[i]!, masks[w]!), masks: masks[w]! };
        }
      }
      yield* filled;
      before += chunk.length;
    }
  } finally {
    await programs.clear();
  }
}

/** The masks of each window with their candidates. */
async function fillBatch(
  { model, tokenizer }: TextModel,
  batch: TextBatch,
  { topK, programs }: { topK: number; programs: ProgramCache<BatchShape, EvaluationProgram> },
): Promise<Filled["masks"][]> {
  const { windows, length, ids, documents } = batch;
  const mask = tokenizer.special["[MASK]"];
  const rows = [...ids.keys()].filter((row) => ids[row] === mask);
  const masks = Array.from({ length: windows }, (): Filled["masks"][number][] => []);
  const { vocab } = model.config;
  for (let first = 0; first < rows.length; first += mostMaskedRows(vocab)) {
    const maskedRows = Uint32Array.from(rows.slice(first, first + mostMaskedRows(vocab)));
    // a power of two, so that programs serve several batches
    const capacity = 2 ** Math.ceil(Math.log2(maskedRows.length));
    const program = await programs.get({ windows, length, capacity, documents: documents !== undefined });
    program.write({ ...batch, original: ids, maskedRows, labels: new Uint32Array(maskedRows.length) });
    program.program.run();
    const [bytes] = await model.device.read([program.logits]);
    const logits = new Float32Array(bytes!);
    const stride = logits.length / capacity;
    for (const [index, row] of maskedRows.entries()) {
      const own = logits.subarray(index * stride, index * stride + vocab);
      masks[Math.floor(row / length)]!.push({
        position: row % length,
        candidates: bestCandidates(own, { tokenizer, topK }),
      });
    }
  }
  return masks;
}

/** The text with the best candidates in the places of its masks; pieces of words close up to what stands before. */
export function insertBest(tokenizer: Tokenizer, text: string, masks: Filled["masks"]): string {
  const mask = tokenizer.special["[MASK]"];
  let next = 0;
  return splitAtSpecials(tokenizer, text).reduce((before, piece) => {
    if (piece.special !== mask) return before + piece.text;
    const best = masks[next++]?.candidates[0];
    if (!best) return before + piece.text;
    if (tokenizer.type !== "wordpiece") return before + best.token;
    const isPiece = tokenizer.piece(best.id) === best.token.slice(2) && best.token.startsWith("##");
    return isPiece ? before.trimEnd() + best.token.slice(2) : before + best.token;
  }, "");
}

/** The most probable ordinary tokens; special ones keep their probability but are no candidates. */
export function bestCandidates(
  logits: Float32Array,
  { tokenizer, topK }: { tokenizer: Tokenizer; topK: number },
): Candidate[] {
  const special = specialIds(tokenizer);
  // a model may have room for more tokens than its vocabulary has
  const isCandidate = (id: number) => id < tokenizer.size && !special.has(id);
  const best = mostProbable(logits, { count: topK, isCandidate });
  if (!best) {
    throw new RangeError("Cannot fill: the model's logits are not finite; its numbers overflow 32 bits");
  }
  const isPieced = tokenizer.type === "bpe" || tokenizer.type === "unigram";
  return best.map(({ id, probability }) => ({
    token: isPieced ? tokenizer.piece(id) : tokenizer.token(id),
    id,
    probability,
  }));
}
