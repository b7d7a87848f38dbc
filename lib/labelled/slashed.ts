/**
 * Sentences as lines of `word/TAG`.
 *
 * @module
 */

import { quoted } from "../sentences/safe_text.ts";
import type { TaggedSentence } from "./sentence.ts";

/** Share of the words that have a slash with something on both sides, where lines are of this kind. */
const MOST_OF_THEM = 0.6;

/** Whether lines look like `word/TAG`; a single date such as `1/2` beside its tag does not. */
export function isSlashed(lines: readonly string[]): boolean {
  const words = lines.flatMap((line) => line.trim().split(/\s+/));
  const slashed = words.filter((word) => word.lastIndexOf("/") > 0 && !word.endsWith("/"));
  return words.length > 0 && slashed.length > MOST_OF_THEM * words.length;
}

/** A line as words and tags; the last slash of a word parts them. */
export function slashedWords(line: string, { name, place }: { name: string; place: string }): TaggedSentence {
  const words: string[] = [];
  const tags: string[] = [];
  for (const piece of line.trim().split(/\s+/)) {
    const slash = piece.lastIndexOf("/");
    if (slash <= 0 || slash === piece.length - 1) return { problem: `${quoted(piece)} is no word/TAG`, place };
    words.push(piece.slice(0, slash));
    tags.push(piece.slice(slash + 1));
  }
  return { words, tags, source: `${name}, ${place}` };
}
