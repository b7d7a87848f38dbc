/**
 * What a tokenizer is to the rest: text to ids and back, and which ids are special.
 *
 * @module
 */

import { type AddedSplitter, type AddedToken, splitterAt } from "./added.ts";

/** Names of BERT's special tokens. */
export const specialTokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] as const;
/** Name of a special token. */
export type SpecialToken = typeof specialTokens[number];

/** Kinds of vocabularies that can be trained. */
export const tokenizerTypes = ["char", "wordpiece", "bpe"] as const;
/** Kind of a vocabulary that can be trained: characters, BERT's WordPiece, or byte-pair encoding. */
export type TokenizerType = typeof tokenizerTypes[number];
/** Kind of a vocabulary: those that can be trained, whole words, and Unigram's pieces. */
export type VocabularyType = TokenizerType | "wordlevel" | "unigram";

/** Turns text into token ids and back. */
export interface Tokenizer {
  /** Kind of vocabulary. */
  readonly type: VocabularyType;
  /** Number of tokens; ids are 0 ... size - 1. */
  readonly size: number;
  /** All tokens in order of their ids, as a vocabulary file writes them. */
  readonly tokens: readonly string[];
  /** Ids of the special tokens that exist; [PAD] and [MASK] always do. */
  readonly special: Readonly<Partial<Record<SpecialToken, number>>> & {
    readonly "[PAD]": number;
    readonly "[MASK]": number;
  };
  /** Token ids of a text; special tokens that are written out in it are text like any other. */
  encode(text: string): Uint32Array<ArrayBuffer>;
  /**
   * The same with special tokens that are written out as themselves, all added tokens found at once; undefined: they are cut
   * out of the text before the rest is encoded.
   */
  encodeWhole?(text: string): Uint32Array<ArrayBuffer>;
  /** As `encode`, with {@linkcode CONTINUES} set in every token that goes on with the word of the token before. */
  encodeWords(text: string): Uint32Array<ArrayBuffer>;
  /** The text of token ids. */
  decode(ids: ArrayLike<number>): string;
  /** A token by id, as the vocabulary writes it. */
  token(id: number): string;
  /** Tokens that every text is put between before a model reads it; undefined: none. */
  readonly frame?: Frame | undefined;
  /** Special tokens, by their spelling in text, that take the white space to one side along; undefined: none. */
  readonly spacing?: readonly AddedToken[] | undefined;
  /** The files that it was read from, by name, to be written again as they are. */
  readonly files?: ReadonlyMap<string, string> | undefined;
  /** What a token adds to a text that it stands in, such as " word" for WordPiece's "word" and "ing" for "##ing". */
  piece(id: number): string;
}

/** Ids that a text is put between, such as [CLS] and [SEP]. */
export interface Frame {
  /** Before the text. */
  readonly before: readonly number[];
  /** Behind the text. */
  readonly after: readonly number[];
}

/** The frame of BERT, [CLS] before and [SEP] behind; undefined where the vocabulary lacks one of them. */
export function bertFrame(special: Tokenizer["special"]): Frame | undefined {
  const { "[CLS]": first, "[SEP]": last } = special;
  return first === undefined || last === undefined ? undefined : { before: [first], after: [last] };
}

/** Kinds of vocabularies as people call them. */
export const tokenizerNames: Readonly<Record<VocabularyType, string>> = {
  char: "characters",
  wordpiece: "WordPiece",
  bpe: "BPE",
  wordlevel: "whole words",
  unigram: "Unigram",
};

/** Set in a token's id where the token goes on with the word of the token before; ids are smaller. */
export const CONTINUES = 0x8000_0000;

/** Ids without {@linkcode CONTINUES}. */
export function withoutWords(ids: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const plain = new Uint32Array(ids.length);
  for (let i = 0; i < ids.length; i++) plain[i] = ids[i]! & 0x7fff_ffff;
  return plain;
}

/** Sets {@linkcode CONTINUES} in all ids of a word but the first. */
export function markAll(ids: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  for (let i = 1; i < ids.length; i++) ids[i]! += CONTINUES;
  return ids;
}

/** A piece of a text in which special tokens stand for themselves. */
export interface SpecialPiece {
  /** As it stands in the text. */
  readonly text: string;
  /** Id of the special token that it is. */
  readonly special?: number;
}

/** Cuts a text at special tokens such as [MASK], in the vocabulary's own spelling or in BERT's. */
export function splitAtSpecials(tokenizer: Tokenizer, text: string): SpecialPiece[] {
  const { split, idOf } = finderOf(tokenizer);
  return split(text).map(({ text, token }) => token === undefined ? { text } : { text, special: idOf.get(token)! });
}

/** Token ids of a text in which special tokens stand for themselves: see {@linkcode splitAtSpecials}. */
export function encodeWithSpecials(tokenizer: Tokenizer, text: string): Uint32Array<ArrayBuffer> {
  if (tokenizer.encodeWhole) return tokenizer.encodeWhole(finderOf(tokenizer).respell(text));
  return joinIds(
    splitAtSpecials(tokenizer, text).map(({ text, special }) =>
      special === undefined ? tokenizer.encode(text) : Uint32Array.of(special)
    ),
  );
}

interface SpecialFinder {
  readonly split: AddedSplitter;
  readonly idOf: ReadonlyMap<string, number>;
  /** BERT's names as the vocabulary spells them. */
  readonly respell: (text: string) => string;
}

const finders = new WeakMap<Tokenizer, SpecialFinder>();

