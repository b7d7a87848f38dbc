/**
 * Files, folders, globs, addresses and standard input as byte sources; the only part of the text side that needs Deno.
 *
 * @module
 */

import { textEndings } from "./open.ts";
import type { ByteSource } from "./source.ts";

/** Bytes read at a time. */
const CHUNK = 1 << 16;

/** Endings of the files that are taken from a folder. */
const TEXT_FILE = new RegExp(`\\.(${textEndings.join("|")})(\\.(gz|br|zst))?$`, "i");

/** A file. */
export async function fileSource(path: string): Promise<ByteSource & { readonly size: number }> {
  const { size } = await Deno.stat(path);
  return { name: path, size, stream: (start, end = size) => readRange(path, start, end) };
}

/**
 * What an http or https address answers. A place within it is asked for by a range; where the server has none, everything
 * before it is read and left.
 *
 * @throws {RangeError} if the server does not answer with it.
 */
export async function urlSource(address: string): Promise<ByteSource> {
  const fail = (what: string) => new RangeError(`Cannot read ${address}: ${what}`);
  const get = async (init: RequestInit) => {
    const response = await fetch(address, init).catch((error: Error) => {
      throw fail(error.message);
    });
    if (response.ok) return response;
    await response.body?.cancel();
    throw fail(`the server answers with status ${response.status}`);
  };
  const head = await get({ method: "HEAD" });
  const length = head.headers.get("content-length");
  const isPlain = !head.headers.get("content-encoding") && length !== null;
  return {
    // what comes behind the path does not tell what it is
    name: address.replace(/[?#].*$/, ""),
    size: isPlain ? Number(length) : undefined,
    stream: (start, end) => ReadableStream.from(rangeOf(get, start, end)),
  };
}

async function* rangeOf(
  get: (init: RequestInit) => Promise<Response>,
  start: number,
  end: number | undefined,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  if (end !== undefined && start >= end) return;
  const range = `bytes=${start}-${end === undefined ? "" : end - 1}`;
  const response = await get(start === 0 && end === undefined ? {} : { headers: { range } });
  let at = response.status === 206 ? start : 0;
  for await (const chunk of response.body ?? []) {
    const bytes = chunk as Uint8Array<ArrayBuffer>;
    const piece = bytes.subarray(Math.max(0, start - at), Math.max(0, Math.min(bytes.length, (end ?? Infinity) - at)));
    at += bytes.length;
    if (piece.length > 0) yield piece;
    if (end !== undefined && at >= end) return;
  }
}

/**
 * Everything that a path stands for: a file, an http address, the text files in a folder and below it, or a glob; sorted by
 * name.
 *
 * @throws {RangeError} if there is none.
 */
export async function fileSources(path: string): Promise<ByteSource[]> {
  if (/^https?:\/\//i.test(path)) return [await urlSource(path)];
  const info = await Deno.stat(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  });
  if (info?.isFile) return [await fileSource(path)];
  const found: string[] = [];
  const pattern = info ? `${path.replace(/[\\/]+$/, "")}/**/*` : path;
  // imported where it is used, so that the package also loads in browsers
  const { glob } = await import("node:fs/promises");
  for await (const match of glob(pattern)) {
    if ((await Deno.stat(match)).isFile && (!info || TEXT_FILE.test(match))) found.push(match);
  }
  if (found.length === 0) {
    if (info) {
      throw new RangeError(
        `Cannot find text in folder "${path}": it holds no file that ends in ${
          textEndings.map((ending) => `.${ending}`).join(", ")
        }`,
      );
    }
    const what = /[*?{[]/.test(path) ? "no file matches" : "there is no such file or folder";
    throw new RangeError(`Cannot read "${path}": ${what}`);
  }
  return await Promise.all(found.sort().map(fileSource));
}

/** Standard input, kept in a temporary file since training reads it more than once; `remove` deletes that. */
export async function standardInputSource(): Promise<
  ByteSource & { remove(): Promise<void> }
> {
  const path = await Deno.makeTempFile({ prefix: "cloze-", suffix: ".txt" });
  const remove = () => Deno.remove(path);
  try {
    const file = await Deno.open(path, { write: true });
    await Deno.stdin.readable.pipeTo(file.writable);
    return { ...await fileSource(path), name: "standard input", remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

function readRange(path: string, start: number, end: number): ReadableStream<Uint8Array<ArrayBuffer>> {
  let file: Deno.FsFile | undefined;
  let left = end - start;
  return new ReadableStream({
    async start() {
      file = await Deno.open(path);
      await file.seek(start, Deno.SeekMode.Start);
    },
    async pull(controller) {
      const buffer = new Uint8Array(Math.min(CHUNK, Math.max(1, left)));
      const count = left > 0 ? await file!.read(buffer) : null;
      if (count === null) {
        file!.close();
        controller.close();
        return;
      }
      left -= count;
      controller.enqueue(buffer.subarray(0, count));
    },
    cancel() {
      file?.close();
    },
  });
}
