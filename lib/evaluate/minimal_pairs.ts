/**
 * Minimal pairs: whether a model finds a good text more probable than a bad one, as in BLiMP (Warstadt et al., 2020).
 *
 * @module
 */

import type { Batch } from "../batch/batch.ts";
import type { TextPair } from "../text/pairs.ts";
import { encodeFramed, specialIds } from "../tokenizer/special_tokens.ts";
import { continuesOf, joinIds, withoutWords } from "../tokenizer/token_ids.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { leastError } from "./few.ts";
import { evaluationPrograms, runBatches, type ShapedBatch } from "./run_batches.ts";
import { BATCH_TOKENS, mostMaskedRows, type TextModel } from "./text_model.ts";
import { wordEnd } from "./token_batches.ts";

/** How a pair was scored. */
export interface PairScore extends TextPair {
  /** Pseudo-log-likelihood of the good text in nats: Σ log p of each token, the others in sight (Salazar et al., 2020). */
  readonly good: number;
  /** The same of the bad text. */
  readonly bad: number;
  /** 1 where the good text is the more probable one, 0 where the bad one is, ½ where both are equal. */
  readonly correct: 0 | 0.5 | 1;
}

/** Options of {@linkcode scorePairs}. */
export interface PairScoreOptions {
  /**
   * Mask what is left of a token's word too (Kauf and Ivanova, 2023): words of several tokens come off too well otherwise.
   *
   * @default {false}
   */
  restOfWord?: boolean | undefined;
}

/** Pairs whose texts go through the model together. */
const PAIRS_AT_ONCE = 256;

/** Lengths are rounded up to a multiple of this, so that programs serve several batches. */
const LENGTH_STEP = 8;

/** Share by which equal scores may differ, for they were computed in other batches. */
const ROUNDING = 1e-6;

/**
 * Scores pairs of which the first text is good and the second bad, in order and in bounded memory.
 *
 * @throws {RangeError} that says which text is longer than the model's longest sequence, or has nothing to be masked.
 *
 * @example
 * ```ts
 * import { characterTokenizer, createModel, modelConfig, openDevice, pairAccuracy, scorePairs } from "@cloze/mlm";
 *
 * const tokenizer = characterTokenizer("abcdefghijklmnopqrstuvwxyz .");
 * const { device } = await openDevice("cpu", { threads: 1 });
 * const model = createModel(device, modelConfig({ vocab: tokenizer.size, size: "tiny" }));
 * const pairs = [{ first: "the cats sleep.", second: "the cats sleeps.", place: "line 1" }];
 * console.log(pairAccuracy(await Array.fromAsync(scorePairs({ model, tokenizer }, pairs))).accuracy);
 * model.destroy();
 * device.destroy();
 * ```
 */
export async function* scorePairs(
  textModel: TextModel,
  pairs: Iterable<TextPair> | AsyncIterable<TextPair>,
  { restOfWord = false }: PairScoreOptions = {},
): AsyncGenerator<PairScore> {
  const { model } = textModel;
  const programs = evaluationPrograms(model);
  try {
    for await (const chunk of inChunks(pairs)) {
      const texts = chunk.flatMap((pair) => [
        maskable(textModel, pair.first, { pair, restOfWord }),
        maskable(textModel, pair.second, { pair, restOfWord }),
      ]);
      const scores = texts.map(() => 0);
      for await (const { given, losses } of runBatches(model, copyBatches(textModel, texts), programs)) {
        for (const [i, owner] of given.owners.entries()) {
          if (!Number.isFinite(losses[i])) {
            throw new RangeError(
              `Cannot score the text: the loss of a token is ${losses[i]}; the model's numbers overflow 32 bits`,
            );
          }
          scores[owner]! -= losses[i]!;
        }
      }
      for (const [i, pair] of chunk.entries()) {
        const [good, bad] = [scores[2 * i]!, scores[2 * i + 1]!];
        const isTie = sameIds(texts[2 * i]!.ids, texts[2 * i + 1]!.ids) ||
          Math.abs(good - bad) <= ROUNDING * (Math.abs(good) + Math.abs(bad));
        yield { ...pair, good, bad, correct: isTie ? 0.5 : good > bad ? 1 : 0 };
      }
    }
  } finally {
    await programs.clear();
  }
}

/** A text whose tokens are masked in turn. */
interface MaskableText {
  readonly ids: Uint32Array;
  /** Which positions are masked, each with the end of what is hidden with it. */
  readonly masked: readonly { readonly position: number; readonly end: number }[];
}

function maskable(
  { model: { config: { maxLength } }, tokenizer }: TextModel,
  text: string,
  { pair: { place }, restOfWord }: { pair: TextPair; restOfWord: boolean },
): MaskableText {
  const { ids, continues } = encoded(tokenizer, text, restOfWord);
  if (ids.length > maxLength) {
    throw new RangeError(
      `Cannot score the text of ${place}: it has ${ids.length} tokens, this model's longest is ${maxLength}`,
    );
  }
  const special = specialIds(tokenizer);
  const masked = [...ids.keys()].filter((i) => !special.has(ids[i]!)).map((position) => ({
    position,
    end: continues ? wordEnd({ continues }, position) : position + 1,
  }));
  if (masked.length > 0) return { ids, masked };
  throw new RangeError(
    `Cannot score the text of ${place}: none of its tokens can be masked, for all are special or unknown`,
  );
}

