/**
 * Gzip (RFC 1952): any number of members, each with its header, deflated data, checksum and size.
 *
 * @module
 */

import type { ByteReader, Bytes } from "./byte_reader.ts";
import { nodeZlib, OUTPUT_CHUNK, throughZlib, ZlibError, type ZlibStream } from "./zlib_stream.ts";

/** Says what is wrong at a byte of the compressed file. */
export type Fault = (offset: number, what: string) => Error;

/** How data is decompressed. */
export interface Inflating {
  /** Says what is wrong. */
  readonly fault: Fault;
  /** Most bytes to feed at a time: of those with an error in them the text is lost. */
  readonly feedSize: (reader: ByteReader) => number;
}

/** Flags of a member's header. */
const HAS_CHECKSUM = 2;
const HAS_EXTRA = 4;
const HAS_NAME = 8;
const HAS_COMMENT = 16;
const RESERVED = 0xe0;

/** The text of all members, one after the other; zeros after the last are padding, as tapes have it. */
export async function* gunzip(reader: ByteReader, { fault, feedSize }: Inflating): AsyncGenerator<Bytes> {
  const zlib = await nodeZlib();
  while (true) {
    const start = reader.offset;
    if (!await readHeader(reader, { fault, crc32: zlib.crc32 })) return;
    const inflater = zlib.createInflateRaw({ chunkSize: OUTPUT_CHUNK }) as ZlibStream;
    const data = reader.offset;
    const feed = { next: () => reader.some(feedSize(reader)), unread: (bytes: Bytes) => reader.unread(bytes) };
    let checksum = 0;
    let size = 0;
    try {
      for await (const chunk of throughZlib(inflater, feed)) {
        checksum = zlib.crc32(chunk, checksum);
        size += chunk.length;
        yield chunk;
      }
    } catch (error) {
      throw zlibFault(error, { fault, offset: data + inflater.bytesWritten });
    }
    const end = reader.offset;
    const trailer = await reader.exactly(8);
    if (trailer.length < 8) throw fault(end + trailer.length, "it ends within a checksum");
    const view = new DataView(trailer.buffer, trailer.byteOffset);
    if (view.getUint32(0, true) !== checksum) {
      throw fault(end, `the checksum of the text that begins at byte ${start} is wrong`);
    }
    if (view.getUint32(4, true) !== size % 2 ** 32) {
      throw fault(end + 4, `the size of the text that begins at byte ${start} is wrong`);
    }
  }
}

/** Reads a member's header; false where there is none any more. */
async function readHeader(
  reader: ByteReader,
  { fault, crc32 }: { fault: Fault; crc32: (data: Bytes, value?: number) => number },
): Promise<boolean> {
  const start = reader.offset;
  let checksum = 0;
  const take = async (count: number) => {
    const bytes = await reader.exactly(count);
    if (bytes.length < count) throw fault(reader.offset, "it ends within a header");
    checksum = crc32(bytes, checksum);
    return bytes;
  };
  const first = await reader.exactly(1);
  if (first.length === 0) return false;
  if (first[0] === 0 && start > 0) {
    await skipZeros(reader, fault);
    return false;
  }
  reader.unread(first);
  const [id1, id2] = await take(2) as unknown as [number, number];
  if (id1 !== 0x1f || id2 !== 0x8b) throw fault(start, "other bytes follow than gzip has");
  const header = await take(8);
  const [method, flags] = header as unknown as [number, number];
  if (method !== 8) throw fault(start + 2, `it is compressed by method ${method}, which is not known`);
  if (flags & RESERVED) throw fault(start + 3, "its header has flags that are not known");
  if (flags & HAS_EXTRA) {
    const length = await take(2);
    await take(length[0]! | length[1]! << 8);
  }
  for (const flag of [HAS_NAME, HAS_COMMENT]) {
    if (flags & flag) { while ((await take(1))[0] !== 0); }
  }
  if (flags & HAS_CHECKSUM) {
    const expected = checksum & 0xffff;
    const at = reader.offset;
    const found = await take(2);
    if ((found[0]! | found[1]! << 8) !== expected) throw fault(at, "the checksum of a header is wrong");
  }
  return true;
}

async function skipZeros(reader: ByteReader, fault: Fault): Promise<void> {
  for (let bytes = await reader.some(); bytes !== undefined; bytes = await reader.some()) {
    const other = bytes.findIndex((byte) => byte !== 0);
    if (other >= 0) throw fault(reader.offset - bytes.length + other, "other bytes follow than gzip has");
  }
}

/** What a decompressor says as a fault; what comes from elsewhere stays as it is. */
export function zlibFault(error: unknown, { fault, offset }: { fault: Fault; offset: number }): unknown {
  if (!(error instanceof ZlibError)) return error;
  const what = error.message.toLowerCase().replace(/^zstd decompress error: /, "");
  return fault(offset, what === "unexpected end of file" ? "it ends too early" : what);
}
