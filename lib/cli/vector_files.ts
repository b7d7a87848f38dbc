/**
 * Vectors in files and on standard output.
 *
 * @module
 */

import { vectorMean } from "../inference/embed_documents.ts";
import { writing } from "../files/write_files.ts";
import { lineWriter } from "./standard_streams.ts";

/** A vector with what it is of. */
export interface NamedVector {
  /** Path of the file, with the number of the line or chunk; undefined for what came from no file. */
  readonly name: string | undefined;
  /** The text; undefined for whole files. */
  readonly text: string | undefined;
  /** The vector. */
  readonly embedding: Float32Array<ArrayBuffer>;
}

/** Takes vectors in order. */
export interface VectorWriter {
  /** Writes one. */
  add(vector: NamedVector): void;
  /** Ends what was begun. */
  finish(): void;
  /** Takes back what was begun. */
  abandon(): void;
}

const asJson = ({ name, text, embedding }: NamedVector) =>
  // as many digits as tell 32-bit floats apart
  JSON.stringify({ name, text, embedding: Array.from(embedding, (value) => Number(value.toPrecision(9))) });

const encoder = new TextEncoder();

/** JSON lines on standard output. */
export function jsonToOutput(atOnce: boolean): VectorWriter {
  const write = lineWriter({ atOnce });
  return { add: (vector) => write(asJson(vector)), finish: write.flush, abandon: write.flush };
}

/** JSON lines in a file. */
export function jsonFile(path: string): VectorWriter {
  const file = unfinished(path);
  return { ...file, add: (vector) => file.write(encoder.encode(`${asJson(vector)}\n`)) };
}

/** The file of names beside a .npy file. */
export const namesBeside = (path: string): string => path.replace(/\.npy$/, ".names.txt");

/** Bytes of a .npy file's header: room for any number of rows. */
const NPY_HEADER = 128;

/** NumPy's format 1.0; the number of rows is written last, when it is known. With `names` they lie beside, one a line. */
export function npyFile(path: string, { width, names }: { width: number; names: boolean }): VectorWriter {
  const file = unfinished(path);
  const list = names ? unfinished(namesBeside(path)) : undefined;
  let rows = 0;
  const header = () => {
    const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${width}), }`;
    const bytes = encoder.encode(`\x00NUMPY\x01\x00\x00\x00${text.padEnd(NPY_HEADER - 11)}\n`);
    bytes[0] = 0x93;
    new DataView(bytes.buffer).setUint16(8, NPY_HEADER - 10, true);
    return bytes;
  };
  file.write(header());
  return {
    add({ name, embedding }) {
      file.write(new Uint8Array(embedding.buffer, embedding.byteOffset, embedding.byteLength));
      // a line break in a name would make two of it
      list?.write(encoder.encode(`${(name ?? "").replace(/[\r\n]/g, " ")}\n`));
      rows++;
    },
    finish() {
      file.seekToStart();
      file.write(header());
      file.finish();
      list?.finish();
    },
    abandon() {
      file.abandon();
      list?.abandon();
    },
  };
}

/** Scales each vector to length 1 before it is written. */
export function scaled(writer: VectorWriter): VectorWriter {
  return {
    ...writer,
    add(vector) {
      const { embedding } = vector;
      const length = Math.hypot(...embedding);
      if (length > 0) { for (let i = 0; i < embedding.length; i++) embedding[i]! /= length; }
      writer.add(vector);
    },
  };
}

/**
 * Subtracts the mean of all vectors from each before it is written. Until it is known they wait in temporary files, so memory
 * does not grow with their number.
 */
export function withoutMean(writer: VectorWriter, width: number): VectorWriter {
  const mean = vectorMean(width);
  const [vectors, labels] = [temporary(), temporary()];
  let count = 0;
  const remove = () => {
    vectors.remove();
    labels.remove();
  };
  return {
    add({ name, text, embedding }) {
      mean.add(embedding);
      vectors.write(new Uint8Array(embedding.buffer, embedding.byteOffset, embedding.byteLength));
      const label = encoder.encode(JSON.stringify({ name, text }));
      labels.write(new Uint8Array(Uint32Array.of(label.length).buffer));
      labels.write(label);
      count++;
    },
    finish() {
      if (count === 1) {
        console.error("note: the mean of one vector is that vector: without it nothing is left");
      }
      vectors.rewind();
      labels.rewind();
      for (let i = 0; i < count; i++) {
        const embedding = new Float32Array(vectors.read(4 * width).buffer);
        mean.removeFrom(embedding);
        const [length] = new Uint32Array(labels.read(4).buffer);
        const { name, text } = JSON.parse(new TextDecoder().decode(labels.read(length!)));
        writer.add({ name, text, embedding });
      }
      remove();
      writer.finish();
    },
    abandon() {
      remove();
      writer.abandon();
    },
  };
}

/** A file that is written, then read from the beginning, then gone. */
function temporary() {
  const path = Deno.makeTempFileSync({ prefix: "cloze-" });
  const file = Deno.openSync(path, { read: true, write: true });
  const block = new Uint8Array(1 << 16);
  let [used, at, filled] = [0, 0, 0];
  const flush = () => {
    for (let from = 0; from < used;) from += file.writeSync(block.subarray(from, used));
    used = 0;
  };
  return {
    write(bytes: Uint8Array) {
      for (let from = 0; from < bytes.length;) {
        if (used === block.length) flush();
        const some = bytes.subarray(from, from + block.length - used);
        block.set(some, used);
        used += some.length;
        from += some.length;
      }
    },
    rewind() {
      flush();
      file.seekSync(0, Deno.SeekMode.Start);
    },
    read(length: number): Uint8Array<ArrayBuffer> {
      const bytes = new Uint8Array(length);
      for (let to = 0; to < length;) {
        if (at === filled) [at, filled] = [0, file.readSync(block) ?? 0];
        if (filled === 0) throw new RangeError(`Cannot read ${path}: it has become shorter`);
        const some = block.subarray(at, Math.min(filled, at + length - to));
        bytes.set(some, to);
        to += some.length;
        at += some.length;
      }
      return bytes;
    },
    remove() {
      file.close();
      Deno.removeSync(path);
    },
  };
}

/** A file that gets its name when it is whole. */
function unfinished(path: string) {
  const temporary = `${path}.unfinished`;
  const context = { what: "the vectors", place: path };
  const file = writing(context, () => Deno.openSync(temporary, { write: true, create: true, truncate: true }));
  return {
    write: (bytes: Uint8Array) =>
      writing(context, () => {
        for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
      }),
    seekToStart: () => file.seekSync(0, Deno.SeekMode.Start),
    finish: () =>
      writing(context, () => {
        file.syncSync();
        file.close();
        Deno.renameSync(temporary, path);
      }),
    abandon() {
      file.close();
      Deno.removeSync(temporary);
    },
  };
}
