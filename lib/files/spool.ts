/**
 * Bytes that have to be read again, though they come only once: in memory, and what is too much for it in a file that has no
 * name any more, so that nothing of it stays however the program ends.
 *
 * @module
 */

import { makeFolder, writeAllSync, writing } from "./write_files.ts";

/** Bytes that wait to be read again. */
export interface Spool {
  /** Bytes so far. */
  readonly size: number;
  /** Adds bytes behind those before. */
  write(bytes: Uint8Array): Promise<void>;
  /** Reads from a place on; returns how many bytes there were. */
  read(into: Uint8Array, at: number): number;
  /** Lets go of all of them. */
  close(): Promise<void>;
}

/** Options of {@linkcode openSpool}. */
export interface SpoolOptions {
  /** What waits, for messages. */
  readonly what: string;
  /** Folder of the file, made where there is none; default: the system's for temporary files. */
  readonly folder?: string | undefined;
  /** Bytes that are kept in memory. */
  readonly most?: number | undefined;
}

/** Bytes that are kept in memory where nothing else is said. */
const HELD = 1 << 25;
/** Bytes of a piece of memory. */
const PIECE = 1 << 20;

/** A place for bytes to wait in. */
export function openSpool({ what, folder, most = HELD }: SpoolOptions): Spool {
  const pieces: Uint8Array[] = [];
  let size = 0;
  let file: TemporaryFile | undefined;
  const hold = (bytes: Uint8Array) => {
    for (let at = 0; at < bytes.length;) {
      const inPiece = size % PIECE;
      if (inPiece === 0) pieces.push(new Uint8Array(PIECE));
      const part = bytes.subarray(at, at + PIECE - inPiece);
      pieces.at(-1)!.set(part, inPiece);
      at += part.length;
      size += part.length;
    }
  };
  const context = { what, place: folder ?? "the folder for temporary files" };
  return {
    get size() {
      return size;
    },
    async write(bytes) {
      if (!file && size + bytes.length <= most) return hold(bytes);
      if (!file) {
        file = await writing(context, () => temporaryFile(folder, what));
        for (const [i, piece] of pieces.splice(0).entries()) {
          const part = piece.subarray(0, Math.min(PIECE, size - i * PIECE));
          writing(context, () => writeAllSync(file!.file, part));
        }
      }
      writing(context, () => writeAllSync(file!.file, bytes));
      size += bytes.length;
    },
    read(into, at) {
      const wanted = into.subarray(0, Math.max(0, Math.min(into.length, size - at)));
      if (wanted.length === 0) return 0;
      if (file) {
        file.file.seekSync(at, Deno.SeekMode.Start);
        return file.file.readSync(wanted) ?? 0;
      }
      const piece = pieces[Math.floor(at / PIECE)]!.subarray(at % PIECE, at % PIECE + wanted.length);
      wanted.set(piece);
      return piece.length;
    },
    async close() {
      pieces.length = 0;
      await file?.remove();
    },
  };
}

/** A file that is to be gone at the end. */
interface TemporaryFile {
  readonly file: Deno.FsFile;
  remove(): Promise<void>;
}

async function temporaryFile(folder: string | undefined, what: string): Promise<TemporaryFile> {
  const isNew = folder !== undefined && await Deno.stat(folder).then(() => false, () => true);
  if (isNew) await makeFolder(folder, { what });
  const path = await Deno.makeTempFile({ prefix: ".cloze-", ...(folder === undefined ? {} : { dir: folder }) });
  const file = await Deno.open(path, { read: true, write: true });
  const removed = () => Deno.remove(path).then(() => true, () => false);
  // an open file needs no name, but on Windows
  let isGone = await removed();
  return {
    file,
    async remove() {
      file.close();
      isGone ||= await removed();
      // the folder stays if it holds anything else
      if (isNew) await Deno.remove(folder).catch(() => {});
    },
  };
}
