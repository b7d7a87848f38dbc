/**
 * How numbers travel between ranks: as they are, or in half the bytes.
 *
 * @module
 */

/** Formats of numbers on the wire. */
export const wirePrecisions = ["f32", "bf16", "f16"] as const;
/** Format of numbers on the wire. */
export type WirePrecision = typeof wirePrecisions[number];

/** Writes and reads so many floats. */
export interface Codec {
  /** Bytes of a block, a multiple of 4. */
  readonly bytes: number;
  /** Writes floats, or fewer and then zeros, at a place that is a multiple of 4. */
  encode(values: Float32Array, bytes: Uint8Array, at: number): void;
  /** Reads them; what comes back may lie in the bytes themselves. */
  decode(bytes: Uint8Array, at: number): Float32Array;
}

/** The codec of a format for blocks of so many floats. */
export function codecOf(precision: WirePrecision, floats: number): Codec {
  return precision === "f32" ? wholeFloats(floats) : halfFloats(floats, precision);
}

function wholeFloats(floats: number): Codec {
  return {
    bytes: 4 * floats,
    encode: (values, bytes, at) => new Float32Array(bytes.buffer, bytes.byteOffset + at, floats).set(values),
    decode: (bytes, at) => new Float32Array(bytes.buffer, bytes.byteOffset + at, floats),
  };
}

/** A block begins with a power of two by which it was multiplied. */
const SCALE_BYTES = 4;

function halfFloats(floats: number, precision: "bf16" | "f16"): Codec {
  const [toHalf, toFloat] = precision === "bf16" ? [toBfloat, fromBfloat] : [toFloat16, fromFloat16];
  const padded = 2 * Math.ceil(floats / 2);
  return {
    bytes: SCALE_BYTES + 2 * padded,
    encode(values, bytes, at) {
      const scale = precision === "f16" ? scaleFor(values) : 1;
      new Float32Array(bytes.buffer, bytes.byteOffset + at, 1)[0] = scale;
      toHalf(values, new Uint16Array(bytes.buffer, bytes.byteOffset + at + SCALE_BYTES, padded), scale);
    },
    decode(bytes, at) {
      const values = new Float32Array(floats);
      const [scale] = new Float32Array(bytes.buffer, bytes.byteOffset + at, 1);
      toFloat(new Uint16Array(bytes.buffer, bytes.byteOffset + at + SCALE_BYTES, floats), values, 1 / scale!);
      return values;
    },
  };
}

/** Largest number of f16, and a power of two below it that leaves room for rounding. */
const HIGHEST = 2 ** 15;

/** The power of two that brings the largest number near f16's end, so that small ones are not lost; gradients are small. */
function scaleFor(values: Float32Array): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs(values[i]!));
  if (!(most > 0) || !Number.isFinite(most)) return 1;
  return 2 ** Math.max(-126, Math.min(126, Math.floor(Math.log2(HIGHEST / most))));
}

/** The upper half of a float, rounded to the nearest, ties to even; what is no number stays so. */
function toBfloat(values: Float32Array, halves: Uint16Array): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i]!;
    const isNumber = (word & 0x7fffffff) <= 0x7f800000;
    halves[i] = isNumber ? word + 0x7fff + (word >>> 16 & 1) >>> 16 : word >>> 16 | 0x40;
  }
}

function fromBfloat(halves: Uint16Array, values: Float32Array): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) bits[i] = halves[i]! << 16;
}

function toFloat16(values: Float32Array, halves: Uint16Array, scale: number): void {
  const target = new Float16Array(halves.buffer, halves.byteOffset, halves.length);
  for (let i = 0; i < values.length; i++) target[i] = values[i]! * scale;
}

function fromFloat16(halves: Uint16Array, values: Float32Array, scale: number): void {
  const source = new Float16Array(halves.buffer, halves.byteOffset, halves.length);
  for (let i = 0; i < values.length; i++) values[i] = source[i]! * scale;
}
