/**
 * The weights of a folder: one safetensors file, or several with an index. Everything is checked before a number is read, and
 * numbers are handed on in pieces, so that no second copy of a model is ever in memory.
 *
 * @module
 */

import type { ModelConfig } from "../model/config.ts";
import { emptyValues } from "../model/parameters.ts";
import { type FileReader, type ModelFolder, pathIn, readFully, readJson } from "./folder.ts";
import { type Placement, placeTensors } from "./hugging_face.ts";
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
  readonly strange: readonly string[];
  /** Reads everything once, and closes the files. */
  read(sink: WeightSink): Promise<void>;
  /** Closes the files unread. */
  close(): Promise<void>;
}

const SINGLE = "model.safetensors";
const INDEX = "model.safetensors.index.json";

/** Bytes that are read at a time. */
const CHUNK = 1 << 22;

/** A file whose header has been checked. */
interface CheckedFile {
  readonly name: string;
  readonly path: string;
  readonly entries: readonly TensorEntry[];
  /** Bytes of the header and what tells its length. */
  readonly before: number;
  /** Bytes of the whole file. */
  readonly bytes: number;
}

/**
 * Opens and checks the weights of a folder.
 *
 * @throws {SyntaxError} that names the tensor, both shapes and the file if anything does not fit.
 */
export async function openWeights(folder: ModelFolder, config: ModelConfig): Promise<Weights> {
  // kept open, not to be asked for twice; of several files only one at a time is, for browsers allow few connections
  const single = await folder.open(SINGLE);
  const close = async () => await single?.close().catch(() => {});
  try {
    const files: CheckedFile[] = [];
    for (const name of single ? [SINGLE] : await indexedFiles(folder)) {
      const reader = single ?? await openIndexed(folder, name);
      try {
        const path = pathIn(folder, name);
        files.push({ name, path, ...await readHeader(reader, path) });
      } finally {
        if (!single) await reader.close();
      }
    }
    const entries = files.flatMap((file) => file.entries.map((entry) => ({ ...entry, path: file.path })));
    const names = new Set<string>();
    for (const { name } of entries) {
      if (names.has(name)) throw new SyntaxError(`Cannot use ${folder.place}: tensor "${name}" is in two files`);
      names.add(name);
    }
    const { placed, strange } = placeTensors(config, entries, single ? files[0]!.path : folder.place);
    const places = new Map(placed.map(({ entry, place }) => [entry.name, place]));
    const types = new Set(placed.map(({ entry }) => weightTypeOf(entry, entry.path)));
    return {
      bytes: files.reduce((sum, file) => sum + file.bytes, 0),
      types: [...types],
      strange,
      close,
      async read(sink) {
        for (const file of files) {
          const reader = single ?? await openIndexed(folder, file.name);
          try {
            if (!single) await readFully(reader, new Uint8Array(file.before), file.path);
            await readTensors(reader, file, { places, sink });
          } finally {
            await reader.close().catch(() => {});
          }
        }
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Reads all weights of a folder into host memory. */
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
  const index = await readJson(folder, INDEX) as { weight_map?: Record<string, unknown> } | undefined;
  if (index) {
    const names = [...new Set(Object.values(index.weight_map ?? {}))];
    const isName = (name: unknown): name is string => typeof name === "string" && /^[^\\/]+$/.test(name);
    if (names.length === 0 || !names.every(isName)) {
      throw new SyntaxError(`Cannot use ${pathIn(folder, INDEX)}: its weight_map names no files`);
    }
    return names.sort();
  }
  const pickled = await folder.open("pytorch_model.bin");
  await pickled?.close();
  throw new RangeError(
    pickled
      ? `Cannot use ${folder.place}: its weights are in pytorch_model.bin, a program's memory; wanted ${SINGLE}`
      : `Cannot use ${folder.place}: there is no ${SINGLE} in it`,
  );
}

async function openIndexed(folder: ModelFolder, name: string): Promise<FileReader> {
  const reader = await folder.open(name);
  if (!reader) throw new SyntaxError(`Cannot use ${folder.place}: ${name}, which its index names, is not there`);
  return reader;
}

async function readHeader(
  reader: FileReader,
  path: string,
): Promise<Pick<CheckedFile, "entries" | "before" | "bytes">> {
  const { size } = reader;
  const start = new Uint8Array(LENGTH_BYTES);
  if (size !== undefined && size < LENGTH_BYTES) {
    throw new SyntaxError(`Cannot read ${path}: ${size} bytes are too few for a header`);
  }
  await readFully(reader, start, path);
  const header = new Uint8Array(headerLength(start, { path, size }));
  await readFully(reader, header, path);
  const { entries, bytes } = parseHeader(header, { path, size });
  const before = LENGTH_BYTES + header.length;
  return { entries, before, bytes: before + bytes };
}

async function readTensors(
  reader: FileReader,
  { entries, path }: CheckedFile,
  { places, sink }: { places: ReadonlyMap<string, Placement>; sink: WeightSink },
): Promise<void> {
  const buffer = new Uint8Array(CHUNK);
  for (const entry of entries) {
    const place = places.get(entry.name);
    const type = place && weightTypeOf(entry, path);
    for (let at = 0; at < entry.bytes;) {
      const bytes = buffer.subarray(0, Math.min(CHUNK, entry.bytes - at));
      await readFully(reader, bytes, path);
      if (place) await sink(place.parameter, decodeWeights(bytes, type!), place.offset + at / weightBytes(type!));
      at += bytes.length;
    }
  }
}
