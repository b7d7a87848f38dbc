/**
 * Starting and stopping the threads that share the CPU device's memory.
 *
 * @module
 */

import { mayLoad } from "../../access/may_load.ts";
import { kernelNames } from "./kernel_arguments.ts";
import { control, controlOf } from "./thread_program.ts";
import type { CpuWorkerStart } from "./worker.ts";

/** A memory and the workers on it. */
export interface Threads {
  readonly memory: WebAssembly.Memory;
  /** The threads beside the calling one. */
  readonly workers: readonly Worker[];
  /** Why there are none, where some were wanted. */
  readonly missing?: string;
}

/** What threads are started with. */
export interface ThreadsOptions {
  /** How many, the calling one included. */
  readonly threads: number;
  /** The BLAS that each of them calls. */
  readonly blas: string | undefined;
}

/** Starts threads; none beside the calling one, rather than too few. */
export async function startThreads(module: WebAssembly.Module, { threads, blas }: ThreadsOptions): Promise<Threads> {
  const memory = newMemory();
  // what keeps a thread from starting is no reason not to train
  const missing = threads > 1 ? whyNoWorkers() : undefined;
  if (missing) return { memory, workers: [], missing };
  const results = await Promise.allSettled(
    Array.from({ length: threads - 1 }, (_, i) => {
      return startWorker({ module, memory, names: kernelNames, blas, thread: i + 1, threads });
    }),
  );
  const workers = results.flatMap((result) => result.status === "fulfilled" ? [result.value] : []);
  const failed = results.find((result) => result.status === "rejected");
  if (!failed) return { memory, workers };
  stopThreads({ memory, workers });
  // those that did start sleep on the old memory until they are gone
  return { memory: newMemory(), workers: [], missing: (failed.reason as Error).message };
}

/** Ends the workers: one that sleeps in Atomics.wait cannot be terminated; woken, it closes itself. */
export function stopThreads({ memory, workers }: Threads): void {
  const state = controlOf(memory);
  Atomics.store(state, control.quit, 1);
  Atomics.add(state, control.generation, 1);
  Atomics.notify(state, control.generation);
  for (const worker of workers) worker.onmessage = worker.onerror = null;
}

/** Most that a WebAssembly memory holds. */
export const MEMORY_BYTES: number = 2 ** 32;

const PAGE_BYTES = 2 ** 16;

/** Pages that a memory can grow to at least, or there is none: 256 MiB. */
const LEAST_PAGES = 2 ** 12;

function newMemory(): WebAssembly.Memory {
  // browsers on phones set aside all that a memory may grow to, and refuse what is too much for them
  for (let maximum = MEMORY_BYTES / PAGE_BYTES;; maximum /= 2) {
    try {
      return new WebAssembly.Memory({ initial: 64, maximum, shared: true });
    } catch (error) {
      if (maximum <= LEAST_PAGES) throw error;
    }
  }
}

/** The workers' module; null in a script that has no address that others are relative to, such as a bundle in a page. */
const WORKER = URL.parse("./worker.ts", import.meta.url);

function whyNoWorkers(): string | undefined {
  if (typeof SharedArrayBuffer === "undefined") return "there is no shared memory here";
  if (typeof Worker === "undefined") return "there are no workers here";
  if (!WORKER) return "this script has no address to load them from";
  if (mayLoad(WORKER)) return undefined;
  return `Deno was started without --allow-read=${decodeURIComponent(new URL("../../..", import.meta.url).pathname)}`;
}

function startWorker(start: CpuWorkerStart): Promise<Worker> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(WORKER!, { type: "module" });
    worker.onmessage = () => resolve(worker);
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(`a thread could not start: ${event.message}`));
    };
    worker.postMessage(start);
  });
}
