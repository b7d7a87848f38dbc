/**
 * The weights of a folder: one safetensors file, or several with an index. Everything is checked before a number is read, and
 * numbers are handed on in pieces, so that no second copy of a model is ever in memory.
 *
 * @module
 */

import type { ModelConfig } from "../model/config.ts";
import { emptyValues } from "../model/parameters.ts";
import { type FileReader, type ModelFolder, pathIn, readFully, readJson } from "./model_folder.ts";
import { WEIGHTS, WEIGHTS_INDEX, whatIsThere } from "./folder_contents.ts";
import { allFinite, countNotFinite, notFinite } from "./finite.ts";
import type { Placement } from "./tensor_names.ts";
import { pointerError } from "./lfs_pointer.ts";
import { notTheSame, placeTensors } from "./place_tensors.ts";
import {
  decodeWeights,
  headerLength,
  LENGTH_BYTES,
  parseHeader,
  type TensorEntry,
  weightBytes,
  type WeightType,
  weightTypeOf,
} from "./safetensors.ts";

/** Takes a piece of a parameter; it may not keep the array. The next piece waits for what it returns. */
export type WeightSink = (
  parameter: string,
  values: Float32Array<ArrayBuffer>,
  offset: number,
) => void | Promise<void>;

/** Weights that have been checked and wait to be read. */
export interface Weights {
  /** Bytes of all files. */
  readonly bytes: number;
  /** Types that they are kept in. */
  readonly types: readonly WeightType[];
  /** Names of tensors that mean nothing here. */
  readonly unused: readonly string[];
  /** Whether there is a head that predicts masked tokens, or an encoder alone. */
  readonly head: boolean;
  /** Reads everything once, and closes the files; throws a SyntaxError that names a tensor that is not finite, and how much of it. */
  read(sink: WeightSink): Promise<void>;
  /** Closes the files unread. */
  close(): Promise<void>;
}

/** Bytes that are read at a time. */
const CHUNK = 1 << 22;

/** Files beyond which their number is taken for a mistake. */
const MOST_SHARDS = 1000;

/** A file whose header has been checked. */
interface CheckedFile {
  readonly name: string;
  readonly path: string;
  readonly entries: readonly TensorEntry[];
  /** What the header tells besides: of tensors that are left out, under which other name they are there. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Bytes of the header and what tells its length. */
  readonly before: number;
  /** Bytes of the whole file. */
  readonly bytes: number;
}

/**
 * Opens and checks the weights of a folder; `classes` are those that its config.json names.
 *
 * @throws {SyntaxError} that names the tensor, both shapes and the file if anything does not fit.
 */
