/**
 * A block of text as tokens, and what it is cut into.
 *
 * @module
 */

import type { RandomSequence } from "../random/philox.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { Window } from "./masking.ts";

/**
 * How windows are filled. "none": the text runs through all windows, documents or not, with no padding. "document": as many
 * whole documents as fit, none of which attends to another; longer ones are cut. "line": one document each, cut off at the
 * window's end. "pairs": two texts each, for next sentence prediction.
 */
export type PackMode = "none" | "document" | "line" | "pairs";

/** Names of the modes that any model can be trained in. */
export const packModes = ["none", "document", "line"] as const satisfies readonly PackMode[];

/** A block of text as tokens. */
export interface Block {
  /** Token ids, with {@linkcode CONTINUES} where words are wanted. */
  readonly tokens: Uint32Array<ArrayBuffer>;
  /** Tokens of each document, in order; their sum is the number of tokens. */
  readonly documentSizes: readonly number[];
  /** Tokens of each sentence of each document, where texts are to be paired. */
  readonly sentenceSizes?: readonly (readonly number[])[] | undefined;
  /** What a sentence begins with that stands at the beginning of a line, where texts are to be paired. */
  readonly lineBreak?: number | undefined;
}

/** A window without its place. */
export type WindowContent = Omit<Window, "epoch" | "block" | "index">;

/** The windows of a block. */
export interface Cut {
  /** How many there are. */
  readonly count: number;
  /** Tokens of text that a window has room for. */
  readonly room: number;
  /** A window by number. */
  window(index: number): WindowContent & { readonly padding: number };
}

/** Options of {@linkcode cutBlock}. */
export interface CutOptions {
  /** Tokens of a window. */
  length: number;
  /** How windows are filled. */
  pack: PackMode;
  /** Tells special tokens. */
  tokenizer: Pick<Tokenizer, "special" | "frame">;
  /** Whether windows know their words. */
  words: boolean;
  /** Decides where the first window begins where nothing else does; none: at the beginning. */
  random?: RandomSequence | undefined;
}
