/**
 * A line of a passage that was found.
 *
 * @module
 */

import { printable } from "../sentences/safe_text.ts";
import { cutTo, textWidth } from "./text_width.ts";

/** Letters of the shortest word that a snippet is chosen by: shorter ones stand everywhere. */
const SHORTEST = 4;

/** As much of a text as there are columns for, from where a word of the query stands, or else from the beginning. */
export function snippet(text: string, { query, columns }: { query: string; columns: number }): string {
  const flat = printable(text.replace(/\s+/g, " ").trim());
  if (textWidth(flat) <= columns) return flat;
  const words = query.toLowerCase().match(/[\p{L}\p{N}]+/gu)?.filter((word) => word.length >= SHORTEST) ?? [];
  const places = words.map((word) => flat.toLowerCase().indexOf(word)).filter((place) => place >= 0);
  const first = places.length > 0 ? Math.min(...places) : 0;
  if (first < columns / 2) return cutTo(flat, columns);
  // some of what stands before it, from a word on
  const begin = flat.indexOf(" ", Math.max(0, first - Math.floor(columns / 3))) + 1;
  return cutTo(`…${flat.slice(Math.min(begin, first))}`, columns);
}
