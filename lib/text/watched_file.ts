/**
 * A file that is read more than once, and should be the same each time.
 *
 * @module
 */

import { systemReason } from "../sentences/reasons.ts";
import type { Bytes } from "./byte_reader.ts";

/** Bytes read at a time. */
const CHUNK = 1 << 16;
/** Chunks after which it is looked whether the file is still the same. */
const CHECKED_CHUNKS = 16;
/** Bytes at the beginning by which a file is known. */
const BEGINNING = 1 << 12;

/** Reads a file that may not change. */
export interface WatchedFile {
  /** Its bytes when it was first looked at. */
  readonly size: number;
  /** Bytes start ... end - 1, read when they are wanted; the file is closed at the end, at an error and where nobody reads on. */
  stream(start: number, end?: number): ReadableStream<Bytes>;
}

/**
 * A file. Reading throws where it has become shorter or another; that it grows, or was written to, is told once, for what was there
 * stays as it was as far as can be seen.
 *
 * @throws {RangeError} if there is none that can be read.
 */
export async function watchedFile(path: string, noticed: (note: string) => void = () => {}): Promise<WatchedFile> {
  const fail = (what: string) => new RangeError(`Cannot read "${path}": ${what}`);
  const failed = (error: unknown) => {
    throw fail(systemReason(error) ?? "it cannot be read");
  };
  const first = await Deno.stat(path).catch(failed);
  const { size } = first;
  let seen: Deno.FileInfo = first;
  let beginning: number | undefined;
  const told = new Set<string>();
  const tell = (note: string) => {
    if (told.has(note)) return;
    told.add(note);
    noticed(note);
  };
  const check = () => {
    const now = attempt(() => Deno.statSync(path));
    // what is open stays readable
    if (!now || isSame(now, seen)) return;
    seen = now;
    if (!now.isFile) throw fail("it is no file any more");
    if (now.size < size) throw fail(`it has changed since it was opened: it had ${size} bytes, now it has ${now.size}`);
    if (beginning !== undefined && beginningOf(path, size) !== beginning) {
      throw fail("it has changed since it was opened: it begins with other bytes");
    }
    if (now.size > size) tell(`"${path}" grows while it is read: its first ${size} bytes are used, as they were`);
    else tell(`"${path}" was written to while it is read; its size and its beginning are the same`);
  };
  async function* range(start: number, end: number): AsyncGenerator<Bytes> {
    if (start >= end) return;
    using file = await Deno.open(path).catch((error) => {
      throw fail(
        error instanceof Deno.errors.NotFound ? "it is not there any more" : systemReason(error) ?? "it cannot be read",
      );
    });
    check();
    if (start > 0) await file.seek(start, Deno.SeekMode.Start);
    for (let [at, chunks] = [start, 1]; at < end; chunks++) {
      const buffer = new Uint8Array(Math.min(CHUNK, end - at));
      const count = await file.read(buffer).catch(failed);
      if (chunks % CHECKED_CHUNKS === 0 || count === null) check();
      if (count === null) {
        if (at < Math.min(end, size)) throw fail(`it ends at byte ${at}, though it had ${size} when it was opened`);
        return;
      }
      const bytes = buffer.subarray(0, count);
      if (at === 0 && count >= Math.min(size, BEGINNING)) beginning ??= hashOf(bytes.subarray(0, BEGINNING));
      at += count;
      yield bytes;
    }
  }
  return { size, stream: (start, end = size) => ReadableStream.from(range(start, end)) };
}

/** Whether nothing says that a file has changed. */
function isSame(one: Deno.FileInfo, other: Deno.FileInfo): boolean {
  return one.size === other.size && one.mtime?.getTime() === other.mtime?.getTime() && one.ino === other.ino &&
    one.dev === other.dev && one.isFile === other.isFile;
}

/** The hash of a file's beginning, of at most so many bytes. */
function beginningOf(path: string, size: number): number | undefined {
  return attempt(() => {
    using file = Deno.openSync(path);
    const bytes = new Uint8Array(Math.min(size, BEGINNING));
    let length = 0;
    for (let count: number | null = 1; count && length < bytes.length; length += count ?? 0) {
      count = file.readSync(bytes.subarray(length));
    }
    return hashOf(bytes.subarray(0, length));
  });
}

function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch {
    return undefined;
  }
}

/** FNV-1a of 32 bits. */
function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
