/**
 * Training of vocabularies: words are counted once, then their symbols are joined until the vocabulary is full.
 *
 * @module
 */

import { type BpeTokenizer, bpeTokenizer } from "./bpe.ts";
import { bpePieces, byteCharacters } from "./byte_level.ts";
import { learnMerges, UNKNOWN } from "./learn_merges.ts";
import { type CharacterTokenizer, characterTokenizer } from "./character.ts";
import { specialTokens, type Tokenizer, type TokenizerType } from "./tokenizer.ts";
import { bertNormalize } from "./normalizers.ts";
import { textSections } from "./encode_pieces.ts";
import { bertWords } from "./pre_tokenizers.ts";
import type { Complete } from "./vocabulary_options.ts";
import { type WordPieceOptions, wordPieceOptions, wordPieceTokenizer } from "./wordpiece.ts";

/** Options of {@linkcode trainTokenizer}. */
export interface TrainTokenizerOptions extends Pick<WordPieceOptions, "lowercase" | "stripAccents" | "splitChinese"> {
  /** Kind of vocabulary. */
  type: TokenizerType;
  /**
   * Tokens, special ones included; of characters, the most frequent ones.
   *
   * @default {8192}
   */
  size?: number | undefined;
  /**
   * Times that a pair must occur to become a token.
   *
   * @default {2}
   */
  leastCount?: number | undefined;
  /** Told now and then how far it is. */
  progress?: ((stage: "reading" | "joining", done: number) => void) | undefined;
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
 * import { trainTokenizer } from "@cloze/mlm/tokenizer";
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
    for (const piece of eachMatch(line, pattern)) {
      const count = counts.get(piece);
      if (count !== undefined) counts.set(piece, count + 1);
      // a long slice would keep its whole line in memory
      else counts.set(piece.length > 12 ? [...piece].join("") : piece, 1);
    }
  }
  for (const [codePoint, count] of codePoints) counts.set(String.fromCodePoint(codePoint), count);
  return counts;
}

/** The matches in a line, those of a long one section by section. */
function* eachMatch(line: string, pattern: RegExp): Generator<string> {
  for (const section of textSections(line, { splitsAtSpaces: true })) yield* section.match(pattern) ?? [];
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
  { size, leastCount, progress, wordPiece }: Learning & { wordPiece: Complete<WordPieceOptions> },
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
