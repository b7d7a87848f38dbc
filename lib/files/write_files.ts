/**
 * Writing files: under another name first, synced to disk, renamed; what goes wrong is said in one sentence. Everything that
 * is kept is written here and in write_folder.ts, but for logs, which grow line by line.
 *
 * @module
 */

import { parentOf } from "./paths.ts";
import { systemReason } from "../sentences/reasons.ts";

/** Options of what writes files and folders. */
export interface WriteOptions {
  /** What is being written, for messages. */
  readonly what: string;
  /** What is intact if it fails, for messages. */
  readonly intact?: string | undefined;
  /** Name until it is whole. Default: the name with `.unfinished` behind it. */
  readonly temporary?: string | undefined;
}

/** What is said of a failure. */
export interface WriteContext extends Pick<WriteOptions, "what" | "intact"> {
  /** Where it is being written. */
  readonly place: string;
  /** Bytes that it needs, where that is known. */
  readonly bytes?: number | undefined;
}

/** A file that could not be written. */
export class WriteError extends Error {
  /** Name of the class. */
  override name = "WriteError";
}

/** What codes mean where something is to be made. */
const reasons: Readonly<Record<string, string>> = {
  ENOENT: "there is no such folder",
  EISDIR: "a folder of that name is there",
  EEXIST: "a file of that name is there",
};

/** The error as one sentence: what was being written, where, what it needs and what is intact; others as they are. */
export function writeError(error: unknown, { what, place, bytes, intact }: WriteContext): unknown {
  if (!(error instanceof Error) || error instanceof WriteError) return error;
  const reason = reasons[(error as Error & { code?: string }).code ?? ""] ?? systemReason(error);
  if (reason === undefined) return error;
  // how much it is matters only where there is no room for it
  const needed = bytes === undefined || !isFull(error) ? "" : ` (it needs ${bytes.toLocaleString("en")} bytes)`;
  return new WriteError(`Cannot write ${what} to "${place}": ${reason}${needed}${intact ? `; ${intact}` : ""}`);
}

/** Whether a write failed for want of room. */
const isFull = (error: Error) =>
  ["ENOSPC", "EDQUOT", "EFBIG"].includes((error as Error & { code?: string }).code ?? "") ||
  /no space left|quota exceeded|file too large/i.test(error.message);

/** Runs something that writes, at once or later; failures become sentences. */
export function writing<T>(context: WriteContext, write: () => T): T {
  const fail = (error: unknown) => {
    throw writeError(error, context);
  };
  try {
    const result = write();
    return result instanceof Promise ? result.catch(fail) as T : result;
  } catch (error) {
    return fail(error);
  }
}

/** Writes all bytes at once, before anything else is done. */
export function writeAllSync(target: { writeSync(bytes: Uint8Array): number }, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += target.writeSync(bytes.subarray(at));
}

/** A file that is being written. */
export interface FileWriter {
  /** Writes on; small pieces are gathered. */
  write(bytes: Uint8Array): Promise<void>;
  /** Writes what is still gathered. */
  flush(): Promise<void>;
  /** Goes back to the beginning. */
  rewind(): Promise<void>;
}

/** Bytes that are gathered before they are written. */
const BLOCK = 1 << 16;

/** Writes to an open file. */
function fileWriter(file: Deno.FsFile, context: WriteContext): FileWriter {
  const block = new Uint8Array(BLOCK);
  let used = 0;
  const put = (bytes: Uint8Array) =>
    writing(context, async () => {
      for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    });
  const flush = async () => {
    await put(block.subarray(0, used));
    used = 0;
  };
  return {
    async write(bytes) {
      if (used + bytes.length > BLOCK) await flush();
      if (bytes.length > BLOCK) return await put(bytes);
      block.set(bytes, used);
      used += bytes.length;
    },
    flush,
    async rewind() {
      await flush();
      await file.seek(0, Deno.SeekMode.Start);
    },
  };
}

/** What a file is to hold: text, bytes in pieces, or what a function writes. */
export type FileContent = string | readonly Uint8Array[] | ((file: FileWriter) => Promise<void>);

/**
 * Writes a file under a temporary name and renames it when it is on the disk.
 *
 * @throws {WriteError} that says what failed; the file that was there is intact.
 */
export async function writeFile(path: string, content: FileContent, options: WriteOptions): Promise<void> {
  const { temporary = `${path}.unfinished` } = options;
  const whole = typeof content === "string" ? [new TextEncoder().encode(content)] : content;
  const bytes = typeof whole === "function" ? undefined : totalBytes(whole);
  const context = { ...options, place: path, bytes };
  const remove = () => Deno.remove(temporary).catch(() => {});
  await renamed({ temporary, path, context, remove }, () => writeSynced(temporary, whole, context));
}

/** Has something made under a temporary name, and renames it when it is whole; of what fails nothing stays. */
export async function renamed(
  { temporary, path, context, remove }: {
    temporary: string;
    path: string;
    context: WriteContext;
    remove: () => Promise<void>;
  },
  make: () => Promise<void>,
): Promise<void> {
  try {
    await make();
    await writing(context, () => Deno.rename(temporary, path));
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Makes a folder, and those that it lies in, where there is none yet. */
export async function makeFolder(path: string, context: Omit<WriteContext, "place">): Promise<void> {
  await writing({ place: path, ...context }, () => Deno.mkdir(path, { recursive: true }));
}

/** The same for a folder that must not be there yet, even as a link to another. */
export async function makeNewFolder(path: string, context: WriteContext): Promise<void> {
  const make = async () => {
    try {
      await Deno.mkdir(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      await Deno.mkdir(parentOf(path), { recursive: true });
      await Deno.mkdir(path);
    }
  };
  await writing(context, make);
}

/** Writes what a file is to hold into an open one. */
export async function writeContent(
  file: Deno.FsFile,
  content: Exclude<FileContent, string>,
  context: WriteContext,
): Promise<void> {
  const writer = fileWriter(file, context);
  if (typeof content === "function") await content(writer);
  else for (const part of content) await writer.write(part);
  await writer.flush();
}

/**
 * Opens a new file. What lies there is removed, and not written to: it may be what an interrupted run has left behind, or a
 * link to a file of somebody else.
 */
export async function openNew(path: string): Promise<Deno.FsFile> {
  const isFolder = await Deno.lstat(path).then(({ isDirectory }) => isDirectory, () => undefined);
  if (isFolder === false) await Deno.remove(path);
  try {
    return await Deno.open(path, { write: true, createNew: true });
  } catch (error) {
    throw isFolder ? Object.assign(error as Error, { code: "EISDIR" }) : error;
  }
}

/** Writes a file, and waits until it is on the disk. */
export async function writeSynced(
  path: string,
  content: Exclude<FileContent, string>,
  context: WriteContext,
): Promise<void> {
  using file = await writing(context, () => openNew(path));
  await writeContent(file, content, context);
  await writing(context, () => file.sync());
}

/** Bytes of all parts. */
export function totalBytes(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}
