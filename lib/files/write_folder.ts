/**
 * Writing folders of files: under another name first, synced to disk, renamed.
 *
 * @module
 */

import { checksumLines, CHECKSUMS } from "./checksums.ts";
import { sumInThread, sumOf, threadFrom, type ThreadSum } from "./file_sums.ts";
import {
  makeFolder,
  makeNewFolder,
  openNew,
  renamed,
  totalBytes,
  writeContent,
  type WriteContext,
  type WriteOptions,
  writeSynced,
  writing,
} from "./write_files.ts";

/** Files by name, each in pieces to be written one after the other. */
export type FileSet = ReadonlyMap<string, readonly Uint8Array<ArrayBuffer>[]>;

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
    await makeNewFolder(temporary, context);
    const sums = options.checksums ? new Map<string, string>() : undefined;
    await writeFiles(temporary, files, context, sums);
    const lines = sums && new TextEncoder().encode(checksumLines(sums));
    if (lines) await writeSynced(`${temporary}/${CHECKSUMS}`, [lines], context);
  });
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
  const threadBytes = threadFrom([...files.values()].map(totalBytes));
  const written: WrittenFile[] = [];
  try {
    for (const [name, parts] of files) {
      const inner = name.lastIndexOf("/");
      if (inner > 0) await makeFolder(`${folder}/${name.slice(0, inner)}`, context);
      const path = `${folder}/${name}`;
      const file = await writing(context, () => openNew(path));
      const bytes = totalBytes(parts);
      const thread = sums && bytes >= threadBytes ? sumInThread({ path, bytes }) : undefined;
      const entry = { name, parts, file, thread, synced: Promise.resolve() };
      written.push(entry);
      await writeContent(file, parts, context);
      entry.synced = writing(context, () => file.sync());
      // that it failed is said where it is waited for
      entry.synced.catch(() => {});
    }
    for (const { name, parts, thread } of sums ? written : []) {
      if (!thread) sums!.set(name, await sumOf(parts));
    }
    for (const { name, parts, thread, synced } of written) {
      await synced;
      if (thread) sums!.set(name, await thread.sum ?? await sumOf(parts));
    }
  } finally {
    for (const { thread } of written) thread?.stop();
    await Promise.allSettled(written.map(({ synced }) => synced));
    for (const { file } of written) file.close();
  }
}

/** A file that is written and on its way to the disk. */
interface WrittenFile {
  readonly name: string;
  readonly parts: readonly Uint8Array[];
  readonly file: Deno.FsFile;
  readonly thread: ThreadSum | undefined;
  synced: Promise<void>;
}
