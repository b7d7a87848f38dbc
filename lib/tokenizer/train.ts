/**
 * Training of vocabularies: words are counted once, then the most frequent pair of neighbouring symbols becomes a new one
 * until the vocabulary is full (Sennrich, Haddow and Birch, 2016).
 *
 * @module
 */

import { type BpeTokenizer, bpeTokenizer } from "./bpe.ts";
import { bpePieces, byteCharacters } from "./byte_level.ts";
import { type CharacterTokenizer, characterTokenizer } from "./character.ts";
import { specialTokens, type Tokenizer, type TokenizerType } from "./tokenizer.ts";
import { bertNormalize } from "./normalizers.ts";
import { bertWords } from "./pre_tokenizers.ts";
import { type WordPieceOptions, wordPieceOptions, wordPieceTokenizer } from "./wordpiece.ts";

/** Options of {@linkcode trainTokenizer}. */
export interface TrainTokenizerOptions extends Pick<WordPieceOptions, "lowercase" | "stripAccents" | "splitChinese"> {
  /** Kind of vocabulary. */
  type: TokenizerType;
  /** Tokens, special ones included; of characters, the most frequent ones. Default: 8192. */
  size?: number;
  /** Times that a pair must occur to become a token. Default: 2. */
  leastCount?: number;
  /** Told now and then how far it is. */
  progress?: (stage: "reading" | "joining", done: number) => void;
}

/** Lines between two calls of `progress`. */
const PROGRESS_LINES = 1 << 14;

/** Different characters that a WordPiece vocabulary begins with, at most; rarer ones are unknown. */
const MOST_CHARACTERS = 1000;

/**
 * Trains a tokenizer on lines of text. Where the text supports no more, the vocabulary stays smaller than asked for.
 *
 * @throws {RangeError} if there is no text, or the size is too small for the special tokens and the alphabet.
 *
 * @example
 * ```ts
 * import { trainTokenizer } from "@cloze/mlm";
 *
 * const lines = ["low lower lowest", "new newer newest"];
 * const tokenizer = await trainTokenizer(lines, { type: "wordpiece", size: 40 });
 * console.log(Array.from(tokenizer.encode("newest"), (id) => tokenizer.token(id)));
 * ```
 */
export async function trainTokenizer(
  lines: AsyncIterable<string> | Iterable<string>,
  options: TrainTokenizerOptions,
): Promise<Tokenizer> {
  const { type, size = 8192, leastCount = 2, progress } = options;
  if (!Number.isInteger(size) || size < specialTokens.length + 1) {
    throw new RangeError(
      `Cannot train a vocabulary of ${size}: there must be room for more than ${specialTokens.length}`,
    );
  }
  const counts = await countPieces(lines, type, progress);
  if (counts.size === 0) throw new RangeError("Cannot train a vocabulary without text");
  const learning = { size, leastCount, progress };
  switch (type) {
    case "char":
      return charactersOf(counts, size);
    case "wordpiece":
      return learnWordPiece(counts, { ...learning, wordPiece: wordPieceOptions(options) });
    case "bpe":
      return learnBpe(counts, learning);
  }
}

/** How often each raw piece occurs: a character, what stands between spaces, or a piece of GPT-2's pattern. */
async function countPieces(
  lines: AsyncIterable<string> | Iterable<string>,
  type: TokenizerType,
  progress: TrainTokenizerOptions["progress"],
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  const pattern = type === "bpe" ? bpePieces : /\P{White_Space}+/gu;
  const codePoints = new Map<number, number>();
  let read = 0;
  for await (const given of lines) {
    const line = given.isWellFormed() ? given : given.toWellFormed();
    if (++read % PROGRESS_LINES === 0) progress?.("reading", read);
    if (type === "char") {
      for (let i = 0; i < line.length; i++) {
        const codePoint = line.codePointAt(i)!;
        if (codePoint > 0xffff) i++;
        codePoints.set(codePoint, (codePoints.get(codePoint) ?? 0) + 1);
      }
      continue;
    }
    for (const piece of line.match(pattern) ?? []) {
      const count = counts.get(piece);
      if (count !== undefined) counts.set(piece, count + 1);
      // a long slice would keep its whole line in memory
      else counts.set(piece.length > 12 ? [...piece].join("") : piece, 1);
    }
  }
  for (const [codePoint, count] of codePoints) counts.set(String.fromCodePoint(codePoint), count);
  return counts;
}

