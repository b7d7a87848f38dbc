/**
 * Learning which symbols to join: the most frequent pair of neighbours becomes a new symbol, again and again (Sennrich, Haddow
 * and Birch, 2016).
 *
 * @module
 */

import { PriorityQueue } from "./priority_queue.ts";

/** A symbol that joins nothing. */
export const UNKNOWN = -1;

/** Larger than any id: a pair is a number, left · PAIR + right. */
const PAIR = 2 ** 24;

/** A word as ids of symbols, and how often it occurs. */
export interface CountedWord {
  /** Ids; they change. */
  readonly symbols: number[];
  /** Occurrences. */
  readonly count: number;
}

/** Options of {@linkcode learnMerges}. */
export interface LearnMergesOptions {
  /** All tokens in order of their ids; new ones are appended. */
  readonly tokens: string[];
  /** Tokens that there are to be. */
  readonly size: number;
  /** Times that a pair must occur to become a token. */
  readonly leastCount: number;
  /** Told now and then how many tokens there are. */
  readonly progress: ((stage: "joining", done: number) => void) | undefined;
  /** The token of two that are joined. */
  readonly join: (left: string, right: string) => string;
}

/** How often each pair occurs, and in which words. */
class PairCounts {
  readonly counts = new Map<number, number>();
  readonly words = new Map<number, number[]>();

  /** Counts a pair that comes or goes in a word. */
  change(left: number, right: number, by: number, word: number): void {
    if (left === UNKNOWN || right === UNKNOWN) return;
    const pair = left * PAIR + right;
    this.counts.set(pair, (this.counts.get(pair) ?? 0) + by);
    if (by < 0) return;
    const words = this.words.get(pair);
    if (!words) this.words.set(pair, [word]);
    else if (words.at(-1) !== word) words.push(word);
  }
}

/**
 * Appends tokens, each of the pair that is most frequent at that point (of equals, the one with the lower ids), until there
 * are `size`; returns the pairs. Only words that contain the pair are looked at, and their counts are corrected.
 */
export function learnMerges(
  words: readonly CountedWord[],
  { tokens, size, leastCount, progress, join }: LearnMergesOptions,
): [number, number][] {
  const pairs = new PairCounts();
  for (const [index, { symbols, count }] of words.entries()) {
    for (let i = 0; i + 1 < symbols.length; i++) pairs.change(symbols[i]!, symbols[i + 1]!, count, index);
  }
  // the most frequent pair first
  const queue = new PriorityQueue();
  for (const [pair, count] of pairs.counts) queue.push(-count, pair);
  const idOf = new Map(tokens.map((token, id) => [token, id]));
  const merges: [number, number][] = [];
  while (tokens.length < size) {
    const top = queue.pop();
    if (!top) break;
    const current = pairs.counts.get(top.item) ?? 0;
    if (current !== -top.rank) {
      // an outdated entry: the pair waits with its true count
      if (current >= leastCount) queue.push(-current, top.item);
      continue;
    }
    if (current < leastCount) break;
    const [left, right] = [Math.floor(top.item / PAIR), top.item % PAIR];
    const token = join(tokens[left]!, tokens[right]!);
    // two ways to the same token: one id
    let id = idOf.get(token);
    if (id === undefined) {
      id = tokens.push(token) - 1;
      idOf.set(token, id);
    }
    merges.push([left, right]);
    if (merges.length % 256 === 0) progress?.("joining", tokens.length);
    for (const pair of joinEverywhere(words, pairs, { left, right, id })) {
      const count = pairs.counts.get(pair) ?? 0;
      if (count >= leastCount) queue.push(-count, pair);
    }
  }
  return merges;
}

/** Joins a pair in all words that have it; returns the pairs that this made. */
function joinEverywhere(
  words: readonly CountedWord[],
  pairs: PairCounts,
  { left, right, id }: { left: number; right: number; id: number },
): Set<number> {
  const joined = left * PAIR + right;
  const made = new Set<number>();
  for (const index of pairs.words.get(joined) ?? []) {
    const { symbols, count } = words[index]!;
    let kept = 0;
    for (let i = 0; i < symbols.length; i++) {
      if (symbols[i] !== left || symbols[i + 1] !== right) {
        symbols[kept++] = symbols[i]!;
        continue;
      }
      const before = kept > 0 ? symbols[kept - 1]! : UNKNOWN;
      const after = i + 2 < symbols.length ? symbols[i + 2]! : UNKNOWN;
      pairs.change(before, left, -count, index);
      pairs.change(right, after, -count, index);
      pairs.change(before, id, count, index);
      pairs.change(id, after, count, index);
      if (before !== UNKNOWN) made.add(before * PAIR + id);
      if (after !== UNKNOWN) made.add(id * PAIR + after);
      symbols[kept++] = id;
      i++;
    }
    symbols.length = kept;
  }
  pairs.counts.delete(joined);
  pairs.words.delete(joined);
  return made;
}
