/**
 * The safetensors format: a JSON header with names, shapes and offsets, then the numbers.
 *
 * @module
 */
import { shown } from "../sentences/fields.ts";
import { shortened } from "../sentences/safe_text.ts";

/** A tensor in host memory. */
export interface HostTensor {
  /** Sizes, outermost first. */
  readonly shape: readonly number[];
  /** Values in row-major order. */
  readonly data: Float32Array<ArrayBuffer>;
}

/** What a file holds. */
export interface SafetensorsFile {
  /** Tensors by name. */
  readonly tensors: Map<string, HostTensor>;
  /** Free text by key. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Types that weights may be kept in: 32 bits, IEEE's 16 bits, and 16 bits with the exponent of 32. */
export const weightTypes = ["F32", "F16", "BF16"] as const;
/** A type that weights may be kept in. */
export type WeightType = typeof weightTypes[number];

/** Where a tensor lies in a file. */
export interface TensorEntry {
  /** Its name. */
  readonly name: string;
  /** Its type: a {@linkcode WeightType}, or another that can only be skipped. */
  readonly type: string;
  /** Sizes, outermost first. */
  readonly shape: readonly number[];
  /** Bytes. */
  readonly bytes: number;
}

/** A checked header. */
export interface SafetensorsHeader {
  /** Tensors in the order in which they lie in the file, without gaps. */
  readonly entries: readonly TensorEntry[];
  /** Bytes of all of them. */
  readonly bytes: number;
  /** Free text by key. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Largest header that is believed. */
const LARGEST_HEADER = 100_000_000;

/** Bytes of a number of each type that the format knows. */
const bytesOf: Readonly<Record<string, number>> = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  F64: 8,
  I64: 8,
  U64: 8,
};

/** Bytes of the header's length. */
export const LENGTH_BYTES = 8;

/**
 * The length of the header that a file's first eight bytes tell.
 *
 * @throws {SyntaxError} if it cannot be.
 */
export function headerLength(start: Uint8Array, { path, size }: { path: string; size: number | undefined }): number {
  const length = Number(new DataView(start.buffer, start.byteOffset).getBigUint64(0, true));
  if (length > LARGEST_HEADER || LENGTH_BYTES + length > (size ?? Infinity)) {
    const has = size === undefined ? `more than ${LARGEST_HEADER} are not believed` : `the file has ${size}`;
    throw new SyntaxError(`Cannot read ${path}: its header says that it is ${length} bytes long, ${has}`);
  }
  return length;
}

/**
 * Reads and checks a header: shapes and types against offsets, offsets against the size of the file.
 *
 * @throws {SyntaxError} that names the file and the tensor if anything does not fit together.
 */
export function parseHeader(
  bytes: Uint8Array,
  { path, size }: { path: string; size: number | undefined },
): SafetensorsHeader {
  const fail = (what: string) => new SyntaxError(`Cannot read ${path}: ${what}`);
  let header: Record<string, unknown>;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw fail("its header is no JSON");
  }
  if (header === null || typeof header !== "object" || Array.isArray(header)) {
    throw fail("its header is no JSON object");
  }
  const { __metadata__: metadata, ...described } = header;
  const held = size === undefined ? Infinity : size - LENGTH_BYTES - bytes.length;
  const last = Object.values(described).reduce((most: number, tensor) => Math.max(most, lastByte(tensor)), 0);
  if (last > held) throw fail(`it is cut off: ${last} bytes of tensors are announced, ${held} are there`);
  const placed = Object.entries(described).map(([name, value]) => {
    const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Record<string, unknown>;
    const each = typeof dtype === "string" && Object.hasOwn(bytesOf, dtype) ? bytesOf[dtype] : undefined;
    if (each === undefined) {
      const type = typeof dtype === "string" ? shortened(dtype) : dtype === undefined ? "none" : shown(dtype);
      throw fail(`tensor "${name}" is of type ${type}, which is not known`);
    }
    if (!isSizes(shape) || !isSizes(offsets) || offsets.length !== 2) {
      throw fail(`tensor "${name}" has no proper shape and offsets`);
    }
    const [begin, end] = offsets as [number, number];
    const wanted = shape.reduce((product, n) => product * n, each);
    if (end > held || end - begin !== wanted) {
      const of = held === Infinity ? "" : ` of ${held}`;
      throw fail(`tensor "${name}" of shape [${shape}] needs ${wanted} bytes, its offsets are [${begin}, ${end}]${of}`);
    }
    return { name, type: String(dtype), shape, bytes: wanted, begin, end };
  });
  placed.sort((a, b) => a.begin - b.begin || a.end - b.end);
  const total = placed.at(-1)?.end ?? 0;
  if (
    placed.some(({ begin }, i) => begin !== (placed[i - 1]?.end ?? 0)) || (size !== undefined && total !== held)
  ) {
    throw fail("its tensors overlap or leave gaps");
  }
  const entries = placed.map(({ name, type, shape, bytes }) => ({ name, type, shape, bytes }));
  return { entries, bytes: total, metadata: (metadata ?? {}) as Record<string, string> };
}

/** Bytes of a weight. */
export function weightBytes(type: WeightType): number {
  return bytesOf[type]!;
}

