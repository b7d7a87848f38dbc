/**
 * The arguments of the WebAssembly kernels: checked, and written into memory as the kernels read them.
 *
 * @module
 */

import { layouts } from "../../../kernels/kernels_wasm.ts";
import type { KernelCall, Tensor } from "../../tensor/tensor.ts";
import { BLAS_PRODUCT } from "./lower.ts";

/** The kernels of the WebAssembly module; threads call them by their numbers here. */
export const kernelNames: readonly string[] = Object.keys(layouts);

/**
 * Checks that there is such a kernel with such arguments.
 *
 * @throws {TypeError} if not.
 */
export function checkCall({ kernel, tensors, params }: KernelCall): void {
  if (kernel === BLAS_PRODUCT) return;
  const layout = layouts[kernel];
  if (!layout) throw new TypeError(`There is no kernel "${kernel}"`);
  const fields = new Set(layout.map(([name]) => name));
  for (const name of [...Object.keys(tensors), ...Object.keys(params)]) {
    if (!fields.has(name)) throw new TypeError(`Kernel ${kernel} has no binding "${name}"`);
  }
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
    const value = type === "usize" ? tensor ? placeOf(tensor) : 0 : params[name] ?? Number(constants[name] ?? 0);
    if (type === "f32") view.setFloat32(i * 4, value, true);
    else view.setUint32(i * 4, value, true);
  }
}
