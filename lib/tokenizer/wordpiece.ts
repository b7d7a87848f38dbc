/**
 * WordPiece: BERT's tokenizer (Devlin et al., 2019). Text is cleaned, split at spaces and punctuation, and each word is cut
 * into the longest pieces that the vocabulary has, from left to right.
 *
 * @module
 */

import {
  type AddedToken,
  CONTINUES,
  findSpecials,
  IdBuffer,
  type SpecialSpelling,
  splitAtAdded,
  type Tokenizer,
  withoutWords,
  WordCache,
} from "./tokenizer.ts";

/** How BERT prepares text. */
export interface BertNormalization {
  /** Lower case. Default: true. */
  lowercase?: boolean;
  /** Remove accents. Default: as `lowercase`. */
  stripAccents?: boolean | undefined;
  /** Set Chinese characters apart as words of their own. Default: true. */
  splitChinese?: boolean;
  /** Remove control characters. Default: true. */
  cleanText?: boolean;
}

/** Options of {@linkcode wordPieceTokenizer}. */
export interface WordPieceOptions extends BertNormalization {
  /** Begins tokens that go on with a word. Default: "##". */
  prefix?: string;
  /** Stands for what the vocabulary cannot write. Default: "[UNK]". */
  unknown?: string;
  /** Code points of the longest word that is cut; longer ones are unknown. Default: 100. */
  longestWord?: number;
  /** Tokens beside the special ones that are found in text before it is split. */
  added?: readonly AddedToken[];
  /** Special tokens that are not called by BERT's names. */
  spelling?: SpecialSpelling;
}

/** A WordPiece tokenizer. */
export interface WordPieceTokenizer extends Tokenizer {
  /** WordPiece. */
  readonly type: "wordpiece";
  /** How it was made. */
  readonly options: Required<WordPieceOptions>;
}

/** Options as they are where nothing is said. */
export function wordPieceOptions(options: WordPieceOptions = {}): Required<WordPieceOptions> {
  const lowercase = options.lowercase ?? true;
  return {
    lowercase,
    stripAccents: options.stripAccents ?? lowercase,
    splitChinese: options.splitChinese ?? true,
    cleanText: options.cleanText ?? true,
    prefix: options.prefix ?? "##",
    unknown: options.unknown ?? "[UNK]",
    longestWord: options.longestWord ?? 100,
    added: options.added ?? [],
    spelling: options.spelling ?? {},
  };
}

/**
 * A tokenizer over the tokens of a vocabulary, in order of their ids.
 *
 * @throws {RangeError} if it lacks [PAD], [MASK] or the unknown token.
 *
 * @example
 * ```ts
 * import { wordPieceTokenizer } from "@cloze/mlm";
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
  // two tables spare joining the prefix to every candidate
  const first = new Map<string, number>();
  const next = new Map<string, number>();
  let longest = 1;
  // what is found before text is split is no piece of a word
  const apart = new Set(options.added.map(({ content }) => content));
  for (const [id, token] of tokens.entries()) {
    if (apart.has(token)) continue;
    if (prefix !== "" && token.startsWith(prefix)) next.set(token.slice(prefix.length), id);
    first.set(token, id);
    longest = Math.max(longest, token.length);
  }
  if (prefix === "") { for (const [token, id] of first) next.set(token, id); }

  const pieces = (word: string, out: IdBuffer) => {
    if (word.length > longestWord && [...word].length > longestWord) {
      out.push(unknown);
      return;
    }
    const found: number[] = [];
    for (let start = 0; start < word.length;) {
      const table = start === 0 ? first : next;
      let end = Math.min(word.length, start + longest);
      let id: number | undefined;
      while (end > start && (id = table.get(word.slice(start, end))) === undefined) end--;
      if (id === undefined) {
        out.push(unknown);
        return;
      }
      found.push(start === 0 ? id : id + CONTINUES);
      start = end;
    }
    for (const id of found) out.push(id);
  };
  const cache = new WordCache((chunk) => {
    const out = new IdBuffer(8);
    for (const word of bertWords(bertNormalize(chunk, options))) pieces(word, out);
    return out.take();
  });
  const split = splitAtAdded(options.added);
  const encodeWords = (text: string) => {
    const out = new IdBuffer(text.length >> 1);
    for (const { text: piece, token } of split(text)) {
      if (token !== undefined) out.push(idOf.get(token)!);
      else encodePlain(piece, out);
    }
    return out.take();
  };
  const encodePlain = (text: string, out: IdBuffer) => {
    for (let at = 0; at < text.length;) {
      while (at < text.length && isSeparator(text.charCodeAt(at))) at++;
      const start = at;
      while (at < text.length && !isSeparator(text.charCodeAt(at))) at++;
      if (at > start) out.append(cache.get(text.slice(start, at)));
    }
  };
  return {
    type: "wordpiece",
    options,
    tokens,
    size: tokens.length,
    special,
    encodeWords,
    encode: (text) => withoutWords(encodeWords(text)),
    token: (id) => tokens[id] ?? "",
    piece: (id) => joinPieces(["", tokens[id] ?? ""], prefix),
    decode: (ids) => joinPieces(Array.from(ids, (id) => tokens[id] ?? ""), prefix),
  };
}

/**
 * White space between words: what is left of Unicode's after control and format characters are removed. Cutting there first
 * changes nothing, for neither accents nor the case of a final sigma reach across.
 */
function isSeparator(unit: number): boolean {
  if (unit < 0x80) return unit === 32 || unit === 10 || unit === 9 || unit === 13;
  return unit === 0xa0 || unit === 0x1680 || (unit >= 0x2000 && unit <= 0x200a) || unit === 0x2028 || unit === 0x2029 ||
    unit === 0x202f || unit === 0x205f || unit === 0x3000;
}

// every C category but "unassigned": characters of later versions of Unicode stay
const removed = /(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}\p{Cs}\ufffd]/gu;
const chinese =
  /[\u4e00-\u9fff\u3400-\u4dbf\uf900-\ufaff\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b820}-\u{2ceaf}\u{2f800}-\u{2fa1f}]/gu;
const marks = /\p{Mn}/gu;
const plain = /^[\x20-\x7e]*$/;

/** Text as BERT sees it: cleaned, Chinese characters apart, lower case, without accents. */
export function bertNormalize(text: string, options: BertNormalization): string {
  const { lowercase = true, stripAccents = lowercase, splitChinese = true, cleanText = true } = options;
  if (plain.test(text)) return lowercase ? text.toLowerCase() : text;
  if (cleanText) text = text.replace(removed, "").replace(/\s/gu, " ");
  if (splitChinese) text = text.replace(chinese, " $& ");
  if (lowercase) text = text.toLowerCase();
  return stripAccents ? text.normalize("NFD").replace(marks, "") : text;
}

// everything that ASCII prints and is neither letter nor digit counts as punctuation, and all that Unicode calls so
const words = /[^\s\p{P}!-/:-@[-`{-~]+|[\p{P}!-/:-@[-`{-~]/gu;

/** Words and single punctuation characters. */
export function bertWords(text: string): readonly string[] {
  return text.match(words) ?? [];
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
