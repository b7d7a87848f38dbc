/**
 * The arguments of the WebAssembly kernels: checked, and written into memory as the kernels read them.
 *
 * @module
 */

import { layouts } from "../../../kernels/kernels_wasm.ts";
import type { KernelCall, Tensor } from "../../tensor/tensor.ts";
import { BLAS_BATCH, BLAS_PRODUCT } from "./lower.ts";

/** The kernels of the WebAssembly module; threads call them by their numbers here. */
export const kernelNames: readonly string[] = Object.keys(layouts);

/**
 * Address of an argument that is absent: memory reaches so far only when it is nearly full, so a kernel that uses the argument
 * all the same traps, where address 0 would have it write over the module's own memory.
 */
const ABSENT = 0xf000_0000;

/** Kernels whose arguments a BLAS is given: the product that is finished afterwards, of the same tensors, and several at once. */
const stands: Readonly<Record<string, string>> = { [BLAS_PRODUCT]: "matmul_finish", [BLAS_BATCH]: "batch_matmul" };

/**
 * Checks that there is such a kernel, that it has such arguments, and that none is missing but those that its flags leave out.
 *
 * @throws {TypeError} if not.
 */
export function checkCall({ kernel, tensors, params, constants }: KernelCall): void {
  const layout = layouts[stands[kernel] ?? kernel];
  if (!layout) throw new TypeError(`There is no kernel "${kernel}"`);
  const given: Readonly<Record<string, unknown>> = { ...tensors, ...params };
  const fields = new Set(layout.map(([name]) => name));
  const unknown = Object.keys(given).find((name) => !fields.has(name));
  if (unknown !== undefined) throw new TypeError(`Kernel ${kernel} has no binding "${unknown}"`);
  const missing = layout.find(([name, , flag]) =>
    !isConstant(name) && given[name] === undefined && (flag === undefined || constants[flag])
  );
  if (missing) throw new TypeError(`Kernel ${kernel} lacks its argument "${missing[0]}"`);
}

/** Constants, flags among them, are 0 where nothing is said. */
function isConstant(name: string): boolean {
  return name === name.toUpperCase();
}

/** Bytes of a kernel's arguments. */
export function argumentBytes(kernel: string): number {
  return layouts[kernel]!.length * 4;
}

/** Writes the arguments of a call, `at` bytes into memory. */
export function writeArguments(
  { kernel, tensors, params, constants }: KernelCall,
  { memory, at, placeOf }: { memory: WebAssembly.Memory; at: number; placeOf: (tensor: Tensor) => number },
): void {
  const view = new DataView(memory.buffer, at);
  for (const [i, [name, type]] of layouts[kernel]!.entries()) {
    const tensor = tensors[name];
    const place = tensor ? placeOf(tensor) : ABSENT;
    const value = type === "usize" ? place : params[name] ?? Number(constants[name] ?? 0);
    if (type === "f32") view.setFloat32(i * 4, value, true);
    else view.setUint32(i * 4, value, true);
  }
}
