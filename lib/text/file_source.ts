/**
 * Files, folders, globs, addresses and standard input as byte sources; the only file here that needs Deno.
 *
 * @module
 */

import type { Bytes } from "./byte_reader.ts";
import { compressionEndings } from "./decompress.ts";
import { textEndings } from "./text_source.ts";
import { STANDARD_INPUT } from "./signatures.ts";
import type { ByteSource } from "./source.ts";
import { urlSource } from "./url_source.ts";

/** Bytes read at a time. */
const CHUNK = 1 << 16;

/** Endings of the files that are taken from a folder. */
const TEXT_FILE = new RegExp(`\\.(${textEndings.join("|")})(\\.(${compressionEndings.join("|")}))?$`, "i");

/** A file. */
export async function fileSource(path: string): Promise<ByteSource & { readonly size: number }> {
  const { size } = await Deno.stat(path);
  return { name: path, size, stream: (start, end = size) => readRange(path, start, end) };
}

/** Files that a folder holds and that are not taken, counted by their ending (`.ts`; empty for those without one). */
export type LeftOut = ReadonlyMap<string, number>;

/** Folders that hold no text of their own. */
const isHidden = (name: string) => name.startsWith(".") || name === "node_modules" || name === "__pycache__";

/**
 * Everything that a path stands for: a file, an http address, the text files in a folder and below it, or a glob; sorted by
 * name. Hidden files and folders within a folder are passed over, and node_modules.
 *
 * @param leftOut Is told what a folder holds beside text.
 * @throws {RangeError} if there is none.
 */
export async function fileSources(
  path: string,
  { leftOut }: { leftOut?: (files: LeftOut) => void } = {},
): Promise<ByteSource[]> {
  if (/^https?:\/\//i.test(path)) return [await urlSource(path)];
  const info = await Deno.stat(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
    throw new RangeError(`Cannot read "${path}": ${(error as Error).message}`);
  });
  if (info && !info.isDirectory && !info.isFile) {
    throw new RangeError(
      `Cannot read "${path}": it can be read only once, and training reads it again; give it as … | --data -`,
    );
  }
  if (info?.isFile) return [await fileSource(path)];
  const found = info ? await filesIn(path, { leftOut }) : await filesOfGlob(path);
  return await Promise.all(found.sort().map(fileSource));
}

async function filesOfGlob(pattern: string): Promise<string[]> {
  // imported where it is used, so that the package also loads in browsers
  const { glob } = await import("node:fs/promises");
  const found: string[] = [];
  for await (const match of glob(pattern)) {
    if ((await Deno.stat(match)).isFile) found.push(match);
  }
  if (found.length > 0) return found;
  const what = /[*?{[]/.test(pattern) ? "no file matches" : "there is no such file or folder";
  throw new RangeError(`Cannot read "${pattern}": ${what}`);
}

async function filesIn(
  folder: string,
  { leftOut }: { leftOut: ((files: LeftOut) => void) | undefined },
): Promise<string[]> {
  const found: string[] = [];
  const others = new Map<string, number>();
  const root = folder.replace(/(?<=.)[\\/]+$/, "");
  // links may lead in circles
  const visited = new Set<string>();
  const walk = async (path: string) => {
    const real = await Deno.realPath(path);
    if (visited.has(real)) return;
    visited.add(real);
    for await (const { name } of Deno.readDir(path)) {
      if (isHidden(name)) continue;
      const inner = path.endsWith("/") ? path + name : `${path}/${name}`;
      // a link may lead nowhere
      const info = await Deno.stat(inner).catch(() => undefined);
      if (info?.isDirectory) await walk(inner);
      else if (info?.isFile && TEXT_FILE.test(name)) found.push(inner);
      else if (info?.isFile) {
        const ending = /.(\.\w+)$/.exec(name)?.[1]?.toLowerCase() ?? "";
        others.set(ending, (others.get(ending) ?? 0) + 1);
      }
    }
  };
  await walk(root);
  if (found.length === 0) {
    const endings = textEndings.map((ending) => `.${ending}`).join(", ");
    const instead = [...others].sort(([, a], [, b]) => b - a)[0];
    throw new RangeError(
      `Cannot find text in folder "${folder}": it holds no file that ends in ${endings}${
        instead ? `; others are named by a pattern, such as '${root}/**/*${instead[0]}'` : ""
      }`,
    );
  }
  if (others.size > 0) leftOut?.(others);
  return found;
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
    return { ...await fileSource(path), name: STANDARD_INPUT, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Bytes of a file, read when they are wanted; the file is closed at the end, at an error and where nobody reads on. */
function readRange(path: string, start: number, end: number): ReadableStream<Bytes> {
  return ReadableStream.from((async function* () {
    if (start >= end) return;
    const fail = (error: unknown) => new RangeError(`Cannot read "${path}": ${(error as Error).message}`);
    const file = await Deno.open(path).catch((error) => {
      throw fail(error);
    });
    try {
      if (start > 0) await file.seek(start, Deno.SeekMode.Start);
      for (let left = end - start; left > 0;) {
        const buffer = new Uint8Array(Math.min(CHUNK, left));
        const count = await file.read(buffer).catch((error) => {
          throw fail(error);
        });
        if (count === null) return;
        left -= count;
        yield buffer.subarray(0, count);
      }
    } finally {
      file.close();
    }
  })());
}
