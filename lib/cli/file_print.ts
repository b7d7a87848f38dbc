/**
 * Prints of files, by which a resumed run notices that its text has changed.
 *
 * @module
 */

import { absolute } from "../files/paths.ts";
import type { ByteSource } from "../text/source.ts";

/** What tells a file from a changed one. */
export interface FilePrint {
  /** Its path or address. */
  readonly name: string;
  /** Bytes; null where they are not known. */
  readonly size: number | null;
  /** SHA-256 of its first 64 KiB, in hexadecimal. */
  readonly head: string;
  /** When it was last written, ISO 8601; null where that is not known. */
  readonly modified: string | null;
}

/** Bytes at the beginning of a file that are looked at. */
const HEAD = 1 << 16;

/** The print of a file as it is now. */
export async function printOf(source: ByteSource): Promise<FilePrint> {
  const end = source.size === undefined ? HEAD : Math.min(HEAD, source.size);
  const head = await sha256(await new Response(source.stream(0, end)).arrayBuffer());
  const modified = await Deno.stat(source.name).then(({ mtime }) => mtime?.toISOString() ?? null, () => null);
  return { name: absolute(source.name), size: source.size ?? null, head, modified };
}

/** SHA-256 in hexadecimal. */
export async function sha256(bytes: BufferSource): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/**
 * Compares files with what they were. Returns a note where one was written since, though its size and beginning are the same.
 *
 * @throws {RangeError} that names the first that differs.
 */
export function checkUnchanged(before: readonly FilePrint[], now: readonly FilePrint[]): string | undefined {
  for (const [i, old] of before.entries()) {
    const file = now[i];
    if (file?.name !== old.name) throw new RangeError(`its text has changed: ${old.name} is not there any more`);
    if (file.size !== old.size) {
      throw new RangeError(`its text has changed: ${old.name} had ${old.size} bytes, now it has ${file.size}`);
    }
    if (file.head !== old.head) throw new RangeError(`its text has changed: ${old.name} begins with other bytes`);
  }
  if (now.length > before.length) throw new RangeError(`its text has changed: ${now[before.length]!.name} is new`);
  const touched = before.find(({ modified }, i) => modified !== now[i]!.modified);
  return touched && `${touched.name} was written since; its size and its beginning are the same`;
}
