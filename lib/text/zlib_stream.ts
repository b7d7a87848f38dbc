/**
 * A decompressor of node:zlib that is fed when it wants more, and whose errors reach nobody but the one who reads.
 *
 * @module
 */

import type { Transform } from "node:stream";
import type { Bytes } from "./byte_reader.ts";

/** A decompressor of node:zlib; `bytesWritten` counts the bytes that it has used. */
export type ZlibStream = Transform & { readonly bytesWritten: number };

/** The module, imported where it is used so that the package also loads in browsers. */
export const nodeZlib = (): Promise<typeof import("node:zlib")> => import("node:zlib");

/** Bytes that a decompressor gives at a time. */
export const OUTPUT_CHUNK = 1 << 16;

/** Chunks that wait to be read before the decompressor pauses. */
const MOST_WAITING = 4;

/** What a decompressor says is wrong with its data. */
export class ZlibError extends Error {
  override name = "ZlibError";
}

/** Where bytes come from, and where those go that lie after the end of the compressed data. */
export interface Feed {
  /** The next bytes; undefined at the end. */
  next(): Promise<Bytes | undefined>;
  /** Takes back what was not used. */
  unread(bytes: Bytes): void;
}

/**
 * What a decompressor makes of bytes. It stops where the data says that it ends. All that was decompressed before an error is
 * given before it is thrown.
 */
export async function* throughZlib(zlib: ZlibStream, feed: Feed): AsyncGenerator<Bytes> {
  const waiting: Bytes[] = [];
  let failure: { error: unknown } | undefined;
  let isEnded = false;
  let isLeft = false;
  let wake = () => {};
  const fail = (error: unknown) => {
    failure ??= { error };
    wake();
  };
  zlib.on("data", (chunk: Bytes) => {
    // of Node's buffers, slice() does not copy
    waiting.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length));
    if (waiting.length >= MOST_WAITING) zlib.pause();
    wake();
  });
  const end = () => {
    isEnded = true;
    wake();
  };
  zlib.on("end", end);
  zlib.on("close", end);
  const failData = (error: unknown) => fail(new ZlibError(error instanceof Error ? error.message : String(error)));
  zlib.on("error", failData);
  const pump = async () => {
    let fed = 0;
    while (true) {
      const bytes = await feed.next();
      if (isLeft || isEnded) return;
      if (bytes === undefined) {
        zlib.end();
        return;
      }
      fed += bytes.length;
      const isWritten = await written(zlib, bytes).catch(failData);
      if (!isWritten || isLeft) return;
      if (zlib.bytesWritten < fed) {
        feed.unread(bytes.subarray(bytes.length - (fed - zlib.bytesWritten)));
        zlib.end();
        return;
      }
    }
  };
  const pumping = pump().catch(fail);
  try {
    while (true) {
      while (waiting.length > 0) yield waiting.shift()!;
      if (failure) throw failure.error;
      if (isEnded) break;
      zlib.resume();
      await new Promise<void>((resolve) => wake = resolve);
    }
    await pumping;
  } finally {
    isLeft = true;
    zlib.destroy();
  }
}

/** Whether bytes were taken; some errors are told, others thrown. */
function written(zlib: ZlibStream, bytes: Bytes): Promise<boolean> {
  return new Promise((resolve) => zlib.write(bytes, (error) => resolve(!error)));
}
