/**
 * A new folder that is written from within, so that nothing beside it has to be allowed.
 *
 * @module
 */

import { exists, parentOf } from "./paths.ts";
import { makeNewFolder, totalBytes, WriteError, type WriteOptions, writing } from "./write_files.ts";
import { type FileSet, writeFiles } from "./write_folder.ts";

/** Where the files lie until all of them are on the disk. */
const UNFINISHED = ".unfinished";

/** What may lie in a new folder before it is written, and stays there. */
export interface BesideOptions {
  /** Name of it. Default: nothing may. */
  readonly beside?: string | undefined;
}

/**
 * Whether a folder may be made: there is nothing of that name, or only what an interrupted {@linkcode writeNewFolder} left, and
 * what may lie beside.
 */
export async function isFree(path: string, { beside }: BesideOptions = {}): Promise<boolean> {
  try {
    let isOurs = false;
    for await (const { name } of Deno.readDir(path)) {
      if (name !== UNFINISHED && name !== beside) return false;
      isOurs = true;
    }
    return isOurs;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return true;
    // it is a file, or what is to hold it is one, of which who writes there says more
    if (error instanceof Deno.errors.NotADirectory) return await Deno.lstat(path).then(() => false, () => true);
    throw error;
  }
}

/** Removes what a {@linkcode writeNewFolder} under way has made so far. At once, for a program may be about to end. */
export function removeUnfinished(path: string, { beside }: BesideOptions = {}): void {
  try {
    if (!Deno.statSync(`${path}/${UNFINISHED}`).isDirectory) return;
    const isShared = beside !== undefined && [...Deno.readDirSync(path)].some(({ name }) => name === beside);
    Deno.removeSync(isShared ? `${path}/${UNFINISHED}` : path, { recursive: true });
  } catch {
    // there is nothing
  }
}

/**
 * Tries whether {@linkcode writeNewFolder} could make a folder, and leaves all as it was.
 *
 * @throws {WriteError} that says what would fail.
 */
export async function tryNewFolder(path: string, { what }: Pick<WriteOptions, "what">): Promise<void> {
  const waiting = `${path}/${UNFINISHED}`;
  const missing: string[] = [];
  for (let place = waiting; isAllowed(place) && !await isThere(place); place = parentOf(place)) missing.push(place);
  try {
    await makeNewFolder(`${waiting}/trial`, { what, place: path });
  } finally {
    // folders that are not empty stay
    for (const place of [`${waiting}/trial`, ...missing]) await Deno.remove(place).catch(() => {});
  }
}

/** Whether a folder may be looked for and removed without asking anybody. */
const isAllowed = (path: string) =>
  (["read", "write"] as const).every((name) => Deno.permissions.querySync({ name, path }).state === "granted");

/** Whether there is something of that name; what cannot be looked at is said by who writes there. */
const isThere = (path: string) =>
  Deno.lstat(path).then(() => true, (error) => !(error instanceof Deno.errors.NotFound));

/**
 * Makes a folder with files, which appear in it when all of them are on the disk, the one that makes a model of it last.
 *
 * @throws {WriteError} that says what failed; nothing of it is left behind.
 */
export async function writeNewFolder(
  path: string,
  files: FileSet,
  { what, last, beside }: Pick<WriteOptions, "what"> & BesideOptions & { readonly last: string },
): Promise<void> {
  const context = { what, place: path, bytes: totalBytes([...files.values()].flat()) };
  const waiting = `${path}/${UNFINISHED}`;
  const tops = [...new Set([...files.keys()].map((name) => name.split("/")[0]!))];
  const isShared = beside !== undefined && await exists(`${path}/${beside}`);
  const taken = isShared ? await firstThere(path, tops) : await isFree(path) ? undefined : "it";
  if (taken !== undefined) throw new WriteError(`Cannot write ${what} to "${path}": ${taken} exists already`);
  const moved: string[] = [];
  try {
    await Deno.remove(waiting, { recursive: true }).catch(() => {});
    await makeNewFolder(waiting, context);
    await writeFiles(waiting, files, context);
    for (const name of [...tops.filter((name) => name !== last), last]) {
      await writing(context, () => Deno.rename(`${waiting}/${name}`, `${path}/${name}`));
      moved.push(name);
    }
    await Deno.remove(waiting);
  } catch (error) {
    for (const name of [UNFINISHED, ...moved]) {
      await Deno.remove(`${path}/${name}`, { recursive: true }).catch(() => {});
    }
    // with something else in it, it stays
    await Deno.remove(path).catch(() => {});
    throw error;
  }
}

/** The first of some names that is in a folder. */
async function firstThere(path: string, names: readonly string[]): Promise<string | undefined> {
  for (const name of names) if (await exists(`${path}/${name}`)) return name;
  return undefined;
}
