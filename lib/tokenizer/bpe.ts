/**
 * Byte-level byte-pair encoding: text is split as in GPT-2 (Radford et al., 2019), each piece's UTF-8 bytes are joined pair
 * by pair in the order in which training found the pairs (Sennrich, Haddow and Birch, 2016). Every text can be written.
 *
 * @module
 */

import { keepToWords } from "./added.ts";
import { mergeAll, mergesOf } from "./merges.ts";
import { bpePieces, byteCharacters, byteOf } from "./byte_level.ts";
import { normalForm } from "./normalizers.ts";
import { addedEncoder, type PlainEncoder, specialFormsOf } from "./pipeline.ts";
import { findSpecials } from "./special_tokens.ts";
import { dropWords, markAll } from "./token_ids.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { type Complete, type VocabularyOptions, vocabularyOptions } from "./vocabulary_options.ts";
import { WordCache } from "./word_cache.ts";

/** Options of {@linkcode bpeTokenizer}. */
export interface BpeOptions extends VocabularyOptions {
  /**
   * Begin every text with a space.
   *
   * @default {false}
   */
  addPrefixSpace?: boolean | undefined;
  /**
   * Compose characters first (Unicode's NFC).
   *
   * @default {false}
   */
  compose?: boolean | undefined;
  /**
   * Take a piece that is a token as it is, whatever the merges say.
   *
   * @default {false}
   */
  ignoreMerges?: boolean | undefined;
}

/** A byte-level BPE tokenizer. */
export interface BpeTokenizer extends Tokenizer {
  /** Byte-pair encoding. */
  readonly type: "bpe";
  /** Pairs in the order in which they are joined, tokens as the vocabulary writes them. */
  readonly merges: readonly (readonly [string, string])[];
  /** How it was made. */
  readonly options: Complete<BpeOptions>;
}

/** Byte in place of a character that stands for none. */
const QUESTION_MARK = 63;

/**
 * A tokenizer over the tokens of a vocabulary, in order of their ids, and its merges.
 *
 * @throws {RangeError} if a special token, a byte or a merge's result is missing.
 */
export function bpeTokenizer(
  tokens: readonly string[],
  merges: readonly (readonly [string, string])[],
  given: BpeOptions = {},
): BpeTokenizer {
  const options = {
    addPrefixSpace: given.addPrefixSpace ?? false,
    compose: given.compose ?? false,
    ignoreMerges: given.ignoreMerges ?? false,
    ...vocabularyOptions(given),
  };
  const idOf = new Map(tokens.map((token, id) => [token, id]));
  const special = findSpecials((token) => idOf.get(token), options.spelling);
  const find = (token: string) => {
    const id = idOf.get(token);
    if (id === undefined) throw new RangeError(`The vocabulary lacks the token ${JSON.stringify(token)}`);
    return id;
  };
  const byteIds = Uint32Array.from(byteCharacters, find);
  const joins = mergesOf(merges, { idOf });
  // what is found before text is split is no piece of it
  const apart = new Set([
    ...Object.values(special),
    ...options.added.filter((token) => !token.inVocabulary).map(({ content }) => find(content)),
  ]);
  const encoder = new TextEncoder();
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

  const cache = new WordCache((piece) => {
    const bytes = encoder.encode(piece);
    if (options.ignoreMerges) {
      const whole = idOf.get(Array.from(bytes, (byte) => byteCharacters[byte]).join(""));
      if (whole !== undefined && !apart.has(whole)) return Uint32Array.of(whole);
    }
    const symbols = Uint32Array.from(bytes, (byte) => byteIds[byte]!);
    return markAll(symbols.slice(0, mergeAll(symbols, joins)));
  });
  const pieces: PlainEncoder = (text, out) => {
    if (options.addPrefixSpace && text !== "" && !text.startsWith(" ")) text = ` ${text}`;
    for (const [piece] of text.matchAll(bpePieces)) out.append(cache.get(piece));
  };
  const specials = specialFormsOf(options.specialForms, Object.values(special).map((id) => tokens[id]!));
  const { encodeWords, encodeWhole } = addedEncoder({
    idOf: find,
    added: options.added,
    special: specials,
    normalize: options.compose ? (text) => normalForm(text, "NFC") : undefined,
    plain: options.compose ? (text, out, first) => pieces(normalForm(text, "NFC"), out, first) : pieces,
    normalized: pieces,
  });
  const decode = (ids: ArrayLike<number>) => {
    let text = "";
    let bytes: number[] = [];
    const flush = () => {
      text += decoder.decode(Uint8Array.from(bytes));
      bytes = [];
    };
    for (let i = 0; i < ids.length; i++) {
      const token = tokens[ids[i]!] ?? "";
      if (specialIds.has(ids[i]!)) {
        flush();
        text += token;
      } else for (const character of token) bytes.push(byteOf.get(character) ?? QUESTION_MARK);
    }
    flush();
    return text;
  };
  const specialIds = new Set<number>([...Object.values(special), ...options.added.map(({ content }) => find(content))]);
  return {
    type: "bpe",
    options,
    tokens,
    merges,
    size: tokens.length,
    special,
    splitsAtSpaces: keepToWords([...specials, ...options.added]),
    encodeWords,
    encode: (text) => dropWords(encodeWords(text)),
    encodeWhole: (text) => dropWords(encodeWhole(text)),
    token: (id) => tokens[id] ?? "",
    piece: (id) => decode([id]),
    decode,
  };
}
