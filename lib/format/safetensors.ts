/**
 * The safetensors format: a JSON header with names, shapes and offsets, then the numbers.
 *
 * @module
 */

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

/** Largest header that is believed. */
const LARGEST_HEADER = 100_000_000;

/**
 * A safetensors file, in pieces that only need to be written one after the other: no second copy of the model is made.
 *
 * @example
 * ```ts
 * import { decodeSafetensors, encodeSafetensors } from "@cloze/mlm";
 *
 * const parts = encodeSafetensors(new Map([["x", { shape: [2], data: Float32Array.of(1, 2) }]]));
 * const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
 * console.log(decodeSafetensors(bytes).tensors.get("x")!.data[1]); // 2
 * ```
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, HostTensor>,
  metadata: Readonly<Record<string, string>> = { format: "pt" },
): Uint8Array<ArrayBuffer>[] {
  let offset = 0;
  const entries = [...tensors].map(([name, { shape, data }]) => {
    const begin = offset;
    offset += data.byteLength;
    return [name, { dtype: "F32", shape, data_offsets: [begin, offset] }];
  });
  const json = JSON.stringify({ __metadata__: metadata, ...Object.fromEntries(entries) });
  const header = new TextEncoder().encode(json);
  // padded with spaces, so that the numbers begin at a multiple of eight bytes
  const length = Math.ceil(header.length / 8) * 8;
  const start = new Uint8Array(8 + length).fill(0x20);
  new DataView(start.buffer).setBigUint64(0, BigInt(length), true);
  start.set(header, 8);
  const bytes = [...tensors.values()].map(({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return [start, ...bytes];
}

/**
 * Reads a safetensors file of 32-bit floats.
 *
 * @throws {SyntaxError} that names the file and the tensor if anything does not fit together.
 */
export function decodeSafetensors(bytes: Uint8Array<ArrayBuffer>, name = "safetensors file"): SafetensorsFile {
  const fail = (what: string) => new SyntaxError(`Cannot read ${name}: ${what}`);
  if (bytes.length < 8) throw fail(`${bytes.length} bytes are too few for a header`);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (length > LARGEST_HEADER || 8 + length > bytes.length) {
    throw fail(`its header says that it is ${length} bytes long, the file has ${bytes.length}`);
  }
  let header: Record<string, unknown>;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, 8 + length)));
  } catch {
    throw fail("its header is no JSON");
  }
  const { __metadata__: metadata, ...entries } = header;
  const tensors = new Map<string, HostTensor>();
  const size = bytes.length - 8 - length;
  const spans: [number, number][] = [];
  for (const [key, value] of Object.entries(entries)) {
    const { dtype, shape, data_offsets } = (value ?? {}) as Record<string, unknown>;
    if (dtype !== "F32") throw fail(`tensor "${key}" is of type ${dtype}, only F32 can be read`);
    if (!isSizes(shape) || !isSizes(data_offsets) || data_offsets.length !== 2) {
      throw fail(`tensor "${key}" has no proper shape and offsets`);
    }
    const [begin, end] = data_offsets as [number, number];
    const wanted = 4 * shape.reduce((product, n) => product * n, 1);
    if (end > size || end - begin !== wanted) {
      throw fail(
        `tensor "${key}" of shape [${shape}] needs ${wanted} bytes, its offsets are [${begin}, ${end}] of ${size}`,
      );
    }
    spans.push([begin, end]);
    const start = bytes.byteOffset + 8 + length + begin;
    // a header that is not padded leaves the numbers unaligned: copy them
    const buffer = bytes.buffer.slice(start, start + wanted);
    tensors.set(key, { shape, data: new Float32Array(buffer) });
  }
  spans.sort((a, b) => a[0] - b[0]);
  if (spans.some(([begin], i) => begin !== (spans[i - 1]?.[1] ?? 0)) || (spans.at(-1)?.[1] ?? 0) !== size) {
    throw fail("its tensors overlap or leave gaps");
  }
  return { tensors, metadata: (metadata ?? {}) as Record<string, string> };
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}
