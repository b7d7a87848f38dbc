/**
 * What tells a checkpoint from a damaged one: the SHA-256 of each of its files, in a file beside them that `sha256sum -c`
 * reads too.
 *
 * @module
 */

import { type FileReader, type ModelFolder, pathIn, readText } from "../format/model_folder.ts";

/** Name of the file beside the others. */
export const CHECKSUMS = "checkpoint.sha256";

/** Files that may be written anew at any time, for nothing is computed from them. */
const unchecked: ReadonlySet<string> = new Set(["README.md", CHECKSUMS]);

/** Files that no checkpoint is without. */
const inEvery: ReadonlySet<string> = new Set([
  "config.json",
  "model.safetensors",
  "optimizer.safetensors",
  "tokenizer.json",
  "training.json",
]);

/** A SHA-256 under way. */
export interface Sha256 {
  /** Takes more bytes. */
  update(bytes: Uint8Array): void;
  /** The result in hexadecimal. */
  digest(encoding: "hex"): string;
}

/** Begins a SHA-256; the module is imported where it is used so that the package also loads in browsers. */
export async function beginSha256(): Promise<Sha256> {
  const { createHash } = await import("node:crypto");
  return createHash("sha256");
}

/** The lines of a file of checksums. */
export function checksumLines(sums: ReadonlyMap<string, string>): string {
  return [...sums].map(([name, sum]) => `${sum}  ${name}\n`).join("");
}

/** A folder whose files are compared with its checksums as they are read; without checksums it is as it was. */
export function checkedFolder(folder: ModelFolder): ModelFolder {
  let known: Promise<ReadonlyMap<string, string> | undefined> | undefined;
  return {
    ...folder,
    async open(name) {
      const reader = await folder.open(name);
      if (unchecked.has(name)) return reader;
      try {
        const sums = await (known ??= readChecksums(folder));
        if (!sums) return reader;
        const sum = sums.get(name);
        if (reader && sum !== undefined) return checkedReader(reader, { sum, path: pathIn(folder, name) });
        if (sum === undefined && !reader) return undefined;
        if (reader && inEvery.has(name)) {
          const missing = `it is incomplete: it has no line for ${name}`;
          throw new SyntaxError(`Cannot use ${pathIn(folder, CHECKSUMS)}: ${missing}; ${ADVICE}`);
        }
        const what = reader ? "it was not there when the checkpoint was written" : "it is missing";
        throw new SyntaxError(`Cannot use ${pathIn(folder, name)}: ${what} (see ${CHECKSUMS}); ${ADVICE}`);
      } catch (error) {
        await reader?.close();
        throw error;
      }
    },
  };
}

/** For those who edit their models by hand. */
const ADVICE = `if it was changed on purpose, delete ${CHECKSUMS} beside it`;

/** Whether a folder has checksums to be compared with; checkpoints of earlier versions have none. */
export async function hasChecksums(folder: ModelFolder): Promise<boolean> {
  return await readText(folder, CHECKSUMS) !== undefined;
}

async function readChecksums(folder: ModelFolder): Promise<ReadonlyMap<string, string> | undefined> {
  const text = await readText(folder, CHECKSUMS);
  if (text === undefined) return undefined;
  const lines = [...text.matchAll(/([^\n]*)(\n|$)/g)].filter(([all]) => all !== "");
  const sums = new Map<string, string>();
  for (const [, line, end] of lines) {
    const [, sum, name] = /^([0-9a-f]{64}) {2}(.+)$/.exec(line!) ?? [];
    if (sum === undefined || name === undefined || end === "") break;
    sums.set(name, sum);
  }
  if (sums.size === lines.length && sums.size > 0) return sums;
  throw new SyntaxError(`Cannot use ${pathIn(folder, CHECKSUMS)}: it is damaged; ${ADVICE}`);
}

/** Reads on, and compares at the end: the last bytes of a damaged file are not handed out. */
async function checkedReader(
  reader: FileReader,
  { sum, path }: { sum: string; path: string },
): Promise<FileReader> {
  const hash = await beginSha256();
  let count = 0;
  let isChecked = false;
  return {
    size: reader.size,
    async read(into) {
      const read = await reader.read(into);
      if (read !== null) {
        hash.update(into.subarray(0, read));
        count += read;
      }
      if (isChecked || (read !== null && count !== reader.size)) return read;
      isChecked = true;
      if (hash.digest("hex") === sum) return read;
      throw new SyntaxError(
        `Cannot read ${path}: it is damaged: its bytes are not those that were written (see ${CHECKSUMS}); ${ADVICE}`,
      );
    },
    close: () => reader.close(),
  };
}
