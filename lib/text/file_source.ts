/**
 * Files, folders, globs and standard input as byte sources; the only part of the text side that needs Deno.
 *
 * @module
 */

import type { ByteSource } from "./corpus.ts";

/** Bytes read at a time. */
const CHUNK = 1 << 16;

/** Endings of the files that are taken from a folder. */
const TEXT_FILE = /\.(txt|text|md)$/i;

/** A file. */
export async function fileSource(path: string): Promise<ByteSource> {
  const { size } = await Deno.stat(path);
  return { name: path, size, stream: (start, end) => readRange(path, start, end) };
}

/**
 * Every file that a path stands for: a file, the text files in a folder and below it, or a glob; sorted by name.
 *
 * @throws {RangeError} if there is none.
 */
export async function fileSources(path: string): Promise<ByteSource[]> {
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
    if (info) throw new RangeError(`Cannot find text in folder "${path}": it holds no .txt, .text or .md file`);
    const what = /[*?{[]/.test(path) ? "no file matches" : "there is no such file or folder";
    throw new RangeError(`Cannot read "${path}": ${what}`);
  }
  return await Promise.all(found.sort().map(fileSource));
}

/** Standard input, kept in a temporary file since training reads it more than once; `remove` deletes that. */
export async function standardInputSource(): Promise<ByteSource & { remove(): Promise<void> }> {
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
