/**
 * Prints of numbers, by which ranks see that they have the same.
 *
 * @module
 */

/** A number of 32 bits for many, that goes on from another (FNV-1a, a word at a time). */
export function printOf(words: Uint32Array, before = 0x811c9dc5): number {
  let print = before;
  for (let i = 0; i < words.length; i++) print = Math.imul(print ^ words[i]!, 0x01000193) ^ print >>> 15;
  return print >>> 0;
}
