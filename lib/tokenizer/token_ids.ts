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

  /** A copy of the ids so far. */
  take(): Uint32Array<ArrayBuffer> {
    return this.#ids.slice(0, this.#length);
  }

  #grow(more: number): void {
    const larger = new Uint32Array(2 * this.#ids.length + more);
    larger.set(this.#ids);
    this.#ids = larger;
  }
}
