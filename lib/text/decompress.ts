/**
 * Compressed bytes as a byte source.
 *
 * @module
 */

import { byteRange, byteReader, type Bytes } from "./byte_reader.ts";
import { type Fault, gunzip, type Inflating } from "./gzip.ts";
import { onFile } from "./signatures.ts";
import { BrokenDataError, type ByteSource } from "./source.ts";
import { nodeZlib } from "./zlib_stream.ts";
import { unzstd } from "./zstd.ts";

/** A compression. */
export type Compression = "gzip" | "brotli" | "zstd";

/** Compressions by the ending of a file's name. */
const endings: Readonly<Record<string, Compression>> = {
  gz: "gzip",
  gzip: "gzip",
  bgz: "gzip",
  br: "brotli",
  zst: "zstd",
  zstd: "zstd",
};

/** Endings of files that are decompressed. */
export const compressionEndings: readonly string[] = Object.keys(endings);

/** The name without the ending of a compression, and which compression that is. */
export function compressionOf(name: string): { inner: string; compression: Compression | undefined } {
  const match = /^(.*)\.(\w+)$/.exec(name);
  const ending = match?.[2]?.toLowerCase() ?? "";
  if (!Object.hasOwn(endings, ending)) return { inner: name, compression: undefined };
  return { inner: match![1]!, compression: endings[ending] };
}

/**
 * The decompressed bytes of a source: of gzip all members, of zstd all frames. Reading from an offset on decompresses everything
 * before it: some hundred megabytes a second. Reading throws a {@linkcode BrokenDataError} that names the byte of the compressed
 * data where it breaks, after all the text before.
 *
 * @param compression By default that which the name's ending says; without one the source stays as it is.
 */
export function decompressed(
  source: ByteSource,
  compression: Compression | undefined = compressionOf(source.name).compression,
): ByteSource {
  if (!compression) return source;
  return {
    name: source.name,
    size: undefined,
    stream: (start, end) => ReadableStream.from(byteRange(inflate(source, compression), { start, end })),
  };
}

/** Bytes that are fed at a time near an error; brotli gives much text for a few. */
const smallFeed: Readonly<Record<Compression, number>> = { gzip: 256, zstd: 256, brotli: 1 };
/** Bytes before an error that are near. */
const NEAR = 1 << 17;

/** All text before an error is given: what went lost with the piece that the error is in is read again in small pieces. */
async function* inflate(source: ByteSource, compression: Compression): AsyncGenerator<Bytes> {
  const hasZlib = compression !== "brotli" && await nodeZlib().then(() => true, () => false);
  const open = (feedSize: Inflating["feedSize"]) =>
    hasZlib ? unpack(source, compression, feedSize) : unpackByWeb(source, compression, feedSize);
  let count = 0;
  let broken: BrokenDataError | undefined;
  try {
    for await (const chunk of open(() => Infinity)) {
      count += chunk.length;
      yield chunk;
    }
  } catch (error) {
    if (!(error instanceof BrokenDataError)) throw error;
    broken = error;
  }
  if (!broken) return;
  const near = broken.offset - NEAR;
  yield* byteRange(open(({ offset }) => offset < near ? Infinity : smallFeed[compression]), { start: count });
  throw broken;
}

const faultOf = (source: ByteSource, compression: Compression): Fault => (offset, what) =>
  new BrokenDataError(`Cannot read ${source.name}: its ${compression} data breaks at byte ${offset} (${what})`, {
    source: source.name,
    offset,
  });

async function* unpack(
  source: ByteSource,
  compression: "gzip" | "zstd",
  feedSize: Inflating["feedSize"],
): AsyncGenerator<Bytes> {
  const inflating = { fault: faultOf(source, compression), feedSize };
  const dictionary = (id: number) =>
    new SyntaxError(
      `Cannot read ${source.name}: it was compressed with dictionary ${id}; ` +
        `unpack it first, ${onFile("with zstd -dc -D DICTIONARY FILE | … --data -", source.name)}`,
    );
  const reader = byteReader(source.stream(0));
  try {
    if (compression === "gzip") yield* gunzip(reader, inflating);
    else yield* unzstd(reader, { ...inflating, dictionary });
  } finally {
    await reader.close();
  }
}

/** By what the web has: brotli, of which node:zlib does not notice a missing end, and in browsers one member of gzip. */
async function* unpackByWeb(
  source: ByteSource,
  compression: Compression,
  feedSize: Inflating["feedSize"],
): AsyncGenerator<Bytes> {
  const fault = faultOf(source, compression);
  let decompressor: TransformStream<Bytes, Bytes>;
  try {
    // the typings do not know brotli yet
    decompressor = new DecompressionStream(compression as CompressionFormat) as TransformStream<Bytes, Bytes>;
  } catch {
    throw new SyntaxError(`Cannot read ${source.name}: ${compression} cannot be unpacked here`);
  }
  const reader = byteReader(source.stream(0));
  // an error of the source is thrown as it is
  let failure: unknown;
  const pieces = ReadableStream.from((async function* () {
    try {
      for (let piece = await reader.some(feedSize(reader)); piece; piece = await reader.some(feedSize(reader))) {
        yield piece;
      }
    } catch (error) {
      failure = error;
      throw error;
    }
  })());
  try {
    for await (const chunk of pieces.pipeThrough(decompressor)) yield chunk;
  } catch (error) {
    if (failure !== undefined || !(error instanceof TypeError)) throw failure ?? error;
    throw fault(reader.offset, error.message.toLowerCase());
  } finally {
    await reader.close();
  }
}
