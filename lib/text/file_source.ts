/**
 * Files, folders, globs, addresses and standard input as byte sources.
 *
 * @module
 */

import { systemReason } from "../sentences/reasons.ts";
import { filesMatching } from "./glob.ts";
import { compressionEndings } from "./decompress.ts";
import { textEndings } from "./text_source.ts";
import { STANDARD_INPUT } from "./standard_input_name.ts";
import type { ByteSource } from "./source.ts";
import { urlSource } from "./url_source.ts";
import { watchedFile } from "./watched_file.ts";

/** Endings of the files that are taken from a folder. */
const TEXT_FILE = new RegExp(`\\.(${textEndings.join("|")})(\\.(${compressionEndings.join("|")}))?$`, "i");

/** Options of {@linkcode fileSource}. */
export interface FileOptions {
  /** Is told once where a file grows or is written to while it is read. */
  noticed?: ((note: string) => void) | undefined;
}

/**
 * A file. Reading it fails where it has become shorter since, or another.
 *
 * @throws {RangeError} if there is none that can be read.
 */
export async function fileSource(
  path: string,
  { noticed }: FileOptions = {},
): Promise<ByteSource & { readonly size: number }> {
  return { name: path, ...await watchedFile(path, noticed) };
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
  { leftOut, noticed }: FileOptions & { leftOut?: ((files: LeftOut) => void) | undefined } = {},
): Promise<ByteSource[]> {
  if (/^https?:\/\//i.test(path)) return [await urlSource(path)];
  const info = await Deno.stat(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
    throw new RangeError(`Cannot read "${path}": ${systemReason(error) ?? (error as Error).message}`);
  });
  if (info && !info.isDirectory && !info.isFile) {
    throw new RangeError(
      `Cannot read "${path}": it can be read only once, and training reads it again; give it as … | --data -`,
    );
  }
  if (info?.isFile) return [await fileSource(path, { noticed })];
  const found = info ? await filesIn(path, { leftOut }) : await filesOfGlob(path);
  return await Promise.all(found.sort().map((file) => fileSource(file, { noticed })));
}

async function filesOfGlob(pattern: string): Promise<string[]> {
  const found = await filesMatching(pattern, {
    list: async (folder) => (await Array.fromAsync(Deno.readDir(folder)).catch(() => [])).map(({ name }) => name),
    kind: async (path) => {
      const info = await Deno.stat(path).catch(() => undefined);
      return info?.isFile ? "file" : info?.isDirectory ? "folder" : undefined;
    },
    real: (folder) => Deno.realPath(folder).catch(() => folder),
  });
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
