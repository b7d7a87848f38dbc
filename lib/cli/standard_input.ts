/**
 * Standard input as a text that is read more than once.
 *
 * @module
 */

import { openSpool, type SpoolOptions } from "../files/spool.ts";
import { STANDARD_INPUT } from "../text/standard_input_name.ts";
import type { ByteSource } from "../text/source.ts";

/** Bytes read at a time. */
const CHUNK = 1 << 16;

/** Standard input to its end, kept; `remove` lets go of it. */
export async function keptInput(
  options: Pick<SpoolOptions, "folder" | "most"> = {},
): Promise<ByteSource & { remove(): Promise<void> }> {
  const spool = openSpool({ what: "the text of standard input", ...options });
  const remove = () => spool.close();
  try {
    for await (const bytes of Deno.stdin.readable) await spool.write(bytes);
  } catch (error) {
    await remove();
    throw error;
  }
  async function* from(start: number, end: number): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    for (let at = start; at < end;) {
      const into = new Uint8Array(Math.min(CHUNK, end - at));
      const count = spool.read(into, at);
      if (count === 0) return;
      at += count;
      yield into.subarray(0, count);
    }
  }
  const stream = (start: number, end = spool.size) => ReadableStream.from(from(start, end));
  return { name: STANDARD_INPUT, size: spool.size, stream, remove };
}
