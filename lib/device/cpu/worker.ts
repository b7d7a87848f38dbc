/**
 * A thread of the CPU device: waits for a run, does its share, waits again.
 *
 * @module
 */

import { noBlas, openInThread } from "./blas.ts";
import { control, controlOf, instantiate, runShare } from "./thread_program.ts";

/** What a worker is started with. */
export interface CpuWorkerStart {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly names: readonly string[];
  /** The BLAS that the thread is to call, if there is one. */
  readonly blas: string | undefined;
  readonly thread: number;
  readonly threads: number;
}

const scope = globalThis as unknown as {
  onmessage: ((event: { data: CpuWorkerStart }) => void) | null;
  postMessage(message: unknown): void;
  close(): void;
};

scope.onmessage = ({ data }) => {
  const { module, memory, names, blas, thread, threads } = data;
  const kernels = instantiate(module, memory, names, blas === undefined ? noBlas : openInThread(blas).gemm(memory));
  const state = controlOf(memory);
  let generation = Atomics.load(state, control.generation);
  scope.postMessage("ready");
  while (true) {
    Atomics.wait(state, control.generation, generation);
    const next = Atomics.load(state, control.generation);
    if (next === generation) continue;
    generation = next;
    if (Atomics.load(state, control.quit) !== 0) break;
    runShare({ memory, kernels, thread, threads });
  }
  scope.close();
};
