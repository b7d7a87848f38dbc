/**
 * Bytes of a stream as they are wanted, with their offset; what was taken too much can be given back.
 *
 * @module
 */

/** Bytes in memory that nothing else shares. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** Bytes of a stream as they are wanted. */
export interface ByteReader {
  /** Bytes taken so far. */
  readonly offset: number;
  /** The next bytes, at most so many; undefined at the end. */
  some(most?: number): Promise<Bytes | undefined>;
  /** The next bytes, so many unless the end comes first. */
  exactly(count: number): Promise<Bytes>;
  /** Gives back the last bytes that were taken. */
  unread(bytes: Bytes): void;
  /** Lets go of the stream. */
  close(): Promise<void>;
}

/** Reads a stream as its bytes are wanted. */
export function byteReader(stream: ReadableStream<Bytes>): ByteReader {
  const reader = stream.getReader();
  let held: Bytes | undefined;
  let offset = 0;
  const some = async (most = Infinity) => {
    while (held === undefined || held.length === 0) {
      const { done, value } = await reader.read();
      if (done) return undefined;
      held = value;
    }
    const taken = held.subarray(0, most);
    held = held.subarray(taken.length);
    offset += taken.length;
    return taken;
  };
  return {
    get offset() {
      return offset;
    },
    some,
    async exactly(count) {
      const bytes = new Uint8Array(count);
      let length = 0;
      while (length < count) {
        const piece = await some(count - length);
        if (piece === undefined) break;
        bytes.set(piece, length);
        length += piece.length;
      }
      return bytes.subarray(0, length);
    },
    unread(bytes) {
      held = held === undefined || held.length === 0 ? bytes : concatenated([bytes, held]);
      offset -= bytes.length;
    },
    // a stream that failed has nothing to let go of
    close: () => reader.cancel().catch(() => {}),
  };
}

/** Pieces as one. */
export function concatenated(pieces: readonly Uint8Array[]): Bytes {
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/** Bytes that come piece by piece and are wanted as one: each is copied once, however many there are. */
export interface ByteGatherer {
  /** Bytes so far. */
  readonly length: number;
  /** Adds a piece. */
  add(piece: Uint8Array): void;
  /** All bytes so far and those given; nothing of them is kept. */
  take(last?: Uint8Array): Uint8Array;
}

/** Gathers bytes. */
export function byteGatherer(): ByteGatherer {
  let pieces: Uint8Array[] = [];
  let length = 0;
  return {
    get length() {
      return length;
    },
    add(piece) {
      if (piece.length === 0) return;
      pieces.push(piece);
      length += piece.length;
    },
    take(last) {
      const all = last === undefined || last.length === 0 ? pieces : [...pieces, last];
      pieces = [];
      length = 0;
      return all.length === 1 ? all[0]! : concatenated(all);
    },
  };
}

/** The first bytes of a stream, which is let go of. */
export async function firstBytes(stream: ReadableStream<Bytes>, count: number): Promise<Bytes> {
  const reader = byteReader(stream);
  try {
    return await reader.exactly(count);
  } finally {
    await reader.close();
  }
}

/** Bytes start ... end - 1 of a stream. */
export async function* byteRange(
  chunks: AsyncIterable<Bytes>,
  { start, end = Infinity }: { start: number; end?: number | undefined },
): AsyncGenerator<Bytes> {
  if (start >= end) return;
  let at = 0;
  for await (const chunk of chunks) {
    const piece = chunk.subarray(Math.max(0, start - at), Math.max(0, Math.min(chunk.length, end - at)));
    at += chunk.length;
    if (piece.length > 0) yield piece;
    if (at >= end) return;
  }
}
