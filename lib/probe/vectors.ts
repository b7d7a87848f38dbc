/**
 * Frozen vectors of texts and of words, of any layers.
 *
 * @module
 */

import type { TextModel } from "../evaluate/text_model.ts";
import { chunkTexts } from "../inference/chunk_texts.ts";
import { type PoolMode, visibleIds } from "../inference/embed.ts";
import { batchesOf } from "../inference/texts.ts";
import { programCache } from "../model/program_cache.ts";
import type { TextShape } from "../model/text_inputs.ts";
import { encodeFramed } from "../tokenizer/special_tokens.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { emptyMatrix, type Matrix, rowOf } from "./matrix.ts";

/** Vectors of one layer, a row for each text or word. */
export interface LayerVectors {
  /** The layer: 0 the embeddings, the model's number of layers the last one. */
  readonly layer: number;
  /** How a text became one vector. */
  readonly pool: PoolMode;
  /** The vectors. */
  readonly matrix: Matrix;
}

/** Options of {@linkcode textVectors} and {@linkcode wordVectors}. */
export interface VectorsOptions {
  /** Layers whose vectors are wanted. */
  readonly layers: readonly number[];
  /** Ways to make a vector of a text. */
  readonly pools: readonly PoolMode[];
  /** Whether a text that is longer than the model is read in windows, whose vectors are averaged, instead of cut. */
  readonly windows?: boolean | undefined;
  /** Is told how many texts are done. */
  readonly progress?: ((texts: number) => void) | undefined;
}

/** Tokens that are read together, and what they are of. */
interface Piece {
  readonly ids: Uint32Array<ArrayBuffer>;
  /** What gets vectors of it: rows of the result, each from tokens first ... end - 1. */
  readonly spans: readonly { readonly row: number; readonly first: number; readonly end: number }[];
}

/** Texts that are sorted by length and read together: of 20 words a text, 512 would be padded by 28%, 2,048 by 18%. */
const TOGETHER = 2048;

/** A vector for each text; `visible`: the share of each text's tokens that was read. */
export async function textVectors(
  textModel: TextModel,
  texts: readonly string[],
  options: VectorsOptions,
): Promise<{ readonly vectors: readonly LayerVectors[]; readonly visible: Float64Array }> {
  const { tokenizer, model: { config: { maxLength: longest } } } = textModel;
  const visible = new Float64Array(texts.length).fill(1);
  async function* pieces(): AsyncGenerator<Piece[]> {
    for (let first = 0; first < texts.length; first += TOGETHER) {
      const together: Piece[] = [];
      for (let row = first; row < Math.min(texts.length, first + TOGETHER); row++) {
        const text = texts[row]!;
        const { ids, omitted } = visibleIds(tokenizer, text, longest);
        const parts = omitted > 0 && options.windows ? await windowsOf(text, { tokenizer, longest }) : [ids];
        if (omitted > 0 && !options.windows) visible[row] = ids.length / (ids.length + omitted);
        for (const ids of parts) together.push({ ids, spans: [{ row, first: 0, end: ids.length }] });
      }
      yield together;
      options.progress?.(Math.min(texts.length, first + TOGETHER));
    }
  }
  return { vectors: await pooled(textModel, { ...options, rows: texts.length, pieces: pieces() }), visible };
}

/** A text that is too long, in pieces that are not. */
async function windowsOf(
  text: string,
  { tokenizer, longest }: { tokenizer: Tokenizer; longest: number },
): Promise<Uint32Array<ArrayBuffer>[]> {
  const chunks = await Array.fromAsync(chunkTexts([text], { tokenizer, longest }));
  return chunks.map((chunk) => encodeFramed(tokenizer, chunk).subarray(0, longest)).filter(({ length }) => length > 0);
}

/**
 * A vector for each word of sentences, the mean of its tokens'; sentences that are longer than the model are read in pieces, cut
 * between words. A word without tokens has a vector of zeros.
 */
export async function wordVectors(
  textModel: TextModel,
  sentences: readonly (readonly string[])[],
  options: Omit<VectorsOptions, "pools" | "windows">,
): Promise<{ readonly vectors: readonly LayerVectors[]; readonly parted: number }> {
  const { tokenizer, model: { config: { maxLength } } } = textModel;
  const encodeWord = wordEncoder(tokenizer);
  let [row, parted] = [0, 0];
  async function* pieces(): AsyncGenerator<Piece[]> {
    for (let first = 0; first < sentences.length; first += TOGETHER) {
      const together: Piece[] = [];
      for (const words of sentences.slice(first, first + TOGETHER)) {
        const parts = sentencePieces(words, { tokenizer, encodeWord, maxLength, row });
        if (parts.length > 1) parted++;
        together.push(...parts);
        row += words.length;
      }
      yield together;
      options.progress?.(Math.min(sentences.length, first + TOGETHER));
    }
  }
  const rows = sentences.reduce((sum, { length }) => sum + length, 0);
  return { vectors: await pooled(textModel, { ...options, pools: ["mean"], rows, pieces: pieces() }), parted };
}

