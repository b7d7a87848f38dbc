/**
 * The weights of a folder: one safetensors file, or several with an index. Everything is checked before a number is read, and
 * numbers are handed on in pieces, so that no second copy of a model is ever in memory.
 *
 * @module
 */

import { sizeOf } from "../device/device.ts";
import type { ModelConfig } from "../model/config.ts";
import { modelParameters } from "../model/parameters.ts";
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

interface OpenFile {
  readonly path: string;
  readonly reader: FileReader;
  readonly entries: readonly TensorEntry[];
  readonly bytes: number;
}

/**
 * Opens and checks the weights of a folder.
 *
 * @throws {SyntaxError} that names the tensor, both shapes and the file if anything does not fit.
 */
export async function openWeights(folder: ModelFolder, config: ModelConfig): Promise<Weights> {
  const files: OpenFile[] = [];
  const close = async () => {
    for (const { reader } of files) await reader.close().catch(() => {});
  };
  try {
    const single = await folder.open(SINGLE);
    for (const name of single ? [SINGLE] : await indexedFiles(folder)) {
      const path = pathIn(folder, name);
      const reader = single ?? await folder.open(name);
      if (!reader) throw new SyntaxError(`Cannot use ${folder.place}: ${name}, which its index names, is not there`);
      files.push({ path, reader, entries: [], bytes: 0 });
      files[files.length - 1] = { path, reader, ...await readHeader(reader, path) };
    }
    const entries = files.flatMap((file) => file.entries.map((entry) => ({ ...entry, path: file.path })));
    const twice = entries.find(({ name }, i) => entries.findIndex((other) => other.name === name) < i);
    if (twice) throw new SyntaxError(`Cannot use ${folder.place}: tensor "${twice.name}" is in two files`);
    const where = files.length === 1 ? files[0]!.path : folder.place;
    const { placed, strange } = placeTensors(config, entries, where);
    const places = new Map(placed.map(({ entry, place }) => [entry.name, place]));
    const types = new Set(placed.map(({ entry }) => weightTypeOf(entry, entry.path)));
    return {
      bytes: files.reduce((sum, file) => sum + file.bytes, 0),
      types: [...types],
      strange,
      close,
      async read(sink) {
        try {
          for (const file of files) await readTensors(file, places, sink);
        } finally {
          await close();
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
  const parameters = new Map(modelParameters(config).map(({ name, shape }) => [name, new Float32Array(sizeOf(shape))]));
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

async function readHeader(reader: FileReader, path: string): Promise<Pick<OpenFile, "entries" | "bytes">> {
  const { size } = reader;
  const start = new Uint8Array(LENGTH_BYTES);
  if (size !== undefined && size < LENGTH_BYTES) {
    throw new SyntaxError(`Cannot read ${path}: ${size} bytes are too few for a header`);
  }
  await readFully(reader, start, path);
  const header = new Uint8Array(headerLength(start, { path, size }));
  await readFully(reader, header, path);
  const { entries, bytes } = parseHeader(header, { path, size });
  return { entries, bytes: LENGTH_BYTES + header.length + bytes };
}

async function readTensors(
  { reader, entries, path }: OpenFile,
  places: ReadonlyMap<string, Placement>,
  sink: WeightSink,
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
