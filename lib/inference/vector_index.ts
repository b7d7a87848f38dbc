/**
 * Passages of documents with their vectors, searched exactly and in memory.
 *
 * @module
 */

import type { TextModel } from "../evaluate/text_model.ts";
import { type EmbedOptions, embedTexts, scaleToUnit } from "./embed.ts";
import { type SpaceMap, whiteningOf } from "./whitening.ts";
import { type DocumentPassage, type PassageOptions, passagesOf } from "./passages.ts";

/** A document that is indexed. */
export interface IndexedDocument {
  /** What it is called, such as its path. */
  readonly name: string;
  /** Its text. */
  readonly text: string;
}

/** A passage with its document. */
export interface IndexedPassage extends DocumentPassage {
  /** Name of its document. */
  readonly name: string;
}

/** A passage that was found. */
export interface FoundPassage extends IndexedPassage {
  /** Cosine of its vector with that of the words. */
  readonly score: number;
}

/** Passages, and where they lie. */
export interface VectorIndex {
  /** The passages. */
  readonly passages: readonly IndexedPassage[];
  /** Their vectors as the model gives them, one after the other: [passages, width]. */
  readonly vectors: Float32Array;
  /** Numbers of a vector. */
  readonly width: number;
  /**
   * Whether vectors are compared where they vary as much in each direction ({@linkcode whiteningOf}), which helps those of models
   * that only predict masked tokens; fewer than eight are compared as they are.
   */
  readonly whiten: boolean;
}

/** Options of {@linkcode indexTexts}. */
export interface IndexTextsOptions extends EmbedOptions, Partial<Omit<PassageOptions, "tokenizer">> {
  /**
   * See {@linkcode VectorIndex.whiten}. Default: true, but false for a model whose folder says how its vectors are made, for it
   * was trained by comparing texts.
   */
  whiten?: boolean | undefined;
}

/** Tokens of a passage where nothing else is said. */
export const PASSAGE_TOKENS = 128;

/** Tokens of a passage by default: all that the model reads, or 128. */
export function passageTokens({ model, tokenizer }: TextModel): number {
  const { before = [], after = [] } = tokenizer.frame ?? {};
  return Math.max(1, Math.min(PASSAGE_TOKENS, model.config.maxLength - before.length - after.length));
}

/**
 * Cuts documents into passages and makes their vectors.
 *
 * @throws {RangeError} if there is no text in them.
 *
 * @example
 * ```ts
 * import * as cloze from "@cloze/mlm";
 *
 * const tokenizer = cloze.characterTokenizer("abcdefghijklmnopqrstuvwxyz ");
 * const { device } = await cloze.openDevice("cpu", { threads: 1 });
 * const model = cloze.createModel(device, cloze.modelConfig({ vocab: tokenizer.size, size: "tiny" }));
 * const notes = [{ name: "a.txt", text: "the cat sat on the mat" }, { name: "b.txt", text: "rain in spain" }];
 * const index = await cloze.indexTexts({ model, tokenizer }, notes);
 * for (const { name, line, score } of await cloze.searchTexts({ model, tokenizer }, index, "a cat", { top: 1 })) {
 *   console.log(name, line, score);
 * }
 * model.destroy();
 * device.destroy();
 * ```
 */
export async function indexTexts(
  textModel: TextModel,
  documents: Iterable<IndexedDocument> | AsyncIterable<IndexedDocument>,
  options: IndexTextsOptions = {},
): Promise<VectorIndex> {
  const { pool, normalize, length = passageTokens(textModel), overlap, by } = options;
  const { tokenizer, model: { config: { width } } } = textModel;
  const whiten = options.whiten ?? isUntaught(textModel, { pool });
  const passages: IndexedPassage[] = [];
  const rows: Float32Array[] = [];
  async function* texts() {
    for await (const { name, text } of documents) {
      for (const passage of passagesOf(text, { tokenizer, length, overlap, by })) {
        passages.push({ name, ...passage });
        yield passage.text;
      }
    }
  }
  for await (const { embedding } of embedTexts(textModel, texts(), { pool, normalize })) rows.push(embedding);
  if (passages.length === 0) throw new RangeError("Cannot index the documents: there is no text in them");
  const vectors = new Float32Array(passages.length * width);
  for (const [i, row] of rows.entries()) vectors.set(row, i * width);
  return { passages, vectors, width, whiten };
}

