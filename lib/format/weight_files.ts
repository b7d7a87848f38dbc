/**
 * The files of a folder's weights: which there are, and what their headers say.
 *
 * @module
 */

import { WEIGHTS, WEIGHTS_INDEX, whatIsThere } from "./folder_contents.ts";
import { pointerError } from "./lfs_pointer.ts";
import { type FileReader, type ModelFolder, pathIn, readFully, readJson } from "./model_folder.ts";
import { headerLength, LENGTH_BYTES, parseHeader, type TensorEntry } from "./safetensors.ts";

/** Files beyond which their number is taken for a mistake. */
const MOST_SHARDS = 1000;

/** A file whose header has been checked. */
export interface CheckedFile {
  /** Its name in the folder. */
  readonly name: string;
  /** Its path, for messages. */
  readonly path: string;
  /** Its tensors, in order. */
  readonly entries: readonly TensorEntry[];
  /** What the header tells besides: of tensors that are left out, under which other name they are there. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Bytes of the header and what tells its length. */
  readonly before: number;
  /** Bytes of the whole file. */
  readonly bytes: number;
}

/** Names of the files that weights are divided into: those that the index names, or that are there. */
export async function weightFiles(folder: ModelFolder): Promise<string[]> {
  const index = await readJson(folder, WEIGHTS_INDEX) as { weight_map?: Record<string, unknown> } | undefined;
  if (index) {
    const names = [...new Set(Object.values(index.weight_map ?? {}))];
    const isName = (name: unknown): name is string => typeof name === "string" && /^[^\\/]+$/.test(name);
    if (names.length === 0 || !names.every(isName)) {
      throw new SyntaxError(`Cannot use ${pathIn(folder, WEIGHTS_INDEX)}: its weight_map names no files`);
    }
    return names.sort();
  }
  const shards = shardsIn(await folder.list?.() ?? []);
  if (shards.length === 0) throw new RangeError(`Cannot use ${folder.place}: ${await whatIsThere(folder, WEIGHTS)}`);
  const lost = shards.filter(({ isThere }) => !isThere);
  if (lost.length > 0) {
    const names = lost.slice(0, 3).map(({ name }) => name).join(", ");
    throw new RangeError(
      `Cannot use ${folder.place}: of ${shards.length} files of weights ${lost.length} are not there: ${names}`,
    );
  }
  return shards.map(({ name }) => name);
}

/** The files that weights are divided into by their names alone, which tell how many there should be, where there is no index. */
function shardsIn(names: readonly string[]): { name: string; isThere: boolean }[] {
  for (const name of names) {
    const [, start, count] = /^(.*)-\d{5}-of-(\d{5})\.safetensors$/.exec(name) ?? [];
    if (count === undefined || Number(count) > MOST_SHARDS) continue;
    return Array.from({ length: Number(count) }, (_, i) => {
      const shard = `${start}-${String(i + 1).padStart(5, "0")}-of-${count}.safetensors`;
      return { name: shard, isThere: names.includes(shard) };
    });
  }
  return [];
}

/** Opens one of several files of weights, which its index names. */
export async function openWeightFile(folder: ModelFolder, name: string): Promise<FileReader> {
  const reader = await folder.open(name);
  if (!reader) throw new SyntaxError(`Cannot use ${folder.place}: ${name}, which its index names, is not there`);
  return reader;
}

/**
 * Reads and checks the header of a file.
 *
 * @throws {SyntaxError} that says what the file is instead.
 */
export async function checkedFile(reader: FileReader, name: string, path: string): Promise<CheckedFile> {
  const { size } = reader;
  const start = new Uint8Array(LENGTH_BYTES);
  if (size !== undefined && size < LENGTH_BYTES) {
    throw new SyntaxError(`Cannot read ${path}: ${size} bytes are too few for a header`);
  }
  await readFully(reader, start, path);
  const wrong = pointerError(start, path) ?? archiveError(start, path);
  if (wrong) throw wrong;
  const header = new Uint8Array(headerLength(start, { path, size }));
  await readFully(reader, header, path);
  const { entries, metadata, bytes } = parseHeader(header, { path, size });
  const before = LENGTH_BYTES + header.length;
  return { name, path, entries, metadata, before, bytes: before + bytes };
}

/** What is said of a pickle of PyTorch, in a zip archive or plain, under the name of another format; undefined if it is none. */
function archiveError(start: Uint8Array, path: string): SyntaxError | undefined {
  const isZip = start[0] === 0x50 && start[1] === 0x4b && start[2] === 3 && start[3] === 4;
  // of a header's length the last byte is zero
  const isPickle = start[0] === 0x80 && start[1]! >= 2 && start[1]! <= 5 && start[7] !== 0;
  if (!isZip && !isPickle) return undefined;
  return new SyntaxError(`Cannot read ${path}: it is a pickle of torch.save, only named like a safetensors file`);
}

/** Other names of the tensors of a file: who writes a tensor once that has several names keeps the others in the header. */
export function aliasesIn({ entries, metadata }: CheckedFile): Map<string, string[]> {
  const names = new Set(entries.map(({ name }) => name));
  const aliases = new Map<string, string[]>();
  for (const alias of Object.keys(metadata)) {
    let name: unknown = alias;
    // from name to name, but not in a circle
    for (let steps = 0; steps < 8 && typeof name === "string" && !names.has(name); steps++) name = metadata[name];
    if (typeof name !== "string" || name === alias || !names.has(name)) continue;
    aliases.set(name, [...aliases.get(name) ?? [], alias]);
  }
  return aliases;
}
