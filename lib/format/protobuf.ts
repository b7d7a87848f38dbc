/**
 * Writing protocol buffers: fields one after the other, in pieces, so that large ones are not copied.
 *
 * @module
 */

/** Bytes in pieces, with their number. */
export interface Message {
  /** The pieces, to be written one after the other. */
  readonly pieces: readonly Uint8Array<ArrayBuffer>[];
  /** Bytes of all pieces. */
  readonly bytes: number;
}

const encoder = new TextEncoder();

/** Fields as one message. */
export function message(...fields: readonly Message[]): Message {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let small: Uint8Array<ArrayBuffer>[] = [];
  // small pieces are joined, large ones are kept as they are
  const join = () => {
    if (small.length > 0) pieces.push(concatenated(small));
    small = [];
  };
  for (const piece of fields.flatMap((field) => field.pieces)) {
    if (piece.length < LARGE) small.push(piece);
    else {
      join();
      pieces.push(piece);
    }
  }
  join();
  return { pieces, bytes: fields.reduce((sum, { bytes }) => sum + bytes, 0) };
}

/** Bytes from which on a piece is not joined with others. */
const LARGE = 1 << 12;

function concatenated(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** A whole number of at least 0, seven bits a byte, the lowest first. */
function varint(value: number): number[] {
  const bytes = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push(rest % 128 + 128);
  bytes.push(rest);
  return bytes;
}

const piece = (bytes: Uint8Array<ArrayBuffer>): Message => ({ pieces: [bytes], bytes: bytes.length });

/** A field that is a whole number; negative ones as 64 bits in two's complement. */
export function wholeField(number: number, value: number): Message {
  const start = varint(number * 8);
  if (value >= 0) return piece(Uint8Array.from([...start, ...varint(value)]));
  const bytes = [];
  for (let rest = BigInt.asUintN(64, BigInt(value)), i = 0; i < 10; i++, rest >>= 7n) {
    bytes.push(Number(rest & 127n) + (i < 9 ? 128 : 0));
  }
  return piece(Uint8Array.from([...start, ...bytes]));
}

/** The bytes of a message as one piece. */
export function bytesOf({ pieces }: Message): Uint8Array<ArrayBuffer> {
  return concatenated(pieces);
}

/** A field that is a 32-bit float. */
export function floatField(number: number, value: number): Message {
  const bytes = new Uint8Array(5);
  bytes[0] = number * 8 + 5;
  new DataView(bytes.buffer).setFloat32(1, value, true);
  return piece(bytes);
}

/** A field that is a 64-bit float. */
export function doubleField(number: number, value: number): Message {
  const bytes = new Uint8Array(9);
  bytes[0] = number * 8 + 1;
  new DataView(bytes.buffer).setFloat64(1, value, true);
  return piece(bytes);
}

/** The beginning of a field of so many bytes that are written by themselves. */
export function fieldStart(number: number, bytes: number): Message {
  return piece(Uint8Array.from([...varint(number * 8 + 2), ...varint(bytes)]));
}

/** A field that is text, bytes or a message of its own. */
export function field(number: number, value: string | Uint8Array<ArrayBuffer> | Message): Message {
  const content = typeof value === "string"
    ? piece(encoder.encode(value))
    : value instanceof Uint8Array
    ? piece(value)
    : value;
  const start = Uint8Array.from([...varint(number * 8 + 2), ...varint(content.bytes)]);
  return { pieces: [start, ...content.pieces], bytes: start.length + content.bytes };
}