/** Weights as 32-bit floats; F32 is not copied where it lies at a multiple of four bytes. */
export function decodeWeights(bytes: Uint8Array<ArrayBuffer>, type: WeightType): Float32Array<ArrayBuffer> {
  const each = weightBytes(type);
  const { buffer, byteOffset: at, length } = bytes.byteOffset % each === 0 ? bytes : bytes.slice();
  if (type === "F32") return new Float32Array(buffer, at, length / 4);
  if (type === "F16") return new Float32Array(new Float16Array(buffer, at, length / 2));
  const halves = new Uint16Array(buffer, at, length / 2);
  const words = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) words[i] = halves[i]! << 16;
  return new Float32Array(words.buffer);
}

/**
 * The reverse of {@linkcode decodeWeights}, rounded to the nearest, to even where there are two.
 *
 * @throws {RangeError} if a number is too large for the type.
 */
export function encodeWeights(
  values: Float32Array<ArrayBuffer>,
  type: WeightType,
  name: string,
): Uint8Array<ArrayBuffer> {
  if (type === "F32") return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  if (type === "F16") {
    const halves = new Float16Array(values);
    const wrong = halves.findIndex((value, i) => !Number.isFinite(value) && Number.isFinite(values[i]));
    if (wrong >= 0) throw new RangeError(`Cannot write ${name} in 16 bits: it holds ${values[wrong]}`);
    return new Uint8Array(halves.buffer);
  }
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = Uint16Array.from(words, (word) => {
    const isNaN = (word & 0x7fffffff) > 0x7f800000;
    return isNaN ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  });
  // the very largest are rounded up to infinity
  const wrong = halves.findIndex((half, i) => (half & 0x7fff) === 0x7f80 && Number.isFinite(values[i]));
  if (wrong >= 0) throw new RangeError(`Cannot write ${name} in 16 bits: it holds ${values[wrong]}`);
  return new Uint8Array(halves.buffer);
}

/**
 * A safetensors file, in pieces that only need to be written one after the other: of 32-bit floats no second copy is made.
 *
 * @example
 * ```ts
 * import { decodeSafetensors, encodeSafetensors } from "@cloze/mlm/format";
 *
 * const pieces = encodeSafetensors(new Map([["x", { shape: [2], data: Float32Array.of(1, 2) }]]));
 * const bytes = new Uint8Array(await new Blob(pieces).arrayBuffer());
 * console.log(decodeSafetensors(bytes).tensors.get("x")!.data[1]); // 2
 * ```
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, HostTensor>,
  { metadata = { format: "pt" }, type = "F32" }: {
    metadata?: Readonly<Record<string, string>> | undefined;
    type?: WeightType | undefined;
  } = {},
): Uint8Array<ArrayBuffer>[] {
  let offset = 0;
  const entries = [...tensors].map(([name, { shape, data }]) => {
    const begin = offset;
    offset += data.length * weightBytes(type);
    return [name, { dtype: type, shape, data_offsets: [begin, offset] }];
  });
  const json = JSON.stringify({ __metadata__: metadata, ...Object.fromEntries(entries) });
  const header = new TextEncoder().encode(json);
  // padded with spaces, so that the numbers begin at a multiple of eight bytes
  const length = Math.ceil(header.length / 8) * 8;
  const start = new Uint8Array(8 + length).fill(0x20);
  new DataView(start.buffer).setBigUint64(0, BigInt(length), true);
  start.set(header, 8);
  return [start, ...[...tensors].map(([name, { data }]) => encodeWeights(data, type, `tensor "${name}"`))];
}

/**
 * Reads a safetensors file of floats.
 *
 * @throws {SyntaxError} that names the file and the tensor if anything does not fit together.
 */
export function decodeSafetensors(bytes: Uint8Array<ArrayBuffer>, path = "safetensors file"): SafetensorsFile {
  const size = bytes.length;
  if (size < LENGTH_BYTES) throw new SyntaxError(`Cannot read ${path}: ${size} bytes are too few for a header`);
  const length = headerLength(bytes, { path, size });
  const { entries, metadata } = parseHeader(bytes.subarray(LENGTH_BYTES, LENGTH_BYTES + length), { path, size });
  let at = LENGTH_BYTES + length;
  const tensors = new Map(entries.map(({ name, type, shape, bytes: wanted }) => {
    // a copy: the file's bytes need not outlive this
    const data = decodeWeights(bytes.slice(at, at += wanted), weightTypeOf({ name, type }, path));
    return [name, { shape, data }];
  }));
  return { tensors, metadata };
}

/**
 * The type of a tensor of weights.
 *
 * @throws {SyntaxError} if it is another.
 */
export function weightTypeOf({ name, type }: Pick<TensorEntry, "name" | "type">, path: string): WeightType {
  const found = weightTypes.find((known) => known === type);
  if (!found) {
    throw new SyntaxError(`Cannot read ${path}: tensor "${name}" is of type ${type}, wanted ${weightTypes.join(", ")}`);
  }
  return found;
}

/** End of a described tensor, or 0 where that is not told properly. */
function lastByte(described: unknown): number {
  const end = (described as { data_offsets?: unknown[] } | null)?.data_offsets?.[1];
  return Number.isSafeInteger(end) ? end as number : 0;
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}
