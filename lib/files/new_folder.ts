/**
 * A new folder that is written from within, so that nothing beside it has to be allowed.
 *
 * @module
 */

import { makeNewFolder, totalBytes, WriteError, type WriteOptions, writing } from "./write_files.ts";
import { type FileSet, writeFiles } from "./write_folder.ts";

/** Where the files lie until all of them are on the disk. */
const UNFINISHED = ".unfinished";

/**
 * Whether a folder may be made: there is nothing of that name, or only what an interrupted {@linkcode writeNewFolder} left.
 */
export async function isFree(path: string): Promise<boolean> {
  try {
    for await (const { name } of Deno.readDir(path)) if (name !== UNFINISHED) return false;
    return await Deno.stat(`${path}/${UNFINISHED}`).then(() => true, () => false);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return true;
    if (error instanceof Deno.errors.NotADirectory) return false;
    throw error;
  }
}

/** Removes what a {@linkcode writeNewFolder} under way has made so far. At once, for a program may be about to end. */
export function removeUnfinished(path: string): void {
  try {
    if (Deno.statSync(`${path}/${UNFINISHED}`).isDirectory) Deno.removeSync(path, { recursive: true });
  } catch {
    // there is nothing
  }
}

/**
 * Makes a folder with files, which appear in it when all of them are on the disk, the one that makes a model of it last.
 *
 * @throws {WriteError} that says what failed; nothing of it is left behind.
 */
export async function writeNewFolder(
  path: string,
  files: FileSet,
  { what, last }: Pick<WriteOptions, "what"> & { readonly last: string },
): Promise<void> {
  const context = { what, place: path, bytes: totalBytes([...files.values()].flat()) };
  const waiting = `${path}/${UNFINISHED}`;
  if (!await isFree(path)) throw new WriteError(`Cannot write ${what} to "${path}": it exists already`);
  try {
    await Deno.remove(waiting, { recursive: true }).catch(() => {});
    await makeNewFolder(waiting, context);
    await writeFiles(waiting, files, context);
    const tops = [...new Set([...files.keys()].map((name) => name.split("/")[0]!))];
    for (const name of [...tops.filter((name) => name !== last), last]) {
      await writing(context, () => Deno.rename(`${waiting}/${name}`, `${path}/${name}`));
    }
    await Deno.remove(waiting);
  } catch (error) {
    await Deno.remove(path, { recursive: true }).catch(() => {});
    throw error;
  }
}