function charactersOf(counts: ReadonlyMap<string, number>, size: number): CharacterTokenizer {
  const kept = new Map(counts);
  // lines are told apart by it
  kept.set("\n", Infinity);
  const frequent = [...kept].filter(([character]) => !/\p{Cs}/u.test(character)).sort((a, b) =>
    b[1] - a[1] || (a[0] < b[0] ? -1 : 1)
  );
  return characterTokenizer(frequent.slice(0, size - specialTokens.length).map(([character]) => character));
}

interface Learning {
  size: number;
  leastCount: number;
  progress: TrainTokenizerOptions["progress"];
}

function learnBpe(counts: ReadonlyMap<string, number>, { size, leastCount, progress }: Learning): BpeTokenizer {
  const tokens: string[] = [...specialTokens, ...[...byteCharacters].sort((a, b) => a < b ? -1 : 1)];
  if (size < tokens.length) {
    throw new RangeError(
      `Cannot train a byte-level vocabulary of ${size}: special tokens and bytes alone are ${tokens.length}`,
    );
  }
  const idOf = new Map(tokens.map((token, id) => [token, id]));
  const byteIds = byteCharacters.map((character) => idOf.get(character)!);
  const encoder = new TextEncoder();
  const words = [...counts].map(([piece, count]) => ({
    symbols: Array.from(encoder.encode(piece), (byte) => byteIds[byte]!),
    count,
  }));
  const merges = learnMerges(words, { tokens, size, leastCount, progress, join: (left, right) => left + right });
  return bpeTokenizer(tokens, merges.map(([left, right]) => [tokens[left]!, tokens[right]!]));
}

function learnWordPiece(
  counts: ReadonlyMap<string, number>,
  { size, leastCount, progress, wordPiece }: Learning & { wordPiece: Required<WordPieceOptions> },
): Tokenizer {
  const { prefix } = wordPiece;
  const wordCounts = new Map<string, number>();
  for (const [chunk, count] of counts) {
    for (const word of bertWords(bertNormalize(chunk, wordPiece))) {
      wordCounts.set(word, (wordCounts.get(word) ?? 0) + count);
    }
  }
  const characters = new Map<string, number>();
  const pieces = new Map<string, number>();
  for (const [word, count] of wordCounts) {
    for (const [i, character] of [...word].entries()) {
      characters.set(character, (characters.get(character) ?? 0) + count);
      const piece = i === 0 ? character : prefix + character;
      pieces.set(piece, (pieces.get(piece) ?? 0) + count);
    }
  }
  const byCount = (a: [string, number], b: [string, number]) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1);
  const alphabet = new Set([...characters].sort(byCount).slice(0, MOST_CHARACTERS).map(([character]) => character));
  const room = size - specialTokens.length;
  const first = [...pieces].filter(([piece]) => alphabet.has(piece) || alphabet.has(piece.slice(prefix.length)))
    .sort(byCount).slice(0, room).map(([piece]) => piece).sort();
  const tokens: string[] = [...specialTokens, ...first];
  const idOf = new Map(tokens.map((token, id) => [token, id]));
  const words = [...wordCounts].map(([word, count]) => ({
    symbols: Array.from([...word], (character, i) => idOf.get(i === 0 ? character : prefix + character) ?? UNKNOWN),
    count,
  }));
  learnMerges(words, { tokens, size, leastCount, progress, join: (left, right) => left + right.slice(prefix.length) });
  return wordPieceTokenizer(tokens, wordPiece);
}

/** A symbol that joins nothing. */
const UNKNOWN = -1;

/** Larger than any id: a pair is a number, left · PAIR + right. */
const PAIR = 2 ** 24;

/**
 * Appends tokens, each of the pair that is most frequent at that point (of equals, the one with the lower ids), until there
 * are `size`; returns the pairs. Only words that contain the pair are looked at, and counts are corrected in place.
 */
