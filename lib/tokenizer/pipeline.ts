/**
 * What all tokenizers share: added tokens are found in a text, then in what the normalizer leaves of it; the rest becomes words,
 * and words become ids.
 *
 * @module
 */

import { type AddedSplitter, type AddedToken, keepToWords, splitterAt } from "./added.ts";
import type { Decoder } from "./decoders.ts";
import type { Normalizer } from "./normalizers.ts";
import type { PreTokenizer } from "./pre_tokenizers.ts";
import { CONTINUES, dropWords, IdBuffer } from "./token_ids.ts";
import type { Tokenizer, VocabularyType } from "./tokenizer.ts";
import { WordCache } from "./word_cache.ts";

/** Ids of a word. */
export type WordModel = (word: string) => Uint32Array<ArrayBuffer>;

/** Appends the ids of a text in which no added token is; `first` where it begins as the whole text does. */
export type PlainEncoder = (text: string, out: IdBuffer, first: boolean) => void;

/** Options of {@linkcode addedEncoder}. */
export interface AddedEncoderOptions {
  /** Id of an added token. */
  readonly idOf: (token: string) => number;
  /** Added tokens that are found in every text. */
  readonly added: readonly AddedToken[];
  /** Special tokens, which are found only where they stand for themselves. */
  readonly special: readonly AddedToken[];
  /** The normalizer; undefined: text stays as it is. */
  readonly normalize: Normalizer | undefined;
  /** Ids of text as it is. */
  readonly plain: PlainEncoder;
  /** Ids of normalized text. */
  readonly normalized: PlainEncoder;
  /** Whether these treat the beginning of a text differently. Default: false. */
  readonly usesBeginning?: boolean;
}

/** Ids of texts with {@linkcode CONTINUES}, special tokens as text, or as themselves. */
export interface AddedEncoder {
  /** Special tokens are text like any other. */
  readonly encodeWords: (text: string) => Uint32Array<ArrayBuffer>;
  /** Special tokens are themselves. */
  readonly encodeWhole: (text: string) => Uint32Array<ArrayBuffer>;
}

/** Puts added tokens around what encodes plain text. */
export function addedEncoder(options: AddedEncoderOptions): AddedEncoder {
  const { special, added } = options;
  return { encodeWords: encoderOf(options, added), encodeWhole: encoderOf(options, [...special, ...added]) };
}

function encoderOf(
  { idOf, normalize, plain, normalized, usesBeginning = false }: AddedEncoderOptions,
  tokens: readonly AddedToken[],
): (text: string) => Uint32Array<ArrayBuffer> {
  const raw = splitterAt(tokens.filter((token) => !token.normalized));
  const inNormal = splitterAt(tokens.filter((token) => token.normalized), normalize);
  const encode = (text: string, out: IdBuffer, first: boolean) => {
    if (!inNormal) return plain(text, out, first);
    const clean = normalize ? normalize(text) : text;
    const beginning = first && usesBeginning && keepsBeginning(text, clean, normalize);
    at(
      inNormal,
      clean,
      (piece, start) => normalized(piece, out, beginning && start === 0),
      (token) => out.push(idOf(token)),
    );
  };
  return (text) => {
    const out = new IdBuffer(text.length >> 1);
    if (!raw) encode(text, out, true);
    else {
      if (!text.isWellFormed()) text = text.toWellFormed();
      at(raw, text, (piece, start) => encode(piece, out, start === 0), (token) => out.push(idOf(token)));
    }
    return out.take();
  };
}

function at(
  split: AddedSplitter,
  text: string,
  plain: (text: string, start: number) => void,
  found: (token: string) => void,
): void {
  for (const piece of split(text)) {
    if (piece.token !== undefined) found(piece.token);
    else plain(piece.text, piece.start);
  }
}

/** Whether the first character of a normalized text comes from the first of the text: where one is removed, the next is no longer at the beginning. */
function keepsBeginning(text: string, normal: string, normalize: Normalizer | undefined): boolean {
  if (!normalize || text === "" || normal === "" || text[0] === normal[0]) return true;
  const rest = text.slice(text.codePointAt(0)! > 0xffff ? 2 : 1);
  return normalize(rest) !== normal;
}

/** How each special token is found: as one of the forms says, or as it is spelled. */
export function specialFormsOf(forms: readonly AddedToken[], special: readonly string[]): AddedToken[] {
  const plain = new Set(special.filter((token) => !forms.some(({ content }) => content === token)));
  return [...forms, ...Array.from(plain, (content) => ({ content }))];
}

