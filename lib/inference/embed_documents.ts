/**
 * Whole documents as vectors, one each or one a chunk.
 *
 * @module
 */

import { chunkTexts } from "./chunk_texts.ts";
import { type EmbedOptions, embedTexts, scaleToUnit, vectorWay } from "./embed.ts";
import type { TextModel } from "../evaluate/text_model.ts";

/** A document whose text comes in parts, which are joined as they are: the lines of a file, with their line breaks. */
export interface TextDocument {
  /** What it is called. */
  readonly name: string;
  /** Its text. */
  readonly parts: Iterable<string> | AsyncIterable<string>;
}

/** Ways to cut a document: into one vector, or one for each chunk of the model's longest sequence. */
export const documentParts = ["document", "chunk"] as const;
/** What of a document gets a vector. */
export type DocumentPart = typeof documentParts[number];

/** A document, or a chunk of one, with its vector. */
export interface EmbeddedDocument {
  /** Name of the document. */
  readonly name: string;
  /** Number of the chunk, from 1; of a whole document, how many there are. */
  readonly chunk: number;
  /** The chunk's text; of a whole document undefined, for it may be of any length. */
  readonly text: string | undefined;
  /** Tokens, those around each chunk included. */
  readonly tokens: number;
  /** Its vector: [width]. */
  readonly embedding: Float32Array<ArrayBuffer>;
}

/** Options of {@linkcode embedDocuments}. */
export interface EmbedDocumentsOptions extends EmbedOptions {
  /**
   * What gets a vector.
   *
   * @default {"document"}
   */
  by?: DocumentPart;
}

/**
 * Vectors of documents of any length, in order: each is cut into chunks that the model can read, and the vector of a whole one is
 * the mean of its chunks', weighted by their tokens. Memory does not grow with the documents.
 *
 * @throws {RangeError} for "cls" if the model's texts do not begin with [CLS], or for a vector that is not finite.
 *
 * @example
 * ```ts
 * import { characterTokenizer, createModel, embedDocuments, modelConfig, openDevice } from "@cloze/mlm";
 *
 * const tokenizer = characterTokenizer("abc \n");
 * const { device } = await openDevice("cpu", { threads: 1 });
 * const model = createModel(device, modelConfig({ vocab: tokenizer.size, size: "tiny", maxLength: 8 }));
 * const documents = [{ name: "cabs", parts: ["a cab\n", "a cab a cab\n"] }];
 * for await (const { name, chunk } of embedDocuments({ model, tokenizer }, documents, { by: "chunk" })) {
 *   console.log(name, chunk); // cabs 1, cabs 2, ...
 * }
 * model.destroy();
 * device.destroy();
 * ```
 */
export async function* embedDocuments(
  textModel: TextModel,
  documents: Iterable<TextDocument> | AsyncIterable<TextDocument>,
  { by = "document", ...options }: EmbedDocumentsOptions = {},
): AsyncGenerator<EmbeddedDocument> {
  const { tokenizer, model: { config: { maxLength: longest, width } } } = textModel;
  const { pool, normalize } = vectorWay(textModel, options);
  const finished = (embedding: Float32Array<ArrayBuffer>) => {
    if (normalize) scaleToUnit(embedding);
    return embedding;
  };
  // what was asked for and has not yet come back, in order
  const asked: { name: string; chunk: number; isLast: boolean }[] = [];
  async function* texts() {
    for await (const { name, parts } of documents) {
      let [count, waiting] = [0, undefined as string | undefined];
      for await (const text of chunkTexts(parts, { tokenizer, longest })) {
        if (waiting !== undefined) {
          asked.push({ name, chunk: ++count, isLast: false });
          yield waiting;
        }
        waiting = text;
      }
      asked.push({ name, chunk: count + 1, isLast: true });
      yield waiting ?? "";
    }
  }
  let sum = new Float64Array(width);
  let total = 0;
  for await (const { text, embedding, tokens } of embedTexts(textModel, texts(), { pool, normalize: false })) {
    const { name, chunk, isLast } = asked.shift()!;
    if (by === "chunk") {
      yield { name, chunk, text, tokens, embedding: finished(embedding) };
      continue;
    }
    for (let i = 0; i < width; i++) sum[i]! += tokens * embedding[i]!;
    total += tokens;
    if (!isLast) continue;
    const whole = finished(Float32Array.from(sum, (x) => total && x / total));
    yield { name, chunk, text: undefined, tokens: total, embedding: whole };
    sum = new Float64Array(width);
    total = 0;
  }
}

/** The mean of vectors, to be subtracted from them. */
export interface VectorMean {
  /** Takes a vector into the mean. */
  add(vector: Float32Array): void;
  /** Subtracts the mean of all that were added, in place. */
  removeFrom(vector: Float32Array): void;
}

/**
 * The mean of any number of vectors, in memory for one. The vectors of a masked language model all point much the same way; without
 * what they have in common their angles say more (Mu and Viswanath, All-but-the-Top, 2018).
 *
 * @example
 * ```ts
 * import { vectorMean } from "@cloze/mlm";
 *
 * const vectors = [Float32Array.of(3, 1), Float32Array.of(5, 1)];
 * const mean = vectorMean(2);
 * for (const vector of vectors) mean.add(vector);
 * for (const vector of vectors) mean.removeFrom(vector);
 * console.log(vectors[0]); // [-1, 0]
 * ```
 */
export function vectorMean(width: number): VectorMean {
  const sum = new Float64Array(width);
  let count = 0;
  return {
    add(vector) {
      for (let i = 0; i < width; i++) sum[i]! += vector[i]!;
      count++;
    },
    removeFrom(vector) {
      for (let i = 0; i < width; i++) vector[i]! -= sum[i]! / count;
    },
  };
}
