/**
 * Unigram: of all ways to cut a text into pieces, the one whose pieces are most probable together (Kudo, 2018), by Viterbi's
 * algorithm.
 *
 * @module
 */

import type { WordModel } from "./pipeline.ts";

/** Options of {@linkcode unigramModel}. */
export interface UnigramOptions {
  /** Pieces with the logarithms of their probabilities, in order of their ids. */
  readonly pieces: readonly (readonly [piece: string, score: number])[];
  /** Pieces that text never becomes, such as special tokens. */
  readonly hidden?: ReadonlySet<number>;
  /** Id of what the vocabulary cannot write; undefined: it is left out. */
  readonly unknown: number | undefined;
  /** Write what the vocabulary cannot write as bytes, where it has them. Default: false. */
  readonly byteFallback?: boolean;
}

/** How much less probable than the rarest piece an unknown character is. */
const UNKNOWN_PENALTY = 10;

/** Ids of the most probable pieces of a text; unknown characters side by side are one. */
export function unigramModel({ pieces, hidden, unknown, byteFallback = false }: UnigramOptions): WordModel {
  // of pieces that are there twice the last counts
  const idOf = new Map<string, number>();
  for (const [id, [piece]] of pieces.entries()) if (!hidden?.has(id)) idOf.set(piece, id);
  const scores = Float64Array.from(pieces, ([, score]) => score);
  const unknownScore = scores.reduce((least, score) => Math.min(least, score), Infinity) - UNKNOWN_PENALTY;
  const trie = new Trie(idOf);
  const bytes = byteFallback ? byteIds(idOf) : undefined;
  const encoder = new TextEncoder();
  let best = new Float64Array(64);
  let from = new Int32Array(64);
  let ids = new Int32Array(64);

  return (text) => {
    const size = text.length;
    if (best.length <= size) {
      best = new Float64Array(2 * size + 1);
      from = new Int32Array(2 * size + 1);
      ids = new Int32Array(2 * size + 1);
    }
    from.fill(-1, 0, size + 1);
    best[0] = 0;
    for (let start = 0; start < size;) {
      const here = best[start]!;
      const step = isPair(text, start) ? 2 : 1;
      let single = false;
      for (let at = start, node = 0; at < size;) {
        node = trie.next(node, text.charCodeAt(at++));
        if (node < 0) break;
        const id = trie.value(node);
        if (id < 0) continue;
        const score = scores[id]! + here;
        if (from[at]! < 0 || score > best[at]!) {
          best[at] = score;
          from[at] = start;
          ids[at] = id;
        }
        if (at - start === step) single = true;
      }
      if (!single) {
        const at = start + step;
        const score = unknownScore + here;
        if (from[at]! < 0 || score > best[at]!) {
          best[at] = score;
          from[at] = start;
          ids[at] = unknown ?? -1;
        }
      }
      start += step;
    }
    const found: number[] = [];
    for (let end = size; end > 0;) {
      if (ids[end] !== (unknown ?? -1)) {
        found.push(ids[end]!);
        end = from[end]!;
        continue;
      }
      const last = end;
      while (end > 0 && ids[end] === (unknown ?? -1)) end = from[end]!;
      const piece = text.slice(end, last);
      const whole = idOf.get(piece);
      const spelled = whole === undefined && bytes ? Array.from(encoder.encode(piece), (byte) => bytes[byte]) : [];
      if (whole !== undefined) found.push(whole);
      else if (spelled.length > 0 && spelled.every((id) => id !== undefined)) {
        found.push(...(spelled as number[]).reverse());
      } else if (unknown !== undefined) found.push(unknown);
    }
    return Uint32Array.from(found.reverse());
  };
}

/** Ids of the tokens <0x00> … <0xFF>, by byte. */
export function byteIds(idOf: ReadonlyMap<string, number>): readonly (number | undefined)[] {
  return Array.from(
    { length: 256 },
    (_, byte) => idOf.get(`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`),
  );
}

function isPair(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  return unit >= 0xd800 && unit < 0xdc00 && at + 1 < text.length;
}

/** Pieces by their UTF-16 units: edges in one open table, so that a step is one look. */
class Trie {
  #parents: Int32Array;
  #units: Uint16Array;
  #children: Int32Array;
  #values: Int32Array;
  #mask: number;
  #count = 1;

  constructor(idOf: ReadonlyMap<string, number>) {
    let most = 1;
    for (const piece of idOf.keys()) most += piece.length;
    const size = 2 ** Math.ceil(Math.log2(2 * most + 2));
    this.#mask = size - 1;
    this.#parents = new Int32Array(size).fill(-1);
    this.#units = new Uint16Array(size);
    this.#children = new Int32Array(size);
    this.#values = new Int32Array(most + 1).fill(-1);
    for (const [piece, id] of idOf) {
      let node = 0;
      for (let i = 0; i < piece.length; i++) node = this.#extend(node, piece.charCodeAt(i));
      if (node > 0) this.#values[node] = id;
    }
  }

  /** The node that a unit leads to, or -1. */
  next(node: number, unit: number): number {
    const mask = this.#mask;
    for (let slot = hash(node, unit) & mask;; slot = (slot + 1) & mask) {
      const parent = this.#parents[slot]!;
      if (parent < 0) return -1;
      if (parent === node && this.#units[slot] === unit) return this.#children[slot]!;
    }
  }

  /** Id of the piece that ends in a node, or -1. */
  value(node: number): number {
    return this.#values[node]!;
  }

  #extend(node: number, unit: number): number {
    const known = this.next(node, unit);
    if (known >= 0) return known;
    let slot = hash(node, unit) & this.#mask;
    while (this.#parents[slot]! >= 0) slot = (slot + 1) & this.#mask;
    this.#parents[slot] = node;
    this.#units[slot] = unit;
    return this.#children[slot] = this.#count++;
  }
}

function hash(node: number, unit: number): number {
  const mixed = Math.imul(node, 0x9e3779b1) ^ Math.imul(unit + 1, 0x85ebca6b);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}
