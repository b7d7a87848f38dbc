/**
 * What a tokenizer is to the rest: text to ids and back, and which ids are special.
 *
 * @module
 */

/** Names of BERT's special tokens. */
export const specialTokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] as const;
/** Name of a special token. */
export type SpecialToken = typeof specialTokens[number];

/** Kinds of vocabularies. */
export const tokenizerTypes = ["char", "wordpiece", "bpe"] as const;
/** Kind of a vocabulary: characters, BERT's WordPiece, or byte-pair encoding of UTF-8 bytes. */
export type TokenizerType = typeof tokenizerTypes[number];

/** Turns text into token ids and back. */
export interface Tokenizer {
  /** Kind of vocabulary. */
  readonly type: TokenizerType;
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
  /** The same, with {@linkcode CONTINUES} set in every token that goes on with the word of the token before. */
  encodeWords(text: string): Uint32Array<ArrayBuffer>;
  /** The text of token ids. */
  decode(ids: ArrayLike<number>): string;
  /** A token by id, as the vocabulary writes it. */
  token(id: number): string;
  /** What a token adds to a text that it stands in, such as " word" for WordPiece's "word" and "ing" for "##ing". */
  piece(id: number): string;
}

/** Set in a token's id where the token goes on with the word of the token before; ids are smaller. */
export const CONTINUES = 0x8000_0000;

/** Ids without {@linkcode CONTINUES}. */
export function withoutWords(ids: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const plain = new Uint32Array(ids.length);
  for (let i = 0; i < ids.length; i++) plain[i] = ids[i]! & 0x7fff_ffff;
  return plain;
}

/** Token ids of a text in which special tokens such as [MASK] stand for themselves. */
export function encodeWithSpecials(tokenizer: Tokenizer, text: string): Uint32Array<ArrayBuffer> {
  const names = Object.keys(tokenizer.special) as SpecialToken[];
  const pattern = new RegExp(`(${names.map((name) => name.replace(/[[\]]/g, "\\$&")).join("|")})`);
  const pieces = text.split(pattern).map((piece, i) =>
    i % 2 === 1 ? Uint32Array.of(tokenizer.special[piece as SpecialToken]!) : tokenizer.encode(piece)
  );
  return joinIds(pieces);
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

/**
 * Ids of the special tokens of a vocabulary.
 *
 * @throws {RangeError} without [PAD] and [MASK].
 */
export function findSpecials(idOf: (token: string) => number | undefined): Tokenizer["special"] {
  const found = specialTokens.flatMap((name) => {
    const id = idOf(name);
    return id === undefined ? [] : [[name, id] as const];
  });
  const special = Object.fromEntries(found) as Tokenizer["special"];
  if (special["[PAD]"] === undefined || special["[MASK]"] === undefined) {
    throw new RangeError("A tokenizer needs the special tokens [PAD] and [MASK]");
  }
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
