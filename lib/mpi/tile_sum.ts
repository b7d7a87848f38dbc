/**
 * Sums of vectors in one order, whoever has them: a step's tiles are added in pairs, pairs in pairs, and so on, as in a tree over
 * the numbers of the tiles. Any number of ranks gives the same sum to the bit.
 *
 * @module
 */

import { codecOf, type WirePrecision } from "./wire_precision.ts";
import type { RankParts, Ranks } from "./ranks.ts";
import type { Work } from "./work.ts";

/** Consecutive tiles. */
export interface TileRange {
  /** The first. */
  readonly first: number;
  /** Behind the last. */
  readonly end: number;
}

/** The tiles of a rank: as many as the others have, or one more. */
export function tilesOf(rank: number, { tiles, size }: { tiles: number; size: number }): TileRange {
  return { first: Math.floor(rank * tiles / size), end: Math.floor((rank + 1) * tiles / size) };
}

/** The whole subtrees of the sum that a range has, in order: each begins at a multiple of its length, a power of two. */
export function subtreesOf({ first, end }: TileRange): TileRange[] {
  const subtrees: TileRange[] = [];
  for (let at = first; at < end;) {
    let length = 1;
    while (at % (2 * length) === 0 && at + 2 * length <= end) length *= 2;
    subtrees.push({ first: at, end: at + length });
    at += length;
  }
  return subtrees;
}

/** A vector in pieces, one behind the other: gradients, and a few numbers more. */
export type Pieces = readonly Float32Array[];

/** A subtree's sum. */
interface Node extends TileRange {
  readonly values: Pieces;
}

/** y += x, in 32 bits. */
function addTo(y: Pieces, x: Pieces): void {
  for (const [piece, values] of x.entries()) {
    const sum = y[piece]!;
    for (let i = 0; i < sum.length; i++) sum[i]! += values[i]!;
  }
}

/** Adds tiles up as they come, in order; what is handed in is changed. */
export interface TileSum {
  /** Takes the next tile. */
  add(values: Pieces): void;
  /** Sums of the whole subtrees of the tiles so far. */
  readonly nodes: readonly Pieces[];
}

/** An empty sum of the tiles from `first` on. */
export function tileSum(first: number): TileSum {
  const nodes: Node[] = [];
  return {
    add(values) {
      const at = nodes.at(-1)?.end ?? first;
      merge(nodes, { first: at, end: at + 1, values });
    },
    get nodes() {
      return nodes.map(({ values }) => values);
    },
  };
}

/** Puts a node behind others; two that make a whole subtree become one. */
function merge(nodes: Node[], node: Node): void {
  nodes.push(node);
  while (nodes.length > 1) {
    const [left, right] = nodes.slice(-2) as [Node, Node];
    const length = right.end - right.first;
    if (left.end - left.first !== length || left.first % (2 * length) !== 0) return;
    addTo(left.values, right.values);
    nodes.splice(-2, 2, { ...left, end: right.end });
  }
}

/** The sum of nodes that cover all tiles; it lies in the first one's memory. */
function total(nodes: readonly Node[]): Pieces {
  const merged: Node[] = [];
  for (const node of nodes) merge(merged, node);
  while (merged.length > 1) {
    const right = merged.pop()!;
    addTo(merged.at(-1)!.values, right.values);
  }
  return merged[0]!.values;
}

/** Floats that go over the wire at once: what is held beside them grows with it. */
const CHUNK = 1 << 21;

/** Options of {@linkcode sumOverRanks}. */
export interface SumOptions {
  /** What it is, which all ranks must agree on. */
  readonly what: string;
  /** Tiles of all ranks together. */
  readonly tiles: number;
  /** How numbers travel; what is less than f32 depends on the number of ranks. */
  readonly precision: WirePrecision;
}

/**
 * The sum of all ranks' tiles, in place in the first of this rank's nodes. Each rank adds up its part of the vector, which
 * comes to it from all, and tells all the result: 2 · (size - 1) / size of the vector go out from each rank.
 */
