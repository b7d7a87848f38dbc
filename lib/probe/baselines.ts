/**
 * What can be said without any model: the most frequent class, and the most frequent one of each word.
 *
 * @module
 */

import type { Round } from "./folds.ts";

/** The class that most of some rows have, of equally frequent ones the first. */
export function majority(labels: Uint32Array, rows: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const row of rows) counts.set(labels[row]!, (counts.get(labels[row]!) ?? 0) + 1);
  let best = -1;
  for (const [label, count] of counts) {
    const most = counts.get(best) ?? 0;
    if (count > most || (count === most && label < best)) best = label;
  }
  return best;
}

/** The most frequent class, for every row that is tested. */
export function majorityClass(labels: Uint32Array, { train, test }: Round): Uint32Array<ArrayBuffer> {
  return new Uint32Array(test.length).fill(majority(labels, train));
}

/** The class that each word has most often; of a word that was not learned from, the most frequent of all. */
export function mostFrequentTags(
  labels: Uint32Array,
  { train, test }: Round,
  wordOf: (row: number) => string,
): Uint32Array<ArrayBuffer> {
  const rows = new Map<string, number[]>();
  for (const row of train) {
    const word = wordOf(row);
    const own = rows.get(word);
    if (own) own.push(row);
    else rows.set(word, [row]);
  }
  const known = new Map([...rows].map(([word, own]) => [word, majority(labels, own)]));
  const other = majority(labels, train);
  return Uint32Array.from(test, (row) => known.get(wordOf(row)) ?? other);
}