/** Ids of a text with those around it, and where words are wanted, which go on with a word. */
function encoded(
  tokenizer: Tokenizer,
  text: string,
  words: boolean,
): { ids: Uint32Array; continues: Uint8Array | undefined } {
  if (!words) return { ids: encodeFramed(tokenizer, text), continues: undefined };
  const { before = [], after = [] } = tokenizer.frame ?? {};
  const marked = joinIds([Uint32Array.from(before), tokenizer.encodeWords(text), Uint32Array.from(after)]);
  return { ids: withoutWords(marked), continues: continuesOf(marked) };
}

const sameIds = (a: Uint32Array, b: Uint32Array) => a.length === b.length && a.every((id, i) => id === b[i]);

/** Copies of texts, in each of which another token is masked. */
interface CopyBatch extends ShapedBatch {
  /** Number of each copy's text. */
  readonly owners: readonly number[];
}

/** All copies of texts, the longest first, in full batches of one length each. */
function* copyBatches({ model, tokenizer }: TextModel, texts: readonly MaskableText[]): Generator<CopyBatch> {
  const { maxLength, vocab } = model.config;
  const roomOf = ({ ids }: MaskableText) => Math.min(maxLength, Math.ceil(ids.length / LENGTH_STEP) * LENGTH_STEP);
  const copies = texts.flatMap((text, owner) =>
    text.masked.map(({ position, end }) => ({ text, owner, position, end, length: roomOf(text) }))
  ).sort((a, b) => b.length - a.length || a.owner - b.owner);
  for (let first = 0; first < copies.length;) {
    const { length } = copies[first]!;
    const windows = Math.max(1, Math.min(mostMaskedRows(vocab), Math.floor(BATCH_TOKENS / length)));
    const some = copies.slice(first, first + windows).filter((copy) => copy.length === length);
    first += some.length;
    const batch = emptyBatch(some.length, { length, tokenizer });
    for (const [w, { text: { ids }, position, end }] of some.entries()) {
      batch.ids.set(ids, w * length);
      batch.ids.fill(tokenizer.special["[MASK]"], w * length + position, w * length + end);
      batch.maskedRows[w] = w * length + position;
      batch.labels[w] = ids[position]!;
      for (let i = 0; i < length; i++) {
        batch.documents!.set(i < ids.length ? [0, ids.length] : [ids.length, length], 2 * (w * length + i));
      }
    }
    const shape = { windows, length, capacity: Math.ceil(windows / 4) * 4, documents: true, pairs: false };
    yield { batch, shape, owners: some.map(({ owner }) => owner) };
  }
}

function emptyBatch(windows: number, { length, tokenizer }: { length: number; tokenizer: Tokenizer }): Batch {
  const ids = new Uint32Array(windows * length).fill(tokenizer.special["[PAD]"]);
  const rows = () => new Uint32Array(windows);
  const documents = new Uint32Array(2 * ids.length);
  return { windows, length, ids, original: ids, maskedRows: rows(), labels: rows(), documents };
}

async function* inChunks(pairs: Iterable<TextPair> | AsyncIterable<TextPair>): AsyncGenerator<TextPair[]> {
  let chunk: TextPair[] = [];
  for await (const pair of pairs) {
    chunk.push(pair);
    if (chunk.length < PAIRS_AT_ONCE) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

/** How many of some pairs were told apart. */
export interface PairAccuracy {
  /** Share of the pairs whose good text is the more probable one; of ties, half. */
  readonly accuracy: number;
  /** Standard error of it; where all are told apart, or none, the distance to the far end of Wilson's interval. */
  readonly error: number;
  /** Pairs. */
  readonly pairs: number;
  /** Pairs whose texts are equally probable, such as those that the vocabulary writes alike. */
  readonly ties: number;
}

/** Accuracy on some pairs; NaN on none. */
export function pairAccuracy(scores: readonly Pick<PairScore, "correct">[]): PairAccuracy {
  const pairs = scores.length;
  const right = scores.reduce((sum, { correct }) => sum + correct, 0);
  const accuracy = right / pairs;
  const error = Math.max(leastError(pairs), Math.sqrt(accuracy * (1 - accuracy) / pairs));
  return { accuracy, error, pairs, ties: scores.filter(({ correct }) => correct === 0.5).length };
}

/** Accuracy of each group of pairs, in the order in which groups begin; none where no pair tells its group. */
export function groupAccuracies(
  scores: readonly Pick<PairScore, "correct" | "group">[],
): Map<string, PairAccuracy> {
  const groups = Map.groupBy(scores.filter(({ group }) => group !== undefined), ({ group }) => group!);
  return new Map([...groups].map(([group, some]) => [group, pairAccuracy(some)]));
}

/** Accuracy of the second of two models less that of the first, on the same pairs, with its standard error. */
export function accuracyDifference(
  first: readonly Pick<PairScore, "correct">[],
  second: readonly Pick<PairScore, "correct">[],
): { readonly difference: number; readonly error: number } {
  const values = first.map(({ correct }, i) => second[i]!.correct - correct);
  const count = values.length;
  const difference = values.reduce((sum, value) => sum + value, 0) / count;
  const squares = values.reduce((sum, value) => sum + (value - difference) ** 2, 0);
  return { difference, error: Math.max(leastError(count), Math.sqrt(squares / Math.max(1, count - 1) / count)) };
}
