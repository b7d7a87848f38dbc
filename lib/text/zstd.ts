/**
 * Zstandard (RFC 8878): any number of frames, those to be skipped among them.
 *
 * @module
 */

import type { ByteReader, Bytes } from "./byte_reader.ts";
import { type Fault, type Inflating, zlibFault } from "./gzip.ts";
import { nodeZlib, OUTPUT_CHUNK, throughZlib, type ZlibStream } from "./zlib_stream.ts";

/** First bytes of a frame, as a number. */
const FRAME = 0xfd2fb528;
/** The same of frames to be skipped, without their last four bits. */
const SKIPPABLE = 0x184d2a50;
/** Largest window that is read, as a power of two: 2 GiB, which is `--long=31`. */
const LARGEST_WINDOW_LOG = 31;
/** Most bytes of a block. */
const LARGEST_BLOCK = 1 << 17;

/** The text of all frames, one after the other. */
export async function* unzstd(
  reader: ByteReader,
  { fault, feedSize, dictionary }: Inflating & { dictionary: (id: number) => Error },
): AsyncGenerator<Bytes> {
  const zlib = await nodeZlib();
  const params = { [zlib.constants.ZSTD_d_windowLogMax]: LARGEST_WINDOW_LOG };
  while (true) {
    const start = reader.offset;
    const magic = await reader.exactly(4);
    if (magic.length === 0) return;
    if (magic.length < 4) throw fault(reader.offset, "it ends within the beginning of a frame");
    const value = uint32(magic);
    if ((value & 0xfffffff0) === SKIPPABLE) {
      await skipFrame(reader, fault);
      continue;
    }
    if (value !== FRAME) throw fault(start, "other bytes follow than zstd has");
    reader.unread(magic);
    const frame = frameFollower({ start, fault, dictionary });
    let isCut = false;
    const feed = {
      async next() {
        if (frame.isDone) return undefined;
        if (frame.fault) throw frame.fault;
        const bytes = await reader.some(feedSize(reader));
        isCut = bytes === undefined;
        if (bytes === undefined) return undefined;
        const mine = frame.follow(bytes);
        if (mine < bytes.length) reader.unread(bytes.subarray(mine));
        if (mine === 0) throw frame.fault;
        return bytes.subarray(0, mine);
      },
      unread: (bytes: Bytes) => reader.unread(bytes),
    };
    const decompressor = zlib.createZstdDecompress({ chunkSize: OUTPUT_CHUNK, params }) as ZlibStream;
    try {
      yield* throughZlib(decompressor, feed);
    } catch (error) {
      throw zlibFault(error, { fault, offset: start + decompressor.bytesWritten });
    }
    if (isCut) throw fault(reader.offset, "it ends within a frame");
  }
}

async function skipFrame(reader: ByteReader, fault: Fault): Promise<void> {
  const size = await reader.exactly(4);
  if (size.length < 4) throw fault(reader.offset, "it ends within a frame");
  for (let left = uint32(size); left > 0;) {
    const passed = await reader.some(left);
    if (passed === undefined) throw fault(reader.offset, "it ends within a frame");
    left -= passed.length;
  }
}

const uint32 = (bytes: Bytes) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);

/**
 * Finds the sections of a frame: its header, each block, its checksum. The decompressor takes a missing end for the end, and
 * throws past every listener where it finds an error while it hands out text; given section by section, it has none to hand out then.
 */
interface FrameFollower {
  /** Whether the frame has ended. */
  readonly isDone: boolean;
  /** What is wrong after the bytes that were followed. */
  readonly fault: unknown;
  /** How many of the next bytes belong to the section, up to a fault. */
  follow(bytes: Bytes): number;
}

function frameFollower(
  { start, fault, dictionary }: { start: number; fault: Fault; dictionary: (id: number) => Error },
): FrameFollower {
  let stage: "magic" | "descriptor" | "window" | "dictionary" | "block" = "magic";
  let wanted = 4;
  let gathered: number[] = [];
  // bytes of the section that need not be looked at, once its beginning is known
  let skip = 0;
  let isKnown = false;
  let at = start;
  let hasChecksum = false;
  let idBytes = 0;
  let sizeBytes = 0;
  let isLast = false;
  let isDone = false;
  let found: unknown;

  const want = (next: typeof stage, count: number) => {
    stage = next;
    wanted = count;
  };
  const endHeader = () => {
    skip = sizeBytes;
    isKnown = true;
    want("block", 3);
  };
  const afterWindow = () => idBytes === 0 ? endHeader() : want("dictionary", idBytes);
  const enter = (value: number) => {
    switch (stage) {
      case "magic":
        return want("descriptor", 1);
      case "descriptor": {
        if (value & 8) throw fault(at - 1, "the header of a frame has a flag that is not known");
        const isSingle = (value & 32) !== 0;
        hasChecksum = (value & 4) !== 0;
        idBytes = [0, 1, 2, 4][value & 3]!;
        sizeBytes = [isSingle ? 1 : 0, 2, 4, 8][value >> 6]!;
        return isSingle ? afterWindow() : want("window", 1);
      }
      case "window":
        if (10 + (value >> 3) > LARGEST_WINDOW_LOG || (value >> 3 === 21 && (value & 7) > 0)) {
          throw fault(at - 1, "its window is larger than 2 GB, which zstd itself does not read");
        }
        return afterWindow();
      case "dictionary":
        if (value !== 0) throw dictionary(value);
        return endHeader();
      case "block": {
        const type = (value >> 1) & 3;
        const size = value >> 3;
        isLast = (value & 1) === 1;
        if (type === 3) throw fault(at - 3, "a block has a type that is not known");
        if (size > LARGEST_BLOCK) throw fault(at - 3, "a block is larger than 128 KiB");
        skip = type === 1 ? 1 : size;
        isKnown = true;
      }
    }
  };
  const endPart = () => {
    isKnown = false;
    if (!isLast) return;
    isDone = !hasChecksum;
    if (hasChecksum) {
      skip = 4;
      isKnown = true;
      hasChecksum = false;
    }
  };
  return {
    get isDone() {
      return isDone;
    },
    get fault() {
      return found;
    },
    follow(bytes) {
      let used = 0;
      while (true) {
        const passed = Math.min(skip, bytes.length - used);
        skip -= passed;
        used += passed;
        at += passed;
        if (skip === 0 && isKnown) {
          endPart();
          return used;
        }
        if (used === bytes.length) return used;
        gathered.push(bytes[used++]!);
        at++;
        if (gathered.length < wanted) continue;
        const value = gathered.reduce((sum, byte, i) => sum + byte * 2 ** (8 * i), 0);
        gathered = [];
        try {
          enter(value);
        } catch (error) {
          found = error;
          return Math.max(0, used - wanted);
        }
      }
    },
  };
}
