/**
 * Vectors in files and on standard output.
 *
 * @module
 */

import { readFully } from "../format/model_folder.ts";
import { safeJson } from "../sentences/safe_text.ts";
import { vectorMean } from "../inference/embed_documents.ts";
import { openSpool } from "../files/spool.ts";
import { type FileWriter, writeFile } from "../files/write_files.ts";
import { npyHeader } from "./npy.ts";
import { lineWriter, sayAside } from "./standard_streams.ts";

/** A vector with what it is of. */
export interface NamedVector {
  /** Path of the file, with the number of the line or chunk; undefined for what came from no file. */
  readonly name: string | undefined;
  /** The text; undefined for whole files. */
  readonly text: string | undefined;
  /** The vector. */
  readonly embedding: Float32Array<ArrayBuffer>;
}

/** Vectors in order. */
export type Vectors = AsyncIterable<NamedVector>;

const what = "the vectors";
const encoder = new TextEncoder();

const asJson = ({ name, text, embedding }: NamedVector) =>
  // as many digits as tell 32-bit floats apart
  safeJson({ name, text, embedding: Array.from(embedding, (value) => Number(value.toPrecision(9))) });

/** Writes JSON lines to standard output. */
export async function printVectors(vectors: Vectors, { atOnce }: { atOnce: boolean }): Promise<void> {
  const write = lineWriter({ atOnce });
  try {
    for await (const vector of vectors) write(asJson(vector));
  } finally {
    write.flush();
  }
}

/** Writes JSON lines to a file. */
export async function writeJsonVectors(path: string, vectors: Vectors): Promise<void> {
  await writeFile(path, async (file) => {
    for await (const vector of vectors) await file.write(encoder.encode(`${asJson(vector)}\n`));
  }, { what });
}

/** The file of names beside a .npy file. */
export const namesBeside = (path: string): string => path.replace(/\.npy$/, ".names.txt");

/** Writes NumPy's format 1.0. With `names` they lie in a file beside, one a line. */
export async function writeNpy(
  path: string,
  vectors: Vectors,
  { width, names }: { width: number; names: boolean },
): Promise<void> {
  const write = async (file: FileWriter, list?: FileWriter) => {
    let rows = 0;
    await file.write(npyHeader(rows, width));
    for await (const { name, embedding } of vectors) {
      await file.write(bytesOf(embedding));
      // a line break in a name would make two of it
      await list?.write(encoder.encode(`${(name ?? "").replace(/[\r\n]/g, " ")}\n`));
      rows++;
    }
    // only now it is known how many there are
    await file.rewind();
    await file.write(npyHeader(rows, width));
  };
  await writeFile(path, async (file) => {
    if (names) await writeFile(namesBeside(path), (list) => write(file, list), { what });
    else await write(file);
  }, { what });
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>) =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** Vectors of length 1. */
export async function* scaled(vectors: Vectors): AsyncGenerator<NamedVector> {
  for await (const vector of vectors) {
    const { embedding } = vector;
    const length = Math.hypot(...embedding);
    if (length > 0) { for (let i = 0; i < embedding.length; i++) embedding[i]! /= length; }
    yield vector;
  }
}

/**
 * Vectors less the mean of all of them. Until it is known they wait, many of them in a temporary file, so memory does not grow
 * with their number.
 */
export async function* withoutMean(
  vectors: Vectors,
  { width, folder }: { width: number; folder?: string | undefined },
): AsyncGenerator<NamedVector> {
  const waiting = openSpool({ what, folder });
  const mean = vectorMean(width);
  let count = 0;
  try {
    for await (const { name, text, embedding } of vectors) {
      mean.add(embedding);
      const label = encoder.encode(JSON.stringify({ name, text }));
      await waiting.write(bytesOf(Uint32Array.of(label.length)));
      await waiting.write(label);
      await waiting.write(bytesOf(embedding));
      count++;
    }
    if (count === 1) sayAside("note: there is only one vector: --remove-mean makes it zero");
    let at = 0;
    const reader = {
      read(into: Uint8Array) {
        const count = waiting.read(into, at);
        at += count;
        return Promise.resolve(count > 0 ? count : null);
      },
    };
    const read = (into: Uint8Array<ArrayBuffer>) => readFully(reader, into, what);
    for (let i = 0; i < count; i++) {
      const length = new Uint32Array(1);
      await read(bytesOf(length));
      const label = new Uint8Array(length[0]!);
      await read(label);
      const embedding = new Float32Array(width);
      await read(bytesOf(embedding));
      mean.removeFrom(embedding);
      yield { ...JSON.parse(new TextDecoder().decode(label)), embedding };
    }
  } finally {
    await waiting.close();
  }
}
