/**
 * WordPiece: BERT's tokenizer (Devlin et al., 2019). Text is cleaned, split at spaces and punctuation, and each word is cut
 * into the longest pieces that the vocabulary has, from left to right.
 *
 * @module
 */

import { type BertNormalization, bertNormalize } from "./normalizers.ts";
import { keepToWords } from "./added.ts";
import { addedEncoder, type PlainEncoder, shownTokens, specialFormsOf } from "./pipeline.ts";
import { bertWords, eachBertWord } from "./pre_tokenizers.ts";
import { CONTINUES, dropWords, IdBuffer } from "./token_ids.ts";
import { findSpecials } from "./special_tokens.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { type Complete, type VocabularyOptions, vocabularyOptions } from "./vocabulary_options.ts";
import { WordCache } from "./word_cache.ts";

/** Options of {@linkcode wordPieceTokenizer}. */
export interface WordPieceOptions extends BertNormalization, VocabularyOptions {
  /**
   * Begins tokens that go on with a word.
   *
   * @default {"##"}
   */
  prefix?: string | undefined;
  /**
   * Stands for what the vocabulary cannot write.
   *
   * @default {"[UNK]"}
   */
  unknown?: string | undefined;
  /**
   * Code points of the longest word that is cut; longer ones are unknown.
   *
   * @default {100}
   */
  longestWord?: number | undefined;
}

/** A WordPiece tokenizer. */
export interface WordPieceTokenizer extends Tokenizer {
  /** WordPiece. */
  readonly type: "wordpiece";
  /** How it was made. */
  readonly options: Complete<WordPieceOptions>;
}

/** Options as they are where nothing is said. */
export function wordPieceOptions(options: WordPieceOptions = {}): Complete<WordPieceOptions> {
  const lowercase = options.lowercase ?? true;
  return {
    lowercase,
    stripAccents: options.stripAccents ?? lowercase,
    splitChinese: options.splitChinese ?? true,
    cleanText: options.cleanText ?? true,
    prefix: options.prefix ?? "##",
    unknown: options.unknown ?? "[UNK]",
    longestWord: options.longestWord ?? 100,
    ...vocabularyOptions(options),
  };
}

/**
 * A tokenizer over the tokens of a vocabulary, in order of their ids.
 *
 * @throws {RangeError} if it lacks [PAD], [MASK] or the unknown token.
 *
 * @example
 * ```ts
 * import { wordPieceTokenizer } from "@cloze/mlm/tokenizer";
 *
 * const tokenizer = wordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "play", "##ing", "!"]);
 * console.log(tokenizer.decode(tokenizer.encode("Playing!"))); // playing!
 * ```
 */
export function wordPieceTokenizer(tokens: readonly string[], given: WordPieceOptions = {}): WordPieceTokenizer {
  const options = wordPieceOptions(given);
  const { prefix, longestWord } = options;
  const idOf = new Map(tokens.map((token, id) => [token, id]));
  const special = findSpecials((token) => idOf.get(token), options.spelling);
  const unknown = idOf.get(options.unknown);
  if (unknown === undefined) throw new RangeError(`A WordPiece vocabulary needs its unknown token ${options.unknown}`);
  const specialTokens = Object.values(special).map((id) => tokens[id]!);
  const apart = [
    ...options.added.filter((token) => !token.inVocabulary).map(({ content }) => content),
    ...specialTokens,
  ];
  const pieces = wordPieces(tokens, { prefix, longestWord, unknown, apart });
  const cache = new WordCache((chunk) => {
    const out = new IdBuffer(8);
    for (const word of wordsOf(bertNormalize(chunk, options))) pieces(word, out);
    return out.take();
  });
  const normalizedCache = new WordCache((chunk) => {
    const out = new IdBuffer(8);
    for (const word of wordsOf(chunk)) pieces(word, out);
    return out.take();
  });
  const chunksOf = (words: WordCache): PlainEncoder => (text, out) => {
    for (let at = 0; at < text.length;) {
      while (at < text.length && isSeparator(text.charCodeAt(at))) at++;
      const start = at;
      while (at < text.length && !isSeparator(text.charCodeAt(at))) at++;
      if (at > start) out.append(words.get(text.slice(start, at)));
    }
  };
  const normalize = (text: string) => bertNormalize(text, options);
  const shown = shownTokens(tokens, { added: [...options.specialForms, ...options.added], normalize });
  const specials = specialFormsOf(options.specialForms, specialTokens);
  const { encodeWords, encodeWhole } = addedEncoder({
    idOf: (token) => idOf.get(token)!,
    added: options.added,
    special: specials,
    normalize,
    plain: chunksOf(cache),
    normalized: chunksOf(normalizedCache),
  });
  return {
    type: "wordpiece",
    options,
    tokens,
    size: tokens.length,
    special,
    splitsAtSpaces: keepToWords([...specials, ...options.added]),
    encodeWords,
    encode: (text) => dropWords(encodeWords(text)),
    encodeWhole: (text) => dropWords(encodeWhole(text)),
    token: (id) => tokens[id] ?? "",
    piece: (id) => joinPieces(["", shown[id] ?? ""], prefix),
    decode: (ids) => joinPieces(Array.from(ids, (id) => shown[id] ?? ""), prefix),
  };
}