export async function openWeights(
  folder: ModelFolder,
  config: ModelConfig,
  { classes = [] }: { classes?: readonly string[] } = {},
): Promise<Weights> {
  // kept open, not to be asked for twice; of several files only one at a time is, for browsers allow few connections
  const single = await folder.open(WEIGHTS);
  const close = async () => await single?.close().catch(() => {});
  try {
    const files: CheckedFile[] = [];
    for (const name of single ? [WEIGHTS] : await indexedFiles(folder)) {
      const reader = single ?? await openIndexed(folder, name);
      try {
        const path = pathIn(folder, name);
        files.push({ name, path, ...await readHeader(reader, path) });
      } finally {
        if (!single) await reader.close();
      }
    }
    const entries = files.flatMap((file) => {
      const aliases = aliasesIn(file);
      return file.entries.map((entry) => ({ ...entry, path: file.path, aliases: aliases.get(entry.name) ?? [] }));
    });
    const names = new Set<string>();
    for (const { name } of entries) {
      if (names.has(name)) throw new SyntaxError(`Cannot use ${folder.place}: tensor "${name}" is in two files`);
      names.add(name);
    }
    const place = single ? files[0]!.path : folder.place;
    const { placed, copies, unused, head } = placeTensors(config, entries, { place, classes });
    const placements = Map.groupBy(placed, ({ entry }) => entry.name);
    const twins = new Set(copies.flatMap(({ entry, of }) => [entry.name, of.name]));
    const types = new Set(placed.map(({ entry }) => weightTypeOf(entry, entry.path)));
    return {
      bytes: files.reduce((sum, file) => sum + file.bytes, 0),
      types: [...types],
      unused,
      head,
      close,
      async read(sink) {
        const digests = new Map<string, string>();
        for (const file of files) {
          const reader = single ?? await openIndexed(folder, file.name);
          try {
            if (!single) await readFully(reader, new Uint8Array(file.before), file.path);
            await readTensors(reader, file, { placements, twins, digests, sink });
          } finally {
            await reader.close().catch(() => {});
          }
        }
        for (const { entry, of } of copies) {
          if (digests.get(entry.name) !== digests.get(of.name)) throw notTheSame(place, entry.name, of.name);
        }
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Other names of the tensors of a file: who writes a tensor once that has several names keeps the others in the header. */
function aliasesIn({ entries, metadata }: CheckedFile): Map<string, string[]> {
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

/** Reads all weights of a folder into host memory; of an encoder alone those of the head stay zero. */
export async function readWeights(
  weights: Weights,
  config: ModelConfig,
): Promise<Map<string, Float32Array<ArrayBuffer>>> {
  const parameters = emptyValues(config);
  await weights.read((name, values, offset) => parameters.get(name)!.set(values, offset));
  return parameters;
}

/** Names of the files that the index names. */
async function indexedFiles(folder: ModelFolder): Promise<string[]> {
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

async function openIndexed(folder: ModelFolder, name: string): Promise<FileReader> {
  const reader = await folder.open(name);
  if (!reader) throw new SyntaxError(`Cannot use ${folder.place}: ${name}, which its index names, is not there`);
  return reader;
}

async function readHeader(
  reader: FileReader,
  path: string,
): Promise<Pick<CheckedFile, "entries" | "metadata" | "before" | "bytes">> {
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
  return { entries, metadata, before, bytes: before + bytes };
}

/** What is said of a pickle of PyTorch, in a zip archive or plain, under the name of another format; undefined if it is none. */
function archiveError(start: Uint8Array, path: string): SyntaxError | undefined {
  const isZip = start[0] === 0x50 && start[1] === 0x4b && start[2] === 3 && start[3] === 4;
  // of a header's length the last byte is zero
  const isPickle = start[0] === 0x80 && start[1]! >= 2 && start[1]! <= 5 && start[7] !== 0;
  if (!isZip && !isPickle) return undefined;
  return new SyntaxError(`Cannot read ${path}: it is a pickle of torch.save, only named like a safetensors file`);
}

async function readTensors(
  reader: FileReader,
  { entries, path }: CheckedFile,
  { placements, twins, digests, sink }: {
    placements: ReadonlyMap<string, readonly { readonly placement: Placement }[]>;
    /** Tensors that must be the same as others. */
    twins: ReadonlySet<string>;
    digests: Map<string, string>;
    sink: WeightSink;
  },
): Promise<void> {
  const buffer = new Uint8Array(CHUNK);
  for (const entry of entries) {
    const { name } = entry;
    const wanted = placements.get(name) ?? [];
    const isTwin = twins.has(name);
    const type = wanted.length > 0 || isTwin ? weightTypeOf(entry, path) : undefined;
    const digest = isTwin ? digestOf() : undefined;
    let wrong = 0;
    for (let at = 0; at < entry.bytes;) {
      const bytes = buffer.subarray(0, Math.min(CHUNK, entry.bytes - at));
      await readFully(reader, bytes, path);
      if (type) {
        const values = decodeWeights(bytes, type);
        if (!allFinite(values)) wrong += countNotFinite(values);
        digest?.add(values);
        if (wrong === 0) {
          for (const { placement } of wanted) {
            await sink(placement.parameter, values, placement.offset + at / weightBytes(type));
          }
        }
      }
      at += bytes.length;
    }
    if (wrong > 0) throw notFinite({ path, name, count: wrong, size: entry.bytes / weightBytes(type!) });
    if (digest) digests.set(name, digest.text());
  }
}

/** A short text that is another for other numbers: two polynomials of their bits, modulo 2³². */
function digestOf() {
  let [first, second] = [1, 1];
  return {
    add(values: Float32Array<ArrayBuffer>) {
      const words = new Int32Array(values.buffer, values.byteOffset, values.length);
      for (const word of words) {
        first = Math.imul(first, 0x01000193) + word | 0;
        second = Math.imul(second ^ word ^ word >>> 15, 0x85ebca6b);
      }
    },
    text: () => `${first} ${second}`,
  };
}
