/**
 * WebGPU reports a mistake later, and without the name of the kernel. Here it is asked at once, call by call.
 *
 * @module
 */

import type { KernelCall } from "../../tensor/tensor.ts";
import { kernelError } from "./kernel_error.ts";
import { encode, type PreparedCall } from "./pass_timer.ts";

/**
 * Makes something of WebGPU's for every call.
 *
 * @throws {Error} with the kernel's name, constants and WebGPU's words, if it is not valid.
 */
export async function eachCall<T>(
  gpu: GPUDevice,
  calls: readonly KernelCall[],
  make: (call: KernelCall, index: number) => T,
): Promise<T[]> {
  const failures: Promise<GPUError | null>[] = [];
  const made = calls.map((call, i) => {
    gpu.pushErrorScope("validation");
    try {
      return make(call, i);
    } finally {
      failures.push(gpu.popErrorScope());
    }
  });
  for (const [i, failure] of (await Promise.all(failures)).entries()) {
    if (failure) throw kernelError("run", calls[i]!, failure.message);
  }
  return made;
}

/**
 * Has the calls checked together, as they will run; only where something is wrong one by one.
 *
 * @throws {Error} with the kernel's name, constants and WebGPU's words.
 */
export async function checkDispatches(
  gpu: GPUDevice,
  calls: readonly KernelCall[],
  prepared: readonly PreparedCall[],
): Promise<void> {
  gpu.pushErrorScope("validation");
  encode(gpu, prepared);
  const failure = await gpu.popErrorScope();
  if (!failure) return;
  await eachCall(gpu, calls, (_, i) => encode(gpu, [prepared[i]!]));
  throw new Error(`Cannot run the kernels together: ${failure.message}`);
}
