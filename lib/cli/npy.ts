/**
 * NumPy's files of one matrix of 32-bit floats (format 1.0).
 *
 * @module
 */

/** Bytes of a header as it is written here: room for any number of rows. */
const NPY_HEADER = 128;

/** The header of a matrix. */
export function npyHeader(rows: number, width: number): Uint8Array<ArrayBuffer> {
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${width}), }`;
  const bytes = new TextEncoder().encode(`\x00NUMPY\x01\x00\x00\x00${text.padEnd(NPY_HEADER - 11)}\n`);
  bytes[0] = 0x93;
  new DataView(bytes.buffer).setUint16(8, NPY_HEADER - 10, true);
  return bytes;
}

/**
 * The matrix in the bytes of a file.
 *
 * @throws what `fail` makes of what is wrong.
 */
export function readNpy(
  bytes: Uint8Array<ArrayBuffer>,
  fail: (what: string) => Error,
): { readonly values: Float32Array<ArrayBuffer>; readonly shape: readonly number[] } {
  const isNpy = bytes.length > 10 && bytes[0] === 0x93 && new TextDecoder().decode(bytes.subarray(1, 6)) === "NUMPY";
  if (!isNpy || bytes[6] !== 1) throw fail("it is no .npy file of version 1");
  const begin = 10 + new DataView(bytes.buffer, bytes.byteOffset).getUint16(8, true);
  const header = new TextDecoder("latin1").decode(bytes.subarray(10, begin));
  const [, rows, width] = /'shape': \((\d+), (\d+)\)/.exec(header) ?? [];
  if (rows === undefined || !header.includes("'<f4'") || !header.includes("'fortran_order': False")) {
    throw fail("it is no matrix of 32-bit floats, row after row");
  }
  const shape = [Number(rows), Number(width)];
  const size = 4 * shape[0]! * shape[1]!;
  if (bytes.length !== begin + size) throw fail(`it has ${bytes.length} bytes, its header says ${begin + size}`);
  const values = new Float32Array(bytes.slice(begin).buffer);
  if (!values.every(Number.isFinite)) throw fail("not all of its numbers are finite");
  return { values, shape };
}
