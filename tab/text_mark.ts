/**
 * By what a text is known again.
 *
 * @module
 */

import type { TextMark } from "./messages.ts";
import { crc32 } from "./zip.ts";

/** The mark of a text. */
export function textMark(text: string): TextMark {
  return { characters: text.length, crc: crc32(new TextEncoder().encode(text)) };
}
