/**
 * Compressed bytes as a byte source.
 *
 * @module
 */

import type { ByteSource } from "./source.ts";

/** A compression. */
export type Compression = "gzip" | "brotli" | "zstd";

/** Compressions by the ending of a file's name. */
const endings: Readonly<Record<string, Compression>> = { gz: "gzip", br: "brotli", zst: "zstd" };

/** The name without the ending of a compression, and which compression that is. */
export function compressionOf(name: string): { inner: string; compression: Compression | undefined } {
  const match = /^(.*)\.(gz|br|zst)$/i.exec(name);
  if (!match) return { inner: name, compression: undefined };
  return { inner: match[1]!, compression: endings[match[2]!.toLowerCase()] };
}

/**
 * The decompressed bytes of a source; as they are, if its name says nothing of a compression. Reading from a place on
 * decompresses everything before it: some hundred megabytes a second.
 */
export function decompressed(source: ByteSource): ByteSource {
  const { compression } = compressionOf(source.name);
  if (!compression) return source;
  return {
    name: source.name,
    size: undefined,
    stream: (start, end) => ReadableStream.from(part(inflate(source, compression), { start, end })),
  };
}

type Bytes = Uint8Array<ArrayBuffer>;

async function* inflate(source: ByteSource, compression: Compression): AsyncGenerator<Bytes> {
  let count = 0;
  try {
    const frames = new ZstdFrames();
    const chunks = compression === "zstd"
      ? source.stream(0).pipeThrough(frames.watch()).pipeThrough(await zstd())
      // the typings do not know brotli yet
      : source.stream(0).pipeThrough(
        new DecompressionStream(compression as CompressionFormat) as TransformStream<Bytes, Bytes>,
      );
    for await (const chunk of chunks) {
      count += chunk.length;
      yield chunk;
    }
    if (compression === "zstd" && !frames.isComplete) throw new Error("it ends within a frame");
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    throw new SyntaxError(
      `Cannot read ${source.name}: its ${compression} data breaks after ${count} bytes of text (${what})`,
    );
  }
}

async function zstd(): Promise<TransformStream<Bytes, Bytes>> {
  // imported where they are used, so that the package also loads in browsers
  const [{ createZstdDecompress }, { Duplex }] = await Promise.all([import("node:zlib"), import("node:stream")]);
  return Duplex.toWeb(createZstdDecompress()) as unknown as TransformStream<Bytes, Bytes>;
}

/**
 * Follows the frames of compressed data (RFC 8878), because the decompressor takes an end in the middle for the end.
 */
class ZstdFrames {
  #stage: "magic" | "size" | "descriptor" | "block" = "magic";
  #bytes: number[] = [];
  #skip = 0;
  #hasChecksum = false;

  /** Whether what has passed so far are whole frames. */
  get isComplete(): boolean {
    return this.#stage === "magic" && this.#bytes.length === 0 && this.#skip === 0;
  }

  /** Lets bytes through and looks at them. */
  watch(): TransformStream<Bytes, Bytes> {
    return new TransformStream({
      transform: (chunk, controller) => {
        this.#follow(chunk);
        controller.enqueue(chunk);
      },
    });
  }

  #follow(chunk: Bytes): void {
    for (let at = 0; at < chunk.length;) {
      const passed = Math.min(this.#skip, chunk.length - at);
      this.#skip -= passed;
      at += passed;
      if (at === chunk.length) return;
      this.#bytes.push(chunk[at++]!);
      if (this.#bytes.length < headerBytes[this.#stage]) continue;
      const value = this.#bytes.reduce((sum, byte, i) => sum + byte * 2 ** (8 * i), 0);
      this.#bytes = [];
      this.#enter(value);
    }
  }

  #enter(value: number): void {
    switch (this.#stage) {
      case "magic":
        // skippable frames have sixteen magic numbers
        this.#stage = value >= 0x184d2a50 && value <= 0x184d2a5f ? "size" : "descriptor";
        break;
      case "size":
        this.#skip = value;
        this.#stage = "magic";
        break;
      case "descriptor": {
        const isSingle = (value & 32) !== 0;
        this.#hasChecksum = (value & 4) !== 0;
        const contentSize = [isSingle ? 1 : 0, 2, 4, 8][value >> 6]!;
        this.#skip = (isSingle ? 0 : 1) + [0, 1, 2, 4][value & 3]! + contentSize;
        this.#stage = "block";
        break;
      }
      case "block": {
        const isRun = ((value >> 1) & 3) === 1;
        const isLast = (value & 1) === 1;
        this.#skip = (isRun ? 1 : value >> 3) + (isLast && this.#hasChecksum ? 4 : 0);
        if (isLast) this.#stage = "magic";
      }
    }
  }
}

const headerBytes = { magic: 4, size: 4, descriptor: 1, block: 3 } as const;

/** Bytes start ... end - 1 of a stream. */
async function* part(
  chunks: AsyncIterable<Bytes>,
  { start, end = Infinity }: { start: number; end?: number | undefined },
): AsyncGenerator<Bytes> {
  let at = 0;
  for await (const chunk of chunks) {
    const piece = chunk.subarray(Math.max(0, start - at), Math.max(0, Math.min(chunk.length, end - at)));
    at += chunk.length;
    if (piece.length > 0) yield piece;
    if (at >= end) return;
  }
}
