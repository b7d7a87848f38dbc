/**
 * Texts as vectors.
 *
 * @module
 */

import type { BatchShape, EncoderProgram } from "../model/model.ts";
import { batchesOf, inChunks, type TextBatch } from "./texts.ts";
import type { ModelPooling } from "../model/pooling.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { TextModel } from "../evaluate/text_model.ts";
import { type ProgramCache, programCache } from "../model/program_cache.ts";
import { encodeVisible } from "./visible.ts";

/** Ways to make one vector of a text's hidden states. */
export const poolModes = ["mean", "cls"] as const;
/** The mean of all tokens, or the first token's, which is [CLS]. */
export type PoolMode = typeof poolModes[number];

/** A text with its vector. */
export interface Embedded {
  /** The text as given. */
  readonly text: string;
  /** Its vector: [width]. */
  readonly embedding: Float32Array<ArrayBuffer>;
  /** Tokens that the vector was made of, those around every text included. */
  readonly tokens: number;
  /**
   * Tokens that did not fit the model's longest sequence and were left out; of a text of more than a million characters only some
   * are counted.
   */
  readonly omitted: number;
}

type TextShape = Omit<BatchShape, "capacity">;

/** Options of {@linkcode embedTexts}. */
export interface EmbedOptions {
  /** How the vector is made. Default: as the model's folder says for sentence-transformers, or the mean. */
  pool?: PoolMode | undefined;
  /** Whether vectors are scaled to length 1. Default: as that folder says where `pool` is not given, or not. */
  normalize?: boolean | undefined;
}

/**
 * How the vectors of a model are made: as is asked for, or as its folder says. All that makes vectors of texts asks here.
 *
 * @throws {SyntaxError} if the folder makes them in a way that is not known here, and none is asked for.
 */
export function vectorWay(
  textModel: Pick<TextModel, "pooling">,
  { pool, normalize }: EmbedOptions = {},
): Required<ModelPooling> {
  const own = pool === undefined ? textModel.pooling : undefined;
  return { pool: pool ?? own?.pool ?? poolModes[0], normalize: normalize ?? own?.normalize ?? false };
}

/** Scales a vector to length 1, in place; one of zeros stays. */
export function scaleToUnit(vector: Float32Array | Float64Array): void {
  let squares = 0;
  for (let i = 0; i < vector.length; i++) squares += vector[i]! * vector[i]!;
  const length = Math.sqrt(squares);
  if (length > 0) { for (let i = 0; i < vector.length; i++) vector[i]! /= length; }
}

/**
 * Vectors of a stream of texts, in order and a few hundred at a time: hidden states of the last layer, after its norm where it
 * has one. Texts that are too long are cut off at the end, and say so.
 *
 * @throws {RangeError} for "cls" if the model's texts do not begin with [CLS], or if a vector is not finite.
 *
 * @example
 * ```ts
 * import { characterTokenizer, createModel, embedTexts, modelConfig, openDevice } from "@cloze/mlm";
 *
 * const tokenizer = characterTokenizer("abc ");
 * const { device } = await openDevice("cpu", { threads: 1 });
 * const model = createModel(device, modelConfig({ vocab: tokenizer.size, size: "tiny" }));
 * for await (const { text, embedding } of embedTexts({ model, tokenizer }, ["a cab", "b"])) {
 *   console.log(text, embedding.length); // 64
 * }
 * model.destroy();
 * device.destroy();
 * ```
 */
export async function* embedTexts(
  textModel: TextModel,
  texts: Iterable<string> | AsyncIterable<string>,
  options: EmbedOptions = {},
): AsyncGenerator<Embedded> {
  const { model, tokenizer } = textModel;
  const { pool, normalize } = vectorWay(textModel, options);
  const { maxLength, width } = model.config;
  checkPool(tokenizer, pool);
  const programs = programCache((shape: TextShape) => model.compileEncoder(shape));
  const padding = tokenizer.special["[PAD]"];
  let before = 0;
  try {
    for await (const chunk of inChunks(texts)) {
      const cut = chunk.map((text) => visibleIds(tokenizer, text, maxLength));
      const vectors: Float32Array<ArrayBuffer>[] = chunk.map(() => new Float32Array(width));
      const present = [...cut.keys()].filter((i) => cut[i]!.ids.length > 0);
      for (const batch of batchesOf(present.map((i) => cut[i]!.ids), { padding, maxLength })) {
        const hidden = await encodeBatch(textModel, batch, programs);
        for (const [w, member] of batch.members.entries()) {
          const rows = hidden.subarray(w * batch.length * width);
          poolInto(vectors[present[member]!]!, rows, pool === "cls" ? 1 : batch.lengths[w]!);
        }
      }
      for (const [i, text] of chunk.entries()) {
        const embedding = vectors[i]!;
        if (!embedding.every(Number.isFinite)) {
          throw new RangeError(
            `Cannot embed text ${before + i + 1}: its vector is not finite; the model's numbers overflow 32 bits`,
          );
        }
        if (normalize) scaleToUnit(embedding);
        yield { text, embedding, tokens: cut[i]!.ids.length, omitted: cut[i]!.omitted };
      }
      before += chunk.length;
    }
  } finally {
    await programs.clear();
  }
}

/** Throws if texts do not begin with the token whose vector is wanted. */
export function checkPool(tokenizer: Tokenizer, pool: PoolMode): void {
  if (pool !== "cls" || (tokenizer.frame?.before.length ?? 0) > 0) return;
  throw new RangeError(`Cannot take the vector of [CLS]: this model's texts do not begin with it; use "mean"`);
}

/** A text as ids that fit the longest sequence, and how many did not. */
export function visibleIds(
  tokenizer: Tokenizer,
  text: string,
  longest: number,
): { readonly ids: Uint32Array<ArrayBuffer>; readonly omitted: number } {
  const { ids } = encodeVisible(tokenizer, text, { longest });
  return { ids: cutOff(ids, longest, tokenizer.frame?.after ?? []), omitted: Math.max(0, ids.length - longest) };
}

/** Ids cut off at the longest sequence, still ending as texts do. */
function cutOff(ids: Uint32Array<ArrayBuffer>, longest: number, after: readonly number[]): Uint32Array<ArrayBuffer> {
  if (ids.length <= longest) return ids;
  const cut = ids.slice(0, longest);
  cut.set(after, longest - after.length);
  return cut;
}

async function encodeBatch(
  { model }: TextModel,
  batch: TextBatch,
  programs: ProgramCache<TextShape, EncoderProgram>,
): Promise<Float32Array> {
  const { windows, length, documents } = batch;
  const program = await programs.get({ windows, length, documents: documents !== undefined });
  program.write(batch);
  program.program.run();
  const [bytes] = await model.device.read([program.hidden]);
  return new Float32Array(bytes!);
}

/** vector = mean of the first rows. */
export function poolInto(vector: Float32Array, rows: Float32Array, count: number): void {
  const width = vector.length;
  const sums = new Float64Array(width);
  for (let i = 0; i < count * width; i++) sums[i % width]! += rows[i]!;
  for (let column = 0; column < width; column++) vector[column] = sums[column]! / count;
}
