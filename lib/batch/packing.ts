/**
 * Cutting a block of text into windows: across documents without padding, several whole documents to a window, or one line to
 * a window.
 *
 * @module
 */

import { bertFrame } from "../tokenizer/special_tokens.ts";
import { continuesOf, joinIds, withoutWords } from "../tokenizer/token_ids.ts";
import type { Frame } from "../tokenizer/tokenizer.ts";
import type { Block, Cut, CutOptions } from "./block.ts";
import type { Window } from "./masking.ts";
import { cutPairs } from "./pairs.ts";

/** Cuts a block into windows. */
export function cutBlock(block: Block, options: CutOptions): Cut {
  switch (options.pack) {
    case "none":
      return cutThrough(block, options);
    case "pairs":
      return cutPairs(block, options);
    default:
      return cutApart(block, options);
  }
}

/** What stands around the text of a window, and the room in it; windows of a few tokens have room for the text alone. */
function frameOf(frame: Frame | undefined, length: number): Frame & { readonly room: number } {
  const { before, after } = frame ?? { before: [], after: [] };
  const room = length - before.length - after.length;
  return room > 2 ? { before, after, room } : { before: [], after: [], room: length };
}

/** Windows one after the other, across documents; what is left over at both ends is in windows of the next pass. */
function cutThrough({ tokens }: Block, { length, words, random, tokenizer }: CutOptions): Cut {
  const size = tokens.length;
  const { before, after, room } = frameOf(tokenizer.frame, length);
  // an offset must leave room for at least one window
  const offset = random?.below(Math.min(room, Math.max(0, size - room) + 1)) ?? 0;
  return {
    count: Math.max(0, Math.floor((size - offset) / room)),
    room,
    window(index) {
      const start = offset + index * room;
      const text = tokens.subarray(start, start + room);
      const ids = joinIds([Uint32Array.from(before), text, Uint32Array.from(after)]);
      return { ...takeWordsApart(ids, words), padding: 0 };
    },
  };
}

interface Piece {
  readonly start: number;
  readonly length: number;
}

/** Windows of whole documents, or pieces of long ones; each row knows the bounds of its own and sees nothing beyond. */
function cutApart({ tokens, documentSizes }: Block, { length, pack, tokenizer, words }: CutOptions): Cut {
  const padding = tokenizer.special["[PAD]"];
  const { before, after, room } = frameOf(tokenizer.frame ?? bertFrame(tokenizer.special), length);
  const frame = length - room;
  const pieces: Piece[] = [];
  let start = 0;
  for (const size of documentSizes) {
    const taken = pack === "line" ? Math.min(size, room) : size;
    for (let at = 0; at < taken; at += room) pieces.push({ start: start + at, length: Math.min(room, taken - at) });
    start += size;
  }
  const bins = pack === "line"
    ? pieces.map((_, i) => [i])
    : packBestFit(pieces.map((piece) => piece.length + frame), length);
  return {
    count: bins.length,
    room,
    window(index) {
      const ids = new Uint32Array(length).fill(padding);
      const documents = new Uint32Array(2 * length);
      let at = 0;
      const bound = (from: number, to: number) => {
        for (let i = from; i < to; i++) documents.set([from, to], 2 * i);
      };
      for (const i of bins[index]!) {
        const piece = pieces[i]!;
        const begin = at;
        for (const id of before) ids[at++] = id;
        ids.set(tokens.subarray(piece.start, piece.start + piece.length), at);
        at += piece.length;
        for (const id of after) ids[at++] = id;
        bound(begin, at);
      }
      bound(at, length);
      return { ...takeWordsApart(ids, words), documents, padding: length - at };
    },
  };
}

/**
 * Packs items into bins of a capacity, the largest first, each into the fullest bin that still has room for it (best-fit
 * decreasing). Returns the items of each bin.
 */
export function packBestFit(sizes: readonly number[], capacity: number): number[][] {
  const bySize: number[][] = Array.from({ length: capacity + 1 }, () => []);
  for (const [item, size] of sizes.entries()) bySize[size]!.push(item);
  const bins: number[][] = [];
  /** Numbers of the bins with so much room. */
  const withRoom: number[][] = Array.from({ length: capacity + 1 }, () => []);
  for (let size = capacity; size > 0; size--) {
    for (const item of bySize[size]!) {
      let room = size;
      while (room <= capacity && withRoom[room]!.length === 0) room++;
      const bin = room <= capacity ? withRoom[room]!.pop()! : bins.push([]) - 1;
      bins[bin]!.push(item);
      withRoom[(room <= capacity ? room : capacity) - size]!.push(bin);
    }
  }
  return bins;
}

/** Ids, and where words are wanted, which of them go on with a word. */
function takeWordsApart(marked: Uint32Array<ArrayBuffer>, words: boolean): Pick<Window, "tokens" | "continues"> {
  if (!words) return { tokens: marked };
  return { tokens: withoutWords(marked), continues: continuesOf(marked) };
}
