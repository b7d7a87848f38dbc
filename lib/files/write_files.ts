/**
 * Writing files: under another name first, synced to disk, renamed; what goes wrong is said in one sentence.
 *
 * @module
 */

/** Files by name, each in pieces to be written one after the other. */
export type FileSet = ReadonlyMap<string, readonly Uint8Array<ArrayBuffer>[]>;

/** What is said of a failure. */
export interface WriteContext {
  /** What is being written. */
  readonly what: string;
  /** Where it is being written. */
  readonly place: string;
  /** Bytes that it needs, where that is known. */
  readonly bytes?: number | undefined;
  /** What is intact all the same. */
  readonly intact?: string | undefined;
}

/** A file that could not be written. */
export class WriteError extends Error {
  /** Name of the class. */
  override name = "WriteError";
}

const reasons: Readonly<Record<string, string>> = {
  ENOSPC: "no space is left there",
  EDQUOT: "the quota is used up",
  EFBIG: "the file grows larger than is allowed there",
  EROFS: "it is read-only",
  EACCES: "permission is denied",
  EPERM: "permission is denied",
  ENOENT: "there is no such folder",
  ENOTDIR: "a part of the path is a file",
  EISDIR: "a folder of that name is there",
  EEXIST: "a file of that name is there",
  ENOTEMPTY: "a folder of that name is there",
  ENAMETOOLONG: "the name is too long",
  EMFILE: "too many files are open",
  EIO: "the disk does not answer as it should",
};

/** The error as one sentence: what was being written, where, what it needs and what is intact; others as they are. */
export function writeError(error: unknown, { what, place, bytes, intact }: WriteContext): unknown {
  if (!(error instanceof Error) || error instanceof WriteError) return error;
  const reason = reasons[(error as Error & { code?: string }).code ?? ""];
  if (reason === undefined) return error;
  const needed = bytes === undefined ? "" : ` (it needs ${bytes.toLocaleString("en")} bytes)`;
  return new WriteError(`Cannot write ${what} to "${place}": ${reason}${needed}${intact ? `; ${intact}` : ""}`);
}

/** Runs something that writes; failures become sentences. */
export function writing<T>(context: WriteContext, write: () => T): T {
  try {
    return write();
  } catch (error) {
    throw writeError(error, context);
  }
}

/**
 * Writes a file under a temporary name and renames it when it is on the disk.
 *
 * @throws {WriteError} that says what failed; the file that was there is intact.
 */
export async function writeFile(path: string, text: string, what: string): Promise<void> {
  const temporary = `${path}.unfinished`;
  const bytes = new TextEncoder().encode(text);
  try {
    await writeSynced(temporary, [bytes]);
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw writeError(error, { what, place: path, bytes: bytes.length });
  }
}

/**
 * Writes a folder under a temporary name and renames it when all of it is on the disk.
 *
 * @throws {WriteError} that says what failed; nothing of it is left behind.
 */
export async function writeFolder(
  path: string,
  files: FileSet,
  { temporary = `${path}.unfinished`, what, intact }: { temporary?: string; what: string; intact?: string | undefined },
): Promise<void> {
  // what an interrupted run left behind
  await Deno.remove(temporary, { recursive: true }).catch(() => {});
  try {
    await Deno.mkdir(temporary, { recursive: true });
    await writeFiles(temporary, files);
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary, { recursive: true }).catch(() => {});
    const bytes = files.values().reduce((sum, parts) => sum + parts.reduce((all, { length }) => all + length, 0), 0);
    throw writeError(error, { what, place: path, bytes, intact });
  }
}

/** Writes files, which may lie in folders of their own, into a folder that exists, and waits until they are on the disk. */
export async function writeFiles(folder: string, files: FileSet): Promise<void> {
  for (const [name, parts] of files) {
    const inner = name.lastIndexOf("/");
    if (inner > 0) await Deno.mkdir(`${folder}/${name.slice(0, inner)}`, { recursive: true });
    await writeSynced(`${folder}/${name}`, parts);
  }
}

async function writeSynced(path: string, parts: readonly Uint8Array[]): Promise<void> {
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  for (const part of parts) {
    for (let at = 0; at < part.length;) at += await file.write(part.subarray(at));
  }
  await file.sync();
}
