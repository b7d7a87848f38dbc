/**
 * A thread that reads a file while it is being written, and gives its SHA-256.
 *
 * @module
 */

import { createHash } from "node:crypto";

/** What the thread is told. */
export interface Sha256Order {
  /** Path of a file that exists; it grows while it is read. */
  readonly path: string;
  /** Bytes that it will have. */
  readonly bytes: number;
}

/** Bytes that are read at a time. */
const BLOCK = 1 << 20;

/** Milliseconds until there is more to read. */
const PAUSE = 2;

const thread = globalThis as unknown as {
  onmessage: (event: MessageEvent<Sha256Order>) => void;
  postMessage(sum: string): void;
};

thread.onmessage = ({ data }) => {
  try {
    thread.postMessage(sumOfGrowing(data));
  } catch {
    // that the file cannot be read is said where it is written, or the sum is computed there
    thread.postMessage("");
  }
};

function sumOfGrowing({ path, bytes }: Sha256Order): string {
  using file = Deno.openSync(path);
  const hash = createHash("sha256");
  const block = new Uint8Array(BLOCK);
  const clock = new Int32Array(new SharedArrayBuffer(4));
  for (let at = 0; at < bytes;) {
    const count = file.readSync(block) ?? 0;
    if (count === 0) Atomics.wait(clock, 0, 0, PAUSE);
    hash.update(block.subarray(0, count));
    at += count;
  }
  return hash.digest("hex");
}
