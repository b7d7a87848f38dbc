/**
 * Merges: which pairs of symbols are joined, in which order, and joining them.
 *
 * @module
 */

import { PriorityQueue } from "./priority_queue.ts";

/** Which pairs are joined to what. */
export interface Merges {
  /** A pair's rank, its number in the order, by left · size + right. */
  readonly ranks: ReadonlyMap<number, number>;
  /** What the pair of a rank becomes. */
  readonly results: Uint32Array;
  /** More than every id. */
  readonly size: number;
}

/**
 * Merges by ids.
 *
 * @throws {RangeError} if a part or a result of a merge is no token.
 */
export function mergesOf(
  merges: readonly (readonly [string, string])[],
  { idOf, prefix = "" }: { idOf: ReadonlyMap<string, number>; prefix?: string },
): Merges {
  const find = (token: string) => {
    const id = idOf.get(token);
    if (id === undefined) throw new RangeError(`The vocabulary lacks the token ${JSON.stringify(token)}`);
    return id;
  };
  let size = 1;
  for (const id of idOf.values()) size = Math.max(size, id + 1);
  const ranks = new Map<number, number>();
  const results = new Uint32Array(merges.length);
  // of pairs that are there twice the later rank counts
  for (const [rank, [left, right]] of merges.entries()) {
    ranks.set(find(left) * size + find(right), rank);
    results[rank] = find(left + right.slice(prefix.length));
  }
  return { ranks, results, size };
}

/** Symbols of a piece from which on a queue finds the next pair; below, looking at all of them is quicker. */
const LONG_PIECE = 48;

/** Joins the pairs of symbols, in their array, until none is left to join; returns how many symbols remain. */
export function mergeAll(symbols: Uint32Array, merges: Merges): number {
  return symbols.length > LONG_PIECE ? mergeLong(symbols, merges) : mergeShort(symbols, merges);
}

/** Looks at all pairs each time. */
function mergeShort(symbols: Uint32Array, { ranks, results, size }: Merges): number {
  let count = symbols.length;
  while (count > 1) {
    let best = Infinity;
    let first = -1;
    for (let i = 0; i + 1 < count; i++) {
      const rank = ranks.get(symbols[i]! * size + symbols[i + 1]!);
      if (rank !== undefined && rank < best) {
        best = rank;
        first = i;
      }
    }
    if (first < 0) break;
    symbols[first] = results[best]!;
    symbols.copyWithin(first + 1, first + 2, count);
    count--;
  }
  return count;
}

/** The same for long pieces: candidates wait in a queue, by rank and index, and are dropped where they are outdated. */
function mergeLong(symbols: Uint32Array, { ranks, results, size }: Merges): number {
  const count = symbols.length;
  const next = Int32Array.from({ length: count }, (_, i) => i + 1 < count ? i + 1 : -1);
  const before = Int32Array.from({ length: count }, (_, i) => i - 1);
  const gone = new Uint8Array(count);
  /** Rank of the pair that begins at an index; undefined: none is to be joined there. */
  const rankAt = (index: number) => {
    if (index < 0 || gone[index] || next[index]! < 0) return undefined;
    return ranks.get(symbols[index]! * size + symbols[next[index]!]!);
  };
  const queue = new PriorityQueue();
  const offer = (index: number) => {
    const rank = rankAt(index);
    if (rank !== undefined) queue.push(rank, index);
  };
  for (let i = 0; i + 1 < count; i++) offer(i);
  for (let top = queue.pop(); top; top = queue.pop()) {
    const { rank, item: index } = top;
    if (rankAt(index) !== rank) continue;
    const other = next[index]!;
    symbols[index] = results[rank]!;
    gone[other] = 1;
    next[index] = next[other]!;
    if (next[other]! >= 0) before[next[other]!] = index;
    offer(before[index]!);
    offer(index);
  }
  let kept = 0;
  for (let i = 0; i < count; i++) if (!gone[i]) symbols[kept++] = symbols[i]!;
  return kept;
}
