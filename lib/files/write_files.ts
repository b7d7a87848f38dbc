/**
 * Writing files: under another name first, synced to disk, renamed; what goes wrong is said in one sentence. Everything that
 * is kept is written here, but for logs, which grow line by line.
 *
 * @module
 */

import { beginSha256, checksumLines, CHECKSUMS } from "./checksums.ts";
import { systemReason } from "../sentences/reasons.ts";

/** Files by name, each in pieces to be written one after the other. */
export type FileSet = ReadonlyMap<string, readonly Uint8Array<ArrayBuffer>[]>;

/** Options of {@linkcode writeFile} and {@linkcode writeFolder}. */
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
  const needed = bytes === undefined ? "" : ` (it needs ${bytes.toLocaleString("en")} bytes)`;
  return new WriteError(`Cannot write ${what} to "${place}": ${reason}${needed}${intact ? `; ${intact}` : ""}`);
}

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
export function fileWriter(file: Deno.FsFile, context: WriteContext): FileWriter {
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

/**
 * Writes a folder under a temporary name and renames it when all of it is on the disk; with `checksums`, the SHA-256 of every
 * file lies beside them.
 *
 * @throws {WriteError} that says what failed; nothing of it is left behind.
 */
export async function writeFolder(
  path: string,
  files: FileSet,
  options: WriteOptions & { readonly checksums?: boolean },
): Promise<void> {
  const { temporary = `${path}.unfinished` } = options;
  const context = { ...options, place: path, bytes: totalBytes([...files.values()].flat()) };
  const remove = () => Deno.remove(temporary, { recursive: true }).catch(() => {});
  // what an interrupted run left behind
  await remove();
  await renamed({ temporary, path, context, remove }, async () => {
    await makeFolder(temporary, context);
    const sums = options.checksums ? new Map<string, string>() : undefined;
    await writeFiles(temporary, files, context, sums);
    const lines = sums && new TextEncoder().encode(checksumLines(sums));
    if (lines) await writeSynced(`${temporary}/${CHECKSUMS}`, [lines], context);
  });
}

/** Has something made under a temporary name, and renames it when it is whole; of what fails nothing stays. */
async function renamed(
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

/**
 * Writes files, which may lie in folders of their own, into a folder that exists, and waits until they are on the disk; the
 * SHA-256 of each is noted in `sums`.
 */
export async function writeFiles(
  folder: string,
  files: FileSet,
  context: WriteContext = { what: "files", place: folder },
  sums?: Map<string, string>,
): Promise<void> {
  for (const [name, parts] of files) {
    const inner = name.lastIndexOf("/");
    if (inner > 0) await makeFolder(`${folder}/${name.slice(0, inner)}`, context);
    const hash = sums && await beginSha256();
    await writeSynced(`${folder}/${name}`, parts, context, () => {
      for (const part of hash ? parts : []) hash!.update(part);
    });
    if (hash) sums.set(name, hash.digest("hex"));
  }
}

async function writeSynced(
  path: string,
  content: Exclude<FileContent, string>,
  context: WriteContext,
  meanwhile?: () => void,
): Promise<void> {
  using file = await writing(context, () => Deno.open(path, { write: true, create: true, truncate: true }));
  const writer = fileWriter(file, context);
  if (typeof content === "function") await content(writer);
  else for (const part of content) await writer.write(part);
  await writer.flush();
  const synced = writing(context, () => file.sync());
  // a disk takes its time, in which the processor has nothing else to do
  meanwhile?.();
  await synced;
}

/** Bytes of all parts. */
export function totalBytes(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}