/** Options of {@linkcode pipelineTokenizer}. */
export interface PipelineOptions {
  /** Kind of vocabulary. */
  readonly type: VocabularyType;
  /** All tokens in order of their ids. */
  readonly tokens: readonly string[];
  /** Ids of the special tokens. */
  readonly special: Tokenizer["special"];
  /** How special tokens are found in text. */
  readonly specialForms: readonly AddedToken[];
  /** Added tokens but the special ones. */
  readonly added: readonly AddedToken[];
  /** The normalizer; undefined: text stays as it is. */
  readonly normalize: Normalizer | undefined;
  /** The pre-tokenizer; undefined: a text is one word. */
  readonly preTokenize: PreTokenizer | undefined;
  /** Ids of a word. */
  readonly model: WordModel;
  /** The decoder; undefined: tokens with spaces between. */
  readonly decoder: Decoder | undefined;
  /** Begins tokens that begin a word, where a piece may be several words; undefined: there is no such sign. */
  readonly wordSign: string | undefined;
  /** Whether the pre-tokenizer treats the beginning of a text differently. */
  readonly usesBeginning: boolean;
  /** Whether normalizer and pre-tokenizer treat a text that is cut before a space as its two parts. */
  readonly splitsAtSpaces: boolean;
  /** The tokenizer.json that it was read from. */
  readonly source: Readonly<Record<string, unknown>>;
}

/** A tokenizer of any components. */
export interface PipelineTokenizer extends Tokenizer {
  /** The tokenizer.json that it was read from. */
  readonly source: Readonly<Record<string, unknown>>;
  /** Words that a text without added tokens is cut into before tokens are looked for. */
  wordsOf(text: string): readonly string[];
}

/** Whether a tokenizer is one of any components. */
export function isPipeline(tokenizer: Tokenizer): tokenizer is PipelineTokenizer {
  return "source" in tokenizer;
}

/** A tokenizer of given components. */
export function pipelineTokenizer(options: PipelineOptions): PipelineTokenizer {
  const { type, tokens, special, added, normalize, preTokenize, model, source } = options;
  const begins = options.wordSign === undefined
    ? undefined
    : tokens.map((token) => token.startsWith(options.wordSign!));
  const cache = new WordCache((word) => {
    const ids = model(word);
    for (let i = 1; i < ids.length; i++) if (!begins?.[ids[i]!]) ids[i]! += CONTINUES;
    return ids;
  });
  const normalized: PlainEncoder = (text, out, first) => {
    if (text === "") return;
    if (!preTokenize) out.append(cache.get(text));
    else for (const word of preTokenize(text, first)) out.append(cache.get(word));
  };
  const plain: PlainEncoder = (text, out, first) => {
    if (!text.isWellFormed()) text = text.toWellFormed();
    if (!normalize) return normalized(text, out, first);
    const normal = normalize(text);
    normalized(normal, out, first && options.usesBeginning && keepsBeginning(text, normal, normalize));
  };
  const idOf = new Map(tokens.map((token, id) => [token, id]));
  const specials = specialFormsOf(options.specialForms, Object.values(special).map((id) => tokens[id]!));
  const { encodeWords, encodeWhole } = addedEncoder({
    idOf: (token) => idOf.get(token)!,
    added,
    special: specials,
    normalize,
    plain,
    normalized,
    usesBeginning: options.usesBeginning,
  });
  const textOf = decodeWith(options.decoder);
  const shown = shownTokens(tokens, { added: [...options.specialForms, ...added], normalize });
  const spacing = options.specialForms.filter(({ lstrip, rstrip }) => lstrip || rstrip);
  return {
    type,
    tokens,
    size: tokens.length,
    special,
    source,
    splitsAtSpaces: options.splitsAtSpaces && keepToWords([...specials, ...added]),
    wordsOf: (text) => {
      const normal = normalize ? normalize(text) : text;
      return preTokenize ? preTokenize(normal, true) : [normal];
    },
    spacing: spacing.length > 0 ? spacing : undefined,
    encodeWords,
    encode: (text) => dropWords(encodeWords(text)),
    encodeWhole: (text) => dropWords(encodeWhole(text)),
    token: (id) => tokens[id] ?? "",
    piece: (id) => pieceWith(textOf, shown[id] ?? ""),
    decode: (ids) => textOf(Array.from(ids, (id) => shown[id]).filter((token) => token !== undefined)),
  };
}

/** Tokens as they are decoded: what is found in normalized text, normalized. */
export function shownTokens(
  tokens: readonly string[],
  { added, normalize }: { added: readonly AddedToken[]; normalize: Normalizer | undefined },
): readonly string[] {
  const changed = new Map(
    added.filter((token) => token.normalized && normalize).map(({ content }) => [content, normalize!(content)]),
  );
  return changed.size === 0 ? tokens : tokens.map((token) => changed.get(token) ?? token);
}

/** Tokens to text. */
export function decodeWith(decoder: Decoder | undefined): (tokens: readonly string[]) => string {
  return decoder ? (tokens) => decoder(tokens).join("") : (tokens) => tokens.join(" ");
}

/** A token that other tokens are seen beside. */
const BESIDE = "x";

/** What a token adds to a text. */
export function pieceWith(textOf: (tokens: readonly string[]) => string, token: string): string {
  const text = textOf([BESIDE, token]);
  const alone = textOf([BESIDE]).trimEnd();
  return token !== BESIDE && text.startsWith(alone) ? text.slice(alone.length) : textOf([token]);
}
