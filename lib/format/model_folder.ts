/**
 * Folders of a model: named files that are read from the beginning, wherever they lie.
 *
 * @module
 */

import { type FetchLimits, guardedFetch } from "../access/guarded_fetch.ts";
import { pointerError } from "./lfs_pointer.ts";

/** An open file. */
export interface FileReader {
  /** Bytes, where that is known before the end. */
  readonly size: number | undefined;
  /** Reads on, at least one byte and at most as many as there is room for; null at the end. */
  read(into: Uint8Array<ArrayBuffer>): Promise<number | null>;
  /** Closes the file. */
  close(): Promise<void>;
}

/** A folder of a model. */
export interface ModelFolder {
  /** For people: where it is. */
  readonly place: string;
  /** Opens a file; undefined if there is none of this name. */
  open(name: string): Promise<FileReader | undefined>;
  /** Names of what is in it, those of folders with a slash at the end; absent where it cannot be asked. */
  list?(): Promise<readonly string[]>;
}

/** A file's path or address, for messages. */
export function pathIn(folder: ModelFolder, name: string): string {
  return `${folder.place.replace(/[\\/]+$/, "")}/${name}`;
}

/**
 * Fills an array from a file.
 *
 * @throws {SyntaxError} if the file ends before.
 */
export async function readFully(
  reader: Pick<FileReader, "read">,
  into: Uint8Array<ArrayBuffer>,
  path: string,
): Promise<void> {
  for (let at = 0; at < into.length;) {
    const count = await reader.read(into.subarray(at));
    if (count === null) throw new SyntaxError(`Cannot read ${path}: it ends too early`);
    at += count;
  }
}

/** Largest file that is read as a whole: configurations and vocabularies are much smaller. */
const LARGEST_WHOLE = 1 << 27;

/**
 * All bytes of a file; undefined if there is none.
 *
 * @throws {RangeError} if it is far too large for what is read as a whole.
 */
export async function readBytes(folder: ModelFolder, name: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const reader = await folder.open(name);
  if (!reader) return undefined;
  const { size } = reader;
  try {
    let bytes = new Uint8Array(Math.min(size ?? FIRST_ROOM, LARGEST_WHOLE) + 1);
    for (let length = 0;;) {
      if (length > LARGEST_WHOLE || (size ?? 0) > LARGEST_WHOLE) {
        const has = size === undefined ? "" : `: it has ${size.toLocaleString("en")}`;
        throw new RangeError(
          `Cannot read ${pathIn(folder, name)}: more than ${LARGEST_WHOLE.toLocaleString("en")} bytes ` +
            `are not believed of such a file${has}`,
        );
      }
      if (length === bytes.length) {
        const longer = new Uint8Array(2 * length);
        longer.set(bytes);
        bytes = longer;
      }
      const count = await reader.read(bytes.subarray(length));
      if (count === null) return bytes.subarray(0, length);
      length += count;
    }
  } finally {
    await reader.close();
  }
}

/** Bytes that there is room for at first where a size is not known. */
const FIRST_ROOM = 1 << 16;

/**
 * A file as text; undefined if there is none.
 *
 * @throws {SyntaxError} if it is only a pointer of Git LFS.
 */
export async function readText(folder: ModelFolder, name: string): Promise<string | undefined> {
  const bytes = await readBytes(folder, name);
  const pointer = bytes && pointerError(bytes, pathIn(folder, name));
  if (pointer) throw pointer;
  return bytes && new TextDecoder().decode(bytes);
}

/**
 * A file as JSON; undefined if there is none.
 *
 * @throws {SyntaxError} if it is no JSON.
 */
export async function readJson(folder: ModelFolder, name: string): Promise<unknown> {
  const text = await readText(folder, name);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new SyntaxError(`Cannot read ${pathIn(folder, name)}: it is no JSON`);
  }
}

/**
 * A folder at an http address, such as a model's on a web site; works in browsers too. A server that sends nothing, too slowly or
 * without an end is given up.
 */
export function urlFolder(address: string, { limits }: { limits?: FetchLimits | undefined } = {}): ModelFolder {
  const [, path, query = ""] = /^([^?#]*)(\?[^#]*)?/.exec(address)!;
  const base = path!.replace(/\/+$/, "");
  return {
    place: base,
    async open(name) {
      const url = `${base}/${name}${query}`;
      const fail = (what: string) => new RangeError(`Cannot read ${url}: ${what}`);
      const answer = await guardedFetch(url, { limits, fail });
      if (answer.ok) return streamReader(answer.body, answer.size);
      await answer.close();
      if (answer.status === 404) return undefined;
      throw fail(`the server answers with status ${answer.status}`);
    },
  };
}

/**
 * A folder in memory: files by name, such as those that were dropped on a web page.
 *
 * @example
 * ```ts
 * import { memoryFolder, readJson } from "@cloze/mlm/format";
 *
 * const folder = memoryFolder("dropped", new Map([["config.json", [new Blob(['{"model_type": "bert"}'])]]]));
 * console.log(await readJson(folder, "config.json"));
 * ```
 */
export function memoryFolder(place: string, files: ReadonlyMap<string, readonly BlobPart[]>): ModelFolder {
  return {
    place,
    open(name) {
      const pieces = files.get(name);
      if (!pieces) return Promise.resolve(undefined);
      const blob = new Blob([...pieces]);
      return Promise.resolve(streamReader(blob.stream(), blob.size));
    },
    list: () => Promise.resolve([...files.keys()]),
  };
}

function streamReader(stream: ReadableStream<Uint8Array>, size: number | undefined): FileReader {
  const reader = stream.getReader();
  let held = new Uint8Array();
  return {
    size,
    async read(into) {
      while (held.length === 0) {
        const { done, value } = await reader.read();
        if (done) return null;
        held = value as Uint8Array<ArrayBuffer>;
      }
      const count = Math.min(held.length, into.length);
      into.set(held.subarray(0, count));
      held = held.subarray(count);
      return count;
    },
    close: () => reader.cancel(),
  };
}
