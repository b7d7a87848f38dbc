/**
 * SHA-256 of files that are being written; that of the largest is left to a thread.
 *
 * @module
 */

import { mayLoad } from "../access/may_load.ts";
import { beginSha256 } from "./checksums.ts";
import type { Sha256Order } from "./sha256_thread.ts";

/** Bytes of a file from which on a thread is worth its start. */
const THREAD_BYTES = 1 << 26;

/** A SHA-256 that a thread computes. */
export interface ThreadSum {
  /** The sum in hexadecimal; undefined where there can be no thread. */
  readonly sum: Promise<string | undefined>;
  /** Ends the thread. */
  stop(): void;
}

/** Lets a thread read a file that is being written. */
export function sumInThread(order: Sha256Order): ThreadSum {
  const module = new URL("./sha256_thread.ts", import.meta.url);
  if (!mayLoad(module)) return { sum: Promise.resolve(undefined), stop: () => {} };
  const { promise: sum, resolve } = Promise.withResolvers<string | undefined>();
  const thread = new Worker(module, { type: "module" });
  thread.onmessage = ({ data }: MessageEvent<string>) => resolve(data || undefined);
  thread.onerror = (event) => {
    event.preventDefault();
    resolve(undefined);
  };
  thread.postMessage(order);
  return {
    sum,
    stop() {
      thread.terminate();
      resolve(undefined);
    },
  };
}

/** SHA-256 of bytes in pieces, in hexadecimal. */
export async function sumOf(parts: readonly Uint8Array[]): Promise<string> {
  const hash = await beginSha256();
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

/** The size from which on a file is left to a thread: that of the largest, if it is large. */
export function threadFrom(sizes: readonly number[]): number {
  return Math.max(THREAD_BYTES, ...sizes);
}