function learnMerges(
  words: { symbols: number[]; count: number }[],
  { tokens, size, leastCount, progress, join }: Learning & {
    tokens: string[];
    join: (left: string, right: string) => string;
  },
): [number, number][] {
  const counts = new Map<number, number>();
  const places = new Map<number, number[]>();
  const change = (left: number, right: number, by: number, word: number) => {
    if (left === UNKNOWN || right === UNKNOWN) return;
    const pair = left * PAIR + right;
    counts.set(pair, (counts.get(pair) ?? 0) + by);
    if (by < 0) return;
    const at = places.get(pair);
    if (!at) places.set(pair, [word]);
    else if (at.at(-1) !== word) at.push(word);
  };
  for (const [index, { symbols, count }] of words.entries()) {
    for (let i = 0; i + 1 < symbols.length; i++) change(symbols[i]!, symbols[i + 1]!, count, index);
  }
  const heap = new PairHeap();
  for (const [pair, count] of counts) heap.push(pair, count);
  const idOf = new Map(tokens.map((token, id) => [token, id]));
  const merges: [number, number][] = [];
  while (tokens.length < size) {
    const top = heap.pop();
    if (!top) break;
    const current = counts.get(top.pair) ?? 0;
    if (current !== top.count) {
      // an outdated entry: the pair waits with its true count
      if (current >= leastCount) heap.push(top.pair, current);
      continue;
    }
    if (current < leastCount) break;
    const [left, right] = [Math.floor(top.pair / PAIR), top.pair % PAIR];
    const token = join(tokens[left]!, tokens[right]!);
    // two ways to the same token: one id
    let id = idOf.get(token);
    if (id === undefined) {
      id = tokens.push(token) - 1;
      idOf.set(token, id);
    }
    merges.push([left, right]);
    if (merges.length % 256 === 0) progress?.("joining", tokens.length);
    const touched = new Set<number>();
    for (const index of places.get(top.pair) ?? []) {
      const { symbols, count } = words[index]!;
      let kept = 0;
      for (let i = 0; i < symbols.length; i++) {
        if (symbols[i] !== left || symbols[i + 1] !== right) {
          symbols[kept++] = symbols[i]!;
          continue;
        }
        const before = kept > 0 ? symbols[kept - 1]! : UNKNOWN;
        const after = i + 2 < symbols.length ? symbols[i + 2]! : UNKNOWN;
        change(before, left, -count, index);
        change(right, after, -count, index);
        change(before, id, count, index);
        change(id, after, count, index);
        if (before !== UNKNOWN) touched.add(before * PAIR + id);
        if (after !== UNKNOWN) touched.add(id * PAIR + after);
        symbols[kept++] = id;
        i++;
      }
      symbols.length = kept;
    }
    counts.delete(top.pair);
    places.delete(top.pair);
    for (const pair of touched) {
      const count = counts.get(pair) ?? 0;
      if (count >= leastCount) heap.push(pair, count);
    }
  }
  return merges;
}

/** The most frequent pair first; of equals the smaller one. */
class PairHeap {
  #pairs: number[] = [];
  #counts: number[] = [];

  push(pair: number, count: number): void {
    const pairs = this.#pairs;
    const counts = this.#counts;
    let at = pairs.length;
    pairs.push(pair);
    counts.push(count);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isAhead(count, pair, counts[parent]!, pairs[parent]!)) break;
      pairs[at] = pairs[parent]!;
      counts[at] = counts[parent]!;
      at = parent;
    }
    pairs[at] = pair;
    counts[at] = count;
  }

  pop(): { pair: number; count: number } | undefined {
    const pairs = this.#pairs;
    const counts = this.#counts;
    if (pairs.length === 0) return undefined;
    const top = { pair: pairs[0]!, count: counts[0]! };
    const pair = pairs.pop()!;
    const count = counts.pop()!;
    const size = pairs.length;
    if (size > 0) {
      let at = 0;
      for (let child = 1; child < size; child = 2 * at + 1) {
        if (child + 1 < size && isAhead(counts[child + 1]!, pairs[child + 1]!, counts[child]!, pairs[child]!)) child++;
        if (!isAhead(counts[child]!, pairs[child]!, count, pair)) break;
        pairs[at] = pairs[child]!;
        counts[at] = counts[child]!;
        at = child;
      }
      pairs[at] = pair;
      counts[at] = count;
    }
    return top;
  }
}

function isAhead(count: number, pair: number, otherCount: number, otherPair: number): boolean {
  return count > otherCount || (count === otherCount && pair < otherPair);
}
