/**
 * Byte-pair encoding of words (Sennrich, Haddow and Birch, 2016): symbols are joined pair by pair in the order in which
 * training found the pairs.
 *
 * @module
 */

import type { WordModel } from "./pipeline.ts";
import { byteIds } from "./unigram.ts";

/** Options of {@linkcode bpeModel}. */
export interface BpeModelOptions {
  /** Ids of the tokens that text can become. */
  readonly idOf: ReadonlyMap<string, number>;
  /** Ids of all tokens, those included that text cannot become. Default: `idOf`. */
  readonly mergeIds?: ReadonlyMap<string, number>;
  /** Pairs in the order in which they are joined. */
  readonly merges: readonly (readonly [string, string])[];
  /** Id of what the vocabulary cannot write; undefined: it is left out. */
  readonly unknown?: number | undefined;
  /** Unknown characters side by side are one. Default: false. */
  readonly fuseUnknown?: boolean;
  /** Write what the vocabulary cannot write as bytes, where it has them. Default: false. */
  readonly byteFallback?: boolean;
  /** Stands before every symbol but the first of a word. Default: "". */
  readonly prefix?: string;
  /** Stands behind the last symbol of a word. Default: "". */
  readonly suffix?: string;
  /** Take a word that is a token as it is, whatever the merges say. Default: false. */
  readonly ignoreMerges?: boolean;
}

/** Which pairs are joined to what. */
export interface Merges {
  /** A pair's place in the order, by left · size + right. */
  readonly ranks: ReadonlyMap<number, number>;
  /** What the pair of a place becomes. */
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
  // of pairs that are there twice the later place counts
  for (const [rank, [left, right]] of merges.entries()) {
    ranks.set(find(left) * size + find(right), rank);
    results[rank] = find(left + right.slice(prefix.length));
  }
  return { ranks, results, size };
}

/** Ids of the symbols that remain of a word when no pair is left to join. */
export function bpeModel(options: BpeModelOptions): WordModel {
  const { idOf, unknown, fuseUnknown = false, byteFallback = false, prefix = "", suffix = "" } = options;
  const merges = mergesOf(options.merges, { idOf: options.mergeIds ?? idOf, prefix });
  const bytes = byteFallback ? byteIds(idOf) : undefined;
  const encoder = new TextEncoder();
  const spelled = (symbol: string): number[] | undefined => {
    if (!bytes) return undefined;
    const ids = Array.from(encoder.encode(symbol), (byte) => bytes[byte]);
    return ids.every((id) => id !== undefined) ? ids as number[] : undefined;
  };
  return (word) => {
    if (options.ignoreMerges) {
      const whole = idOf.get(word);
      if (whole !== undefined) return Uint32Array.of(whole);
    }
    const symbols: number[] = [];
    // unknown characters wait for what follows; bytes overtake them
    let waiting = 0;
    const flush = () => {
      for (; waiting > 0; waiting--) symbols.push(unknown!);
    };
    for (let at = 0; at < word.length;) {
      const next = at + (word.codePointAt(at)! > 0xffff ? 2 : 1);
      const symbol = (at > 0 ? prefix : "") + word.slice(at, next) + (next === word.length ? suffix : "");
      at = next;
      const id = idOf.get(symbol);
      if (id !== undefined) {
        flush();
        symbols.push(id);
        continue;
      }
      const fallback = spelled(symbol);
      if (fallback) symbols.push(...fallback);
      else if (unknown !== undefined) {
        if (!fuseUnknown) flush();
        waiting = 1;
      }
    }
    flush();
    const ids = Uint32Array.from(symbols);
    return ids.slice(0, mergeAll(ids, merges));
  };
}

/** Symbols of a piece from which on a heap finds the next pair; below, looking at all of them is quicker. */
const LONG_PIECE = 48;

/** Joins pairs in place until none is left to join; returns how many symbols remain. */
export function mergeAll(symbols: Uint32Array, merges: Merges): number {
  return symbols.length > LONG_PIECE ? mergeLong(symbols, merges) : mergeShort(symbols, merges);
}

/** Looks at all pairs each time. */
function mergeShort(symbols: Uint32Array, { ranks, results, size }: Merges): number {
  let count = symbols.length;
  while (count > 1) {
    let best = Infinity;
    let place = -1;
    for (let i = 0; i + 1 < count; i++) {
      const rank = ranks.get(symbols[i]! * size + symbols[i + 1]!);
      if (rank !== undefined && rank < best) {
        best = rank;
        place = i;
      }
    }
    if (place < 0) break;
    symbols[place] = results[best]!;
    symbols.copyWithin(place + 1, place + 2, count);
    count--;
  }
  return count;
}

/** The same for long pieces: candidates wait in a heap, ordered by rank and place, and are dropped when outdated. */
function mergeLong(symbols: Uint32Array, { ranks, results, size }: Merges): number {
  const count = symbols.length;
  const next = Int32Array.from({ length: count }, (_, i) => i + 1 < count ? i + 1 : -1);
  const before = Int32Array.from({ length: count }, (_, i) => i - 1);
  const heap: { rank: number; place: number; left: number; right: number }[] = [];
  const less = (a: number, b: number) =>
    heap[a]!.rank < heap[b]!.rank || (heap[a]!.rank === heap[b]!.rank && heap[a]!.place < heap[b]!.place);
  const swap = (a: number, b: number) => [heap[a], heap[b]] = [heap[b]!, heap[a]!];
  const offer = (place: number) => {
    if (place < 0 || next[place]! < 0) return;
    const [left, right] = [symbols[place]!, symbols[next[place]!]!];
    const rank = ranks.get(left * size + right);
    if (rank === undefined) return;
    heap.push({ rank, place, left, right });
    for (let i = heap.length - 1; i > 0 && less(i, (i - 1) >> 1); i = (i - 1) >> 1) swap(i, (i - 1) >> 1);
  };
  const take = () => {
    const top = heap[0]!;
    const last = heap.pop()!;
    if (heap.length > 0) {
      heap[0] = last;
      for (let i = 0;;) {
        let child = 2 * i + 1;
        if (child >= heap.length) break;
        if (child + 1 < heap.length && less(child + 1, child)) child++;
        if (!less(child, i)) break;
        swap(i, child);
        i = child;
      }
    }
    return top;
  };
  const gone = new Uint8Array(count);
  for (let i = 0; i + 1 < count; i++) offer(i);
  while (heap.length > 0) {
    const { rank, place, left, right } = take();
    const other = next[place]!;
    if (gone[place] || other < 0 || symbols[place] !== left || symbols[other] !== right) continue;
    symbols[place] = results[rank]!;
    gone[other] = 1;
    next[place] = next[other]!;
    if (next[other]! >= 0) before[next[other]!] = place;
    offer(before[place]!);
    offer(place);
  }
  let kept = 0;
  for (let i = 0; i < count; i++) if (!gone[i]) symbols[kept++] = symbols[i]!;
  return kept;
}