export function sumOverRanks(ranks: Ranks, nodes: readonly Pieces[], options: SumOptions): Promise<Pieces> {
  return ranks.finish(rankSum(ranks, nodes, options));
}

/** As {@linkcode sumOverRanks}, as work that can go on beside other things. */
export function* rankSum(
  ranks: Ranks,
  nodes: readonly Pieces[],
  { what, tiles, precision }: SumOptions,
): Work<Pieces> {
  const { size, rank } = ranks;
  const trees = Array.from({ length: size }, (_, i) => subtreesOf(tilesOf(i, { tiles, size })));
  if (size === 1) return total(trees[rank]!.map((range, i) => ({ ...range, values: nodes[i]! })));
  const [result] = nodes as [Pieces];
  const length = result.reduce((sum, piece) => sum + piece.length, 0);
  for (let at = 0; at < length; at += CHUNK) {
    const end = Math.min(length, at + CHUNK);
    const chunk = nodes.map((values) => joined(values, at, end));
    let place = at;
    for (const segment of yield* sumChunk(ranks, chunk, { what, trees, precision })) {
      write(result, place, segment.subarray(0, Math.max(0, end - place)));
      place += segment.length;
    }
  }
  return result;
}

/** The pieces that have a part of the stretch from `at` to `end`, and where that part lies in them. */
function parts(pieces: Pieces, at: number, end: number): { part: Float32Array; from: number }[] {
  let start = 0;
  return pieces.flatMap((piece) => {
    const [from, to] = [Math.max(at, start), Math.min(end, start + piece.length)];
    const part = from < to ? [{ part: piece.subarray(from - start, to - start), from: from - at }] : [];
    start += piece.length;
    return part;
  });
}

/** A stretch of a vector; copied where it lies in several pieces. */
function joined(pieces: Pieces, at: number, end: number): Float32Array {
  const found = parts(pieces, at, end);
  if (found.length === 1) return found[0]!.part;
  const whole = new Float32Array(end - at);
  for (const { part, from } of found) whole.set(part, from);
  return whole;
}

/** Writes a stretch of a vector. */
function write(pieces: Pieces, at: number, values: Float32Array): void {
  for (const { part, from } of parts(pieces, at, at + values.length)) {
    part.set(values.subarray(from, from + part.length));
  }
}

/** The sum of a chunk in segments, each made by a rank; there may be some floats more. */
function* sumChunk(
  ranks: Ranks,
  chunk: readonly Float32Array[],
  { what, trees, precision }: { what: string; trees: readonly TileRange[][]; precision: WirePrecision },
): Work<Float32Array[]> {
  const { size } = ranks;
  const segment = Math.ceil(chunk[0]!.length / size);
  const codec = codecOf(precision, segment);
  const send = partsFor(trees.map(() => chunk.length * codec.bytes));
  for (let to = 0; to < size; to++) {
    for (const [i, values] of chunk.entries()) {
      const part = values.subarray(Math.min(values.length, to * segment), (to + 1) * segment);
      codec.encode(part, send.bytes, send.offsets[to]! + i * codec.bytes);
    }
  }
  const receive = partsFor(trees.map((nodes) => nodes.length * codec.bytes));
  const own = new Uint8Array(codec.bytes);
  const summed = () => {
    const nodes = trees.flatMap((ranges, from) =>
      ranges.map((range, i) => ({
        ...range,
        values: [codec.decode(receive.bytes, receive.offsets[from]! + i * codec.bytes)],
      }))
    );
    codec.encode(total(nodes)[0]!, own, 0);
    return own;
  };
  const all = yield* ranks.reduce(what, { send, receive, summed });
  return Array.from({ length: size }, (_, i) => codec.decode(all, i * codec.bytes));
}

/** Room for so many bytes of each rank. */
function partsFor(sizes: readonly number[]): RankParts {
  const counts = Int32Array.from(sizes);
  const offsets = new Int32Array(sizes.length);
  for (let i = 1; i < sizes.length; i++) offsets[i] = offsets[i - 1]! + counts[i - 1]!;
  return { bytes: new Uint8Array(sizes.reduce((sum, size) => sum + size, 0)), counts, offsets };
}