/** Tokens of a word, and how many of the first ones are only the space before it. */
type WordEncoder = (word: string, isFirst: boolean) => { readonly ids: Uint32Array; readonly spaces: number };

/** Encodes words as they stand in a sentence, each once. */
function wordEncoder(tokenizer: Tokenizer): WordEncoder {
  const known = new Map<string, ReturnType<WordEncoder>>();
  return (word, isFirst) => {
    const text = isFirst ? word : ` ${word}`;
    let found = known.get(text);
    if (!found) {
      const [ids, alone] = [tokenizer.encode(text), tokenizer.encode(word)];
      const more = ids.length - alone.length;
      const isSpace = !isFirst && more > 0 && alone.every((id, i) => ids[more + i] === id);
      known.set(text, found = { ids, spaces: isSpace ? more : 0 });
    }
    return found;
  };
}

/** A sentence in as many pieces as it needs, each with the tokens around it. */
function sentencePieces(
  words: readonly string[],
  { tokenizer, encodeWord, maxLength, row }: {
    tokenizer: Tokenizer;
    encodeWord: WordEncoder;
    maxLength: number;
    row: number;
  },
): Piece[] {
  const { before = [], after = [] } = tokenizer.frame ?? {};
  const room = Math.max(1, maxLength - before.length - after.length);
  const pieces: Piece[] = [];
  let ids: number[] = [];
  let spans: Piece["spans"][number][] = [];
  const end = () => {
    if (ids.length > 0) pieces.push({ ids: Uint32Array.of(...before, ...ids, ...after), spans });
    [ids, spans] = [[], []];
  };
  for (const [i, word] of words.entries()) {
    let encoded = encodeWord(word, ids.length === 0);
    if (ids.length > 0 && ids.length + encoded.ids.length > room) {
      end();
      encoded = encodeWord(word, true);
    }
    const first = before.length + ids.length;
    const own = encoded.ids.subarray(0, room);
    ids.push(...own);
    if (own.length > encoded.spaces) {
      spans.push({ row: row + i, first: first + encoded.spaces, end: first + own.length });
    }
  }
  end();
  return pieces;
}

/** Runs pieces, and averages what their rows are of, weighted by tokens. */
async function pooled(
  { model, tokenizer }: TextModel,
  { layers, pools, rows, pieces }: VectorsOptions & { rows: number; pieces: AsyncIterable<readonly Piece[]> },
): Promise<LayerVectors[]> {
  const { width, maxLength } = model.config;
  const padding = tokenizer.special["[PAD]"];
  const programs = programCache((shape: TextShape) => model.compileEncoder(shape, { layers }));
  const result = layers.flatMap((layer, index) =>
    pools.map((pool) => ({ layer, index, pool, matrix: emptyMatrix(rows, width) }))
  );
  const weights = new Float64Array(rows);
  try {
    for await (const together of pieces) {
      const present = together.filter(({ ids }) => ids.length > 0);
      for (const batch of batchesOf(present.map(({ ids }) => ids), { padding, maxLength })) {
        const { windows, length, documents, members } = batch;
        const program = await programs.get({ windows, length, documents: documents !== undefined });
        program.write(batch);
        program.program.run();
        const states = (await model.device.read(program.states)).map((bytes) => new Float32Array(bytes));
        for (const [window, member] of members.entries()) {
          for (const { row, first, end } of present[member]!.spans) {
            const tokens = end - first;
            weights[row]! += tokens;
            for (const { index, pool, matrix } of result) {
              const at = (window * length + first) * width;
              const share = tokens / weights[row]!;
              addMean(rowOf(matrix, row), states[index]!.subarray(at), {
                count: pool === "cls" ? 1 : tokens,
                width,
                share,
              });
            }
          }
        }
      }
    }
  } finally {
    await programs.clear();
  }
  for (const { matrix } of result) checkFinite(matrix);
  return result.map(({ layer, pool, matrix }) => ({ layer, pool, matrix }));
}

/** vector += share · (mean of the first rows − vector) */
function addMean(
  vector: Float32Array,
  rows: Float32Array,
  { count, width, share }: { count: number; width: number; share: number },
): void {
  for (let column = 0; column < width; column++) {
    let sum = 0;
    for (let row = 0, at = column; row < count; row++, at += width) sum += rows[at]!;
    vector[column]! += share * (sum / count - vector[column]!);
  }
}

function checkFinite({ values, columns }: Matrix): void {
  const wrong = values.findIndex((value) => !Number.isFinite(value));
  if (wrong < 0) return;
  throw new RangeError(
    `Cannot use the vector of number ${
      Math.floor(wrong / columns) + 1
    }: it is not finite; the model's numbers overflow 32 bits`,
  );
}
