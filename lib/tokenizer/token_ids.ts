/**
 * Arrays of token ids, in which a bit says that a token goes on with a word.
 *
 * @module
 */

/** Set in a token's id where the token goes on with the word of the token before; ids are smaller. */
export const CONTINUES = 0x8000_0000;

/** The bits of an id itself. */
const ID = CONTINUES - 1;

/** Ids without {@linkcode CONTINUES}. */
export function withoutWords(ids: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const plain = new Uint32Array(ids.length);
  for (let i = 0; i < ids.length; i++) plain[i] = ids[i]! & ID;
  return plain;
}

/** The same in their own array. */
export function dropWords(ids: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  for (let i = 0; i < ids.length; i++) ids[i]! &= ID;
  return ids;
}

/** 1 for ids with {@linkcode CONTINUES}, 0 for the others. */
export function continuesOf(ids: Uint32Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(ids, (id) => id >= CONTINUES ? 1 : 0);
}

/** Sets {@linkcode CONTINUES} in all ids of a word but the first. */
export function markAll(ids: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  for (let i = 1; i < ids.length; i++) ids[i]! += CONTINUES;
  return ids;
}

/** Several arrays of ids as one. */
export function joinIds(pieces: readonly Uint32Array[]): Uint32Array<ArrayBuffer> {
  const ids = new Uint32Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    ids.set(piece, at);
    at += piece.length;
  }
  return ids;
}

/** Ids whose memory is worth giving back by hand. */
const LARGE = 1 << 16;

/** Gives an array's memory back at once, for whoever collects garbage may be late; it is empty then. */
export function release(ids: Uint32Array<ArrayBuffer>): void {
  ids.buffer.transfer(0);
}

/** A growing array of ids. */
export class IdBuffer {
  #ids: Uint32Array<ArrayBuffer>;
  #length = 0;

  /** An empty one with room to begin with. */
  constructor(room: number) {
    this.#ids = new Uint32Array(Math.max(16, room));
  }

  /** Appends one id. */
  push(id: number): void {
    if (this.#length === this.#ids.length) this.#grow(1);
    this.#ids[this.#length++] = id;
  }

  /** Appends ids. */
  append(ids: Uint32Array): void {
    if (this.#length + ids.length > this.#ids.length) this.#grow(ids.length);
    // most words have few tokens: a loop is quicker than `set`
    for (let i = 0; i < ids.length; i++) this.#ids[this.#length++] = ids[i]!;
  }

  /** The ids so far; the buffer is empty then. */
  take(): Uint32Array<ArrayBuffer> {
    const ids = this.#ids.slice(0, this.#length);
    this.#length = 0;
    if (this.#ids.length > LARGE) {
      release(this.#ids);
      this.#ids = new Uint32Array(16);
    }
    return ids;
  }

  #grow(more: number): void {
    const larger = new Uint32Array(2 * this.#ids.length + more);
    larger.set(this.#ids);
    if (this.#ids.length > LARGE) release(this.#ids);
    this.#ids = larger;
  }
}

/** Ids of a block of an {@linkcode IdList}, at first and at most. */
const FIRST_BLOCK = 1 << 10;
const LARGEST_BLOCK = 1 << 18;

/** Ids that are gathered, to be had as one array: however many they are, they are in memory little more than once. */
export class IdList {
  #blocks: Uint32Array<ArrayBuffer>[] = [];
  /** Ids in the last block. */
  #used = 0;
  #length = 0;

  /** Ids so far. */
  get length(): number {
    return this.#length;
  }

  /** Appends ids. */
  append(ids: Uint32Array): void {
    for (let at = 0; at < ids.length;) {
      let last = this.#blocks.at(-1);
      if (!last || this.#used === last.length) {
        last = new Uint32Array(Math.min(LARGEST_BLOCK, last ? 2 * last.length : FIRST_BLOCK));
        this.#blocks.push(last);
        this.#used = 0;
      }
      const piece = ids.subarray(at, at + last.length - this.#used);
      last.set(piece, this.#used);
      this.#used += piece.length;
      at += piece.length;
    }
    this.#length += ids.length;
  }

  /** All ids so far; nothing of them is kept. */
  take(): Uint32Array<ArrayBuffer> {
    const all = new Uint32Array(this.#length);
    let at = 0;
    for (const block of this.#blocks) {
      const piece = block.subarray(0, Math.min(block.length, all.length - at));
      all.set(piece, at);
      at += piece.length;
      release(block);
    }
    this.#blocks = [];
    this.#used = 0;
    this.#length = 0;
    return all;
  }
}