/** Whether a model's vectors were not made for being compared: nothing says how they are made, or they are made otherwise. */
export function isUntaught(textModel: Pick<TextModel, "pooling">, { pool }: EmbedOptions): boolean {
  return pool === undefined && textModel.pooling === undefined;
}

/** Options of {@linkcode searchTexts}. */
export interface SearchOptions extends EmbedOptions {
  /**
   * Passages to find.
   *
   * @default {10}
   */
  top?: number | undefined;
}

/**
 * The passages whose vectors have the highest cosines with that of some words, the nearest first; exact, for all are looked at.
 * Passages of the same score come in the order of the index.
 */
export async function searchTexts(
  textModel: TextModel,
  index: VectorIndex,
  words: string,
  { top = 10, pool }: SearchOptions = {},
): Promise<FoundPassage[]> {
  for await (const { embedding } of embedTexts(textModel, [words], { pool })) {
    const nearest = nearestVectors(index);
    return nearest(embedding, top).map(({ row, score }) => ({ ...index.passages[row]!, score }));
  }
  throw new TypeError("A text was lost");
}

/** A vector that was found. */
export interface FoundVector {
  /** Its number. */
  readonly row: number;
  /** Its cosine with the one that was looked for. */
  readonly score: number;
}

/** Vectors from which on they are compared in a space of their own: that of fewer is made of each of them too much. */
const FEWEST_FOR_SPACE = 8;

/** Vectors of length 1 in the space in which they are compared, per array: a second search finds them ready. */
const readyVectors = new WeakMap<
  Float32Array,
  { readonly units: Float32Array; readonly space: SpaceMap | undefined }
>();

/**
 * A function that finds the rows nearest to a vector. The first call for an array of vectors makes a copy of it; to whiten it takes
 * width² / 2 multiplications for each.
 *
 * @throws {RangeError} if a vector to be looked for is of another width.
 */
export function nearestVectors(
  { vectors, width, whiten: isWanted }: Pick<VectorIndex, "vectors" | "width" | "whiten">,
): (vector: Float32Array, top: number) => FoundVector[] {
  const whiten = isWanted && vectors.length >= FEWEST_FOR_SPACE * width;
  let ready = readyVectors.get(vectors);
  if (!ready || (ready.space !== undefined) !== whiten) {
    const space = whiten ? whiteningOf(vectors, width) : undefined;
    readyVectors.set(vectors, ready = { units: unitVectors(vectors, { width, space }), space });
  }
  const { units, space } = ready;
  return (vector, top) => {
    if (vector.length !== width) {
      throw new RangeError(`Cannot look for a vector of ${vector.length} numbers among those of ${width}`);
    }
    return highest(units, { query: unitVectors(vector, { width, space }), top });
  };
}

/** Copies of vectors in a space, each of length 1; those that are 0 there stay so. */
function unitVectors(
  vectors: Float32Array,
  { width, space }: { width: number; space: SpaceMap | undefined },
): Float32Array {
  const units = new Float32Array(vectors.length);
  const vector = new Float64Array(width);
  for (let first = 0; first < units.length; first += width) {
    for (let i = 0; i < width; i++) vector[i] = vectors[first + i]!;
    space?.(vector);
    scaleToUnit(vector);
    units.set(vector, first);
  }
  return units;
}

/** The rows with the highest products, best first, of equal ones the first. */
function highest(
  units: Float32Array,
  { query, top }: { query: Float32Array; top: number },
): FoundVector[] {
  const width = query.length;
  const found: FoundVector[] = [];
  let least = -Infinity;
  for (let row = 0, at = 0; at < units.length; row++) {
    // several sums at once: each addition waits for the one before it
    let [a, b, c, d] = [0, 0, 0, 0];
    let i = 0;
    for (; i + 3 < width; i += 4) {
      a += units[at + i]! * query[i]!;
      b += units[at + i + 1]! * query[i + 1]!;
      c += units[at + i + 2]! * query[i + 2]!;
      d += units[at + i + 3]! * query[i + 3]!;
    }
    for (; i < width; i++) a += units[at + i]! * query[i]!;
    at += width;
    const score = a + b + c + d;
    if (found.length === top && !(score > least)) continue;
    if (found.length === top) found.pop();
    let place = found.length;
    while (place > 0 && found[place - 1]!.score < score) place--;
    found.splice(place, 0, { row, score });
    least = found.at(-1)!.score;
  }
  return found;
}
