/**
 * A thread of the CPU device: waits for a run, does its share, waits again.
 *
 * @module
 */

import { control, controlOf, instantiate, runShare } from "./thread_program.ts";

/** What a worker is started with. */
export interface CpuWorkerStart {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly names: readonly string[];
  readonly thread: number;
  readonly threads: number;
}

const scope = globalThis as unknown as {
  onmessage: ((event: { data: CpuWorkerStart }) => void) | null;
  postMessage(message: unknown): void;
  close(): void;
};

scope.onmessage = ({ data }) => {
  const { module, memory, names, thread, threads } = data;
  const kernels = instantiate(module, memory, names);
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