/** Characters of a text without white space from which on its words are not gathered. */
const LONG_CHUNK = 1 << 16;

const wordsOf = (text: string) => text.length < LONG_CHUNK ? bertWords(text) : eachBertWord(text);

/** What {@linkcode wordPieces} needs beside the tokens. */
export interface WordPieceModelOptions {
  /** Begins tokens that go on with a word. */
  readonly prefix: string;
  /** Code points of the longest word that is cut. */
  readonly longestWord: number;
  /** Id of what the vocabulary cannot write; undefined: it is left out. */
  readonly unknown: number | undefined;
  /** What is found before text is split is no piece of a word. */
  readonly apart: readonly string[];
}

/** Appends the ids of a word: the longest pieces from left to right, {@linkcode CONTINUES} in all but the first. */
export function wordPieces(
  tokens: readonly string[],
  { prefix, longestWord, unknown, apart }: WordPieceModelOptions,
): (word: string, out: IdBuffer) => void {
  // two tables spare joining the prefix to every candidate
  const first = new Map<string, number>();
  const next = new Map<string, number>();
  let longest = 1;
  const hidden = new Set(apart);
  for (const [id, token] of tokens.entries()) {
    // ids may be left out
    if (token === undefined || hidden.has(token)) continue;
    if (prefix !== "" && token.startsWith(prefix)) next.set(token.slice(prefix.length), id);
    first.set(token, id);
    longest = Math.max(longest, token.length);
  }
  if (prefix === "") { for (const [token, id] of first) next.set(token, id); }
  return (word, out) => {
    // a character has at most two units: of a word that is far too long the beginning tells
    if (word.length > longestWord && [...word.slice(0, 2 * longestWord + 2)].length > longestWord) {
      if (unknown !== undefined) out.push(unknown);
      return;
    }
    const found: number[] = [];
    for (let start = 0; start < word.length;) {
      const table = start === 0 ? first : next;
      let end = Math.min(word.length, start + longest);
      let id: number | undefined;
      while (end > start && (id = table.get(word.slice(start, end))) === undefined) end--;
      if (id === undefined) {
        if (unknown !== undefined) out.push(unknown);
        return;
      }
      found.push(start === 0 ? id : id + CONTINUES);
      start = end;
    }
    for (const id of found) out.push(id);
  };
}

/**
 * White space between words: what is left of Unicode's after control and format characters are removed. Cutting there first
 * changes nothing, for accents do not reach across.
 */
function isSeparator(unit: number): boolean {
  if (unit < 0x80) return unit === 32 || unit === 10 || unit === 9 || unit === 13;
  return unit === 0xa0 || unit === 0x1680 || (unit >= 0x2000 && unit <= 0x200a) || unit === 0x2028 || unit === 0x2029 ||
    unit === 0x202f || unit === 0x205f || unit === 0x3000;
}

/** Pieces as text: without the space before what English writes close to the word before. */
function joinPieces(pieces: readonly string[], prefix: string): string {
  return pieces.map((piece, i) => {
    if (i === 0) return piece;
    if (prefix !== "" && piece.startsWith(prefix)) return piece.slice(prefix.length);
    return closeToWord.has(piece) ? piece : ` ${piece}`;
  }).join("");
}

const closeToWord = new Set([".", "?", "!", ",", "n't", "'m", "'s", "'ve", "'re"]);
