/**
 * As much of a text as a model can see, as ids: a line of a hundred megabytes need not become tokens for the few hundred that count.
 *
 * @module
 */

import { encodeFramed, splitAtSpecials } from "../tokenizer/special_tokens.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";

/** Characters of a text that are always looked at. */
const ALWAYS = 1 << 20;
/** Tokens behind those that can be seen, for how a text goes on may change its last tokens. */
const MARGIN = 64;

/** A text as far as it was looked at. */
export interface VisibleText {
  /** Its ids, those around it included; more than can be seen where it does not fit. */
  readonly ids: Uint32Array<ArrayBuffer>;
  /** Whether that is all of it. */
  readonly isWhole: boolean;
}

/** Ids of a text: all, or of a very long one those of a beginning that has more than can be seen. */
export function encodeVisible(
  tokenizer: Tokenizer,
  text: string,
  { longest, always = ALWAYS }: { longest: number; always?: number },
): VisibleText {
  for (let size = always;; size *= 4) {
    if (text.length <= size) return { ids: encodeFramed(tokenizer, text), isWhole: true };
    const ids = encodeFramed(tokenizer, text.slice(0, size));
    if (ids.length > longest + MARGIN) return { ids, isWhole: false };
  }
}

/** Whether a mask stands in a text, wherever that is. */
export function hasMask(tokenizer: Tokenizer, text: string): boolean {
  return splitAtSpecials(tokenizer, text).some(({ special }) => special === tokenizer.special["[MASK]"]);
}
