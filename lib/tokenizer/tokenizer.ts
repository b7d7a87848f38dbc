/**
 * What a tokenizer is to the rest: text to ids and back, and which ids are special.
 *
 * @module
 */

import type { AddedToken } from "./added.ts";

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
  /** Token ids of a text, in an array of their own; special tokens that are written out in it are text like any other. */
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
  /** Whether a text has the ids of its two parts where it is cut before a space that stands behind something else. Default: false. */
  readonly splitsAtSpaces?: boolean | undefined;
  /** The files that it was read from, by name, to be written again as they are. */
  readonly files?: ReadonlyMap<string, string> | undefined;
  /** What a token adds to a text that it stands in, such as " word" for WordPiece's "word" and "ing" for "##ing". */
  piece(id: number): string;
}

/** Ids that a text is put between, such as [CLS] and [SEP]. */
export interface Frame {
  /** Before the text. */
  readonly before: readonly number[];
  /** After the text. */
  readonly after: readonly number[];
}

/** Kinds of vocabularies as people call them. */
export const tokenizerNames: Readonly<Record<VocabularyType, string>> = {
  char: "characters",
  wordpiece: "WordPiece",
  bpe: "BPE",
  wordlevel: "whole words",
  unigram: "Unigram",
};
