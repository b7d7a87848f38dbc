/**
 * The weights of a folder: one safetensors file, or several with an index. Everything is checked before a number is read, and
 * numbers are handed on in pieces, so that no second copy of a model is ever in memory.
 *
 * @module
 */

import type { ModelConfig } from "../model/config.ts";
import { emptyValues } from "../model/parameters.ts";
import { type FileReader, type ModelFolder, pathIn, readFully } from "./model_folder.ts";
import { WEIGHTS } from "./folder_contents.ts";
import { allFinite, countNotFinite, notFinite } from "./finite.ts";
import type { Placement } from "./tensor_names.ts";
import { notTheSame, placeTensors } from "./place_tensors.ts";
import { decodeWeights, weightBytes, type WeightType, weightTypeOf } from "./safetensors.ts";
import { aliasesIn, type CheckedFile, checkedFile, openWeightFile, weightFiles } from "./weight_files.ts";

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
  /** Whether there is a head that tells next sentences too. */
  readonly nextSentence: boolean;
  /** Reads everything once, and closes the files; throws a SyntaxError that names a tensor that is not finite, and how much of it. */
  read(sink: WeightSink): Promise<void>;
  /** Closes the files unread. */
  close(): Promise<void>;
}

/** Bytes that are read at a time. */
const CHUNK = 1 << 22;

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
    for (const name of single ? [WEIGHTS] : await weightFiles(folder)) {
      const reader = single ?? await openWeightFile(folder, name);
      try {
        files.push(await checkedFile(reader, name, pathIn(folder, name)));
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
    const { placed, copies, unused, head, nextSentence } = placeTensors(config, entries, { place, classes });
    const placements = Map.groupBy(placed, ({ entry }) => entry.name);
    const twins = new Set(copies.flatMap(({ entry, of }) => [entry.name, of.name]));
    const types = new Set(placed.map(({ entry }) => weightTypeOf(entry, entry.path)));
    return {
      bytes: files.reduce((sum, file) => sum + file.bytes, 0),
      types: [...types],
      unused,
      head,
      nextSentence,
      close,
      async read(sink) {
        const digests = new Map<string, string>();
        for (const file of files) {
          const reader = single ?? await openWeightFile(folder, file.name);
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

/** Reads all weights of a folder into host memory; of an encoder alone those of the head stay zero. */
export async function readWeights(
  weights: Weights,
  config: ModelConfig,
): Promise<Map<string, Float32Array<ArrayBuffer>>> {
  const parameters = emptyValues(config);
  await weights.read((name, values, offset) => parameters.get(name)!.set(values, offset));
  return parameters;
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