function finderOf(tokenizer: Tokenizer): SpecialFinder {
  let finder = finders.get(tokenizer);
  if (!finder) finders.set(tokenizer, finder = specialFinder(tokenizer));
  return finder;
}

function specialFinder(tokenizer: Tokenizer): SpecialFinder {
  const idOf = new Map<string, number>();
  const spellings: AddedToken[] = [];
  const others: [string, string][] = [];
  for (const [name, id] of Object.entries(tokenizer.special)) {
    const own = tokenizer.token(id);
    if (name !== own && !tokenizer.tokens.includes(name)) others.push([name, own]);
    const spacing = tokenizer.spacing?.find(({ content }) => content === own);
    for (const content of new Set([name, own])) {
      idOf.set(content, id);
      spellings.push({ ...spacing, content });
    }
  }
  return {
    split: splitterAt(spellings) ?? ((text) => [{ text, start: 0 }]),
    idOf,
    respell: (text) => others.reduce((text, [name, own]) => text.replaceAll(name, () => own), text),
  };
}

/** Ids of a text as a model reads it: special tokens stand for themselves, and the frame is around it. */
export function encodeFramed(tokenizer: Tokenizer, text: string): Uint32Array<ArrayBuffer> {
  const { before = [], after = [] } = tokenizer.frame ?? {};
  return joinIds([Uint32Array.from(before), encodeWithSpecials(tokenizer, text), Uint32Array.from(after)]);
}

/** Several arrays of ids as one. */
export function joinIds(pieces: readonly Uint32Array[]): Uint32Array<ArrayBuffer> {
  const ids = new Uint32Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    ids.set(piece, at);
    at += piece.length;
  }
  return ids;
}

/** How a vocabulary spells the special tokens that it does not call by BERT's names. */
export type SpecialSpelling = Readonly<Partial<Record<SpecialToken, string>>>;

/**
 * Ids of the special tokens of a vocabulary.
 *
 * @throws {RangeError} without [PAD] and [MASK].
 */
export function findSpecials(
  idOf: (token: string) => number | undefined,
  spelling: SpecialSpelling = {},
): Tokenizer["special"] {
  const found = specialTokens.flatMap((name) => {
    const id = idOf(spelling[name] ?? name);
    return id === undefined ? [] : [[name, id] as const];
  });
  const special = Object.fromEntries(found) as Tokenizer["special"];
  if (special["[PAD]"] === undefined || special["[MASK]"] === undefined) {
    const { "[PAD]": pad = "[PAD]", "[MASK]": mask = "[MASK]" } = spelling;
    const missing = [["[PAD]", pad], ["[MASK]", mask]].filter(([name]) => special[name as SpecialToken] === undefined);
    throw new RangeError(
      `A tokenizer needs the special tokens ${pad} and ${mask}: ` +
        `${missing.map(([, own]) => `"${own}"`).join(" and ")} ${
          missing.length > 1 ? "are" : "is"
        } not in the vocabulary ` +
        "(other names can be given as pad_token and mask_token in tokenizer_config.json or special_tokens_map.json)",
    );
  }
  return special;
}

const specialCache = new WeakMap<object, ReadonlySet<number>>();

/** Ids of a tokenizer's special tokens; made once. */
export function specialIds(tokenizer: Pick<Tokenizer, "special">): ReadonlySet<number> {
  let special = specialCache.get(tokenizer);
  if (!special) specialCache.set(tokenizer, special = new Set<number>(Object.values(tokenizer.special)));
  return special;
}

/** A growing array of ids. */
export class IdBuffer {
  #ids: Uint32Array<ArrayBuffer>;
  #length = 0;

  /** An empty one with room to begin with. */
  constructor(room: number) {
    this.#ids = new Uint32Array(Math.max(16, room));
  }

  /** Appends one id. */
  push(id: number): void {
    if (this.#length === this.#ids.length) this.#grow(1);
    this.#ids[this.#length++] = id;
  }

  /** Appends ids. */
  append(ids: Uint32Array): void {
    if (this.#length + ids.length > this.#ids.length) this.#grow(ids.length);
    // most words have few tokens: a loop is quicker than `set`
    for (let i = 0; i < ids.length; i++) this.#ids[this.#length++] = ids[i]!;
  }

  /** A copy of the ids so far. */
  take(): Uint32Array<ArrayBuffer> {
    return this.#ids.slice(0, this.#length);
  }

  #grow(more: number): void {
    const larger = new Uint32Array(2 * this.#ids.length + more);
    larger.set(this.#ids);
    this.#ids = larger;
  }
}

/** Most words whose tokens are remembered; beyond that the memory of words begins anew. */
const MOST_WORDS = 1 << 17;

/** Longest word that is remembered, in UTF-16 units. */
const LONGEST_WORD = 64;

/** Remembers the tokens of words: text repeats itself. */
export class WordCache {
  #words = new Map<string, Uint32Array>();
  #compute: (word: string) => Uint32Array;

  /** A cache in front of a function of one word. */
  constructor(compute: (word: string) => Uint32Array) {
    this.#compute = compute;
  }

  /** The function's value. */
  get(word: string): Uint32Array {
    const known = this.#words.get(word);
    if (known) return known;
    const ids = this.#compute(word);
    if (word.length <= LONGEST_WORD) {
      if (this.#words.size >= MOST_WORDS) this.#words.clear();
      this.#words.set(word, ids);
    }
    return ids;
  }
}
