/**
 * The CPU device: the same recorded calls in WebAssembly SIMD, shared by threads.
 *
 * @module
 */

import { layouts, plainKernels, relaxedKernels } from "../../../kernels/kernels_wasm.ts";
import { type Blas, type Gemm, openBlas } from "./blas.ts";
import { BLAS_PRODUCT, checkCall, gemmOf, leastItems, lower, MAX_TENSOR_BYTES, scratchBytes } from "./lower.ts";
import { createHeap, type Heap } from "./heap.ts";
import {
  CALL_WORDS,
  control,
  CONTROL_AT,
  CONTROL_BYTES,
  type CpuKernel,
  HOST_CALL,
  MOST_THREADS,
  runShare,
} from "./thread_program.ts";
import type { CpuWorkerStart } from "./worker.ts";
import { type KernelTime, type KernelWork, ProfileTotals, workOf } from "../profile.ts";
import { type CpuSettings, type Device, KernelError, type Program, type Recording } from "../device.ts";
import type { DeviceBuffer, KernelCall, OpCall, Tensor } from "../../tensor/tensor.ts";

/** What `openCpuDevice` takes. */
export interface CpuOptions {
  /** Threads, the calling one included. Default: the machine's cores. */
  threads?: number | undefined;
  /** Use relaxed fused multiply-add. Default: where the engine has it. */
  relaxed?: boolean;
  /**
   * System BLAS for the matrix products: a path, "off", or "auto" for one that is there and suits the processor. With it
   * results may depend on the number of threads.
   *
   * @default {"off"}
   */
  blas?: string | undefined;
  /**
   * Measure the time of every kernel.
   *
   * @default {false}
   */
  profile?: boolean | undefined;
}

interface CpuBuffer extends DeviceBuffer {
  readonly at: number;
}

const names = Object.keys(layouts);

/**
 * Opens the CPU device.
 *
 * @throws {RangeError} if the number of threads is no whole number from 1 to 64, or a path is no BLAS.
 */
export async function openCpuDevice(options: CpuOptions = {}): Promise<Device> {
  const wanted = options.threads ?? (globalThis.navigator?.hardwareConcurrency || 1);
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > MOST_THREADS) {
    throw new RangeError(`Cannot use ${wanted} threads: it must be a whole number from 1 to ${MOST_THREADS}`);
  }
  const blas = openBlas(options.blas ?? "off", { threads: wanted });
  const bytes = Uint8Array.fromBase64(relaxedKernels);
  const relaxed = options.relaxed ?? WebAssembly.validate(bytes);
  const module = await WebAssembly.compile(relaxed ? bytes : Uint8Array.fromBase64(plainKernels));
  const started = await startWorkers(module, wanted);
  // what keeps a thread from starting is no reason not to train
  const { memory, workers } = "missing" in started ? { memory: newMemory(), workers: [] } : started;
  return new CpuDevice({
    module,
    memory,
    workers,
    relaxed,
    blas,
    profile: options.profile ?? false,
    missing: "missing" in started ? started.missing : undefined,
  });
}

function newMemory(): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: 64, maximum: 65_536, shared: true });
}

/** Whether Deno lets a worker be loaded that lies in a file. */
function mayReadWorker(): boolean {
  const url = new URL("./worker.ts", import.meta.url);
  if (typeof Deno === "undefined" || url.protocol !== "file:") return true;
  return Deno.permissions.querySync({ name: "read", path: url }).state === "granted";
}

/** A memory with workers on it, or what they lack. */
async function startWorkers(
  module: WebAssembly.Module,
  threads: number,
): Promise<{ memory: WebAssembly.Memory; workers: Worker[] } | { missing: string }> {
  if (threads > 1 && typeof SharedArrayBuffer === "undefined") return { missing: "there is no shared memory here" };
  if (threads > 1 && typeof Worker === "undefined") return { missing: "there are no workers here" };
  if (threads > 1 && !mayReadWorker()) return { missing: "the program's own files may not be read" };
  const memory = newMemory();
  const results = await Promise.allSettled(
    Array.from({ length: threads - 1 }, (_, i) => startWorker({ module, memory, names, thread: i + 1, threads })),
  );
  const failed = results.find((result) => result.status === "rejected");
  if (!failed) {
    return { memory, workers: results.flatMap((result) => result.status === "fulfilled" ? [result.value] : []) };
  }
  stopWorkers(memory);
  return { missing: (failed.reason as Error).message };
}

/** A worker that sleeps in Atomics.wait cannot be terminated; woken, it closes itself. */
function stopWorkers(memory: WebAssembly.Memory): void {
  const state = new Int32Array(memory.buffer, CONTROL_AT, CONTROL_BYTES / 4);
  Atomics.store(state, control.quit, 1);
  Atomics.add(state, control.generation, 1);
  Atomics.notify(state, control.generation);
}

function startWorker(start: CpuWorkerStart): Promise<Worker> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    worker.onmessage = () => resolve(worker);
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(`a thread could not start: ${event.message}`));
    };
    worker.postMessage(start);
  });
}

class CpuDevice implements Device {
  readonly kind = "cpu";
  readonly description: string;
  readonly settings: CpuSettings;
  readonly software = false;
  readonly maxTensorBytes: number = MAX_TENSOR_BYTES;
  #memory: WebAssembly.Memory;
  #heap: Heap;
  #workers: readonly Worker[];
  #threads: number;
  #kernels: readonly CpuKernel[];
  #setScratch: (at: number) => void;
  #scratchBytes = 0;
  #blas: Blas | undefined;
  #profile: ProfileTotals | undefined;

  constructor({ module, memory, workers, relaxed, blas, profile, missing }: {
    module: WebAssembly.Module;
    memory: WebAssembly.Memory;
    workers: readonly Worker[];
    relaxed: boolean;
    blas: Blas | undefined;
    profile: boolean;
    missing: string | undefined;
  }) {
    const threads = workers.length + 1;
    this.#blas = blas;
    this.#profile = profile ? new ProfileTotals() : undefined;
    this.#memory = memory;
    this.#workers = workers;
    this.#threads = threads;
    this.#heap = createHeap(memory, CONTROL_AT + Math.ceil(CONTROL_BYTES / 64) * 64);
    const exports = new WebAssembly.Instance(module, { env: { memory, abort: () => {} } }).exports;
    this.#kernels = names.map((name) => exports[name] as CpuKernel);
    this.#setScratch = exports.set_scratch as (at: number) => void;
    const multiply = relaxed ? "" : " without fused multiply-add";
    // kernels that need no more still copy parts of vectors there
    this.#reserveScratch(64);
    const why = missing ? ` (${missing})` : "";
    const processor = blas?.processor === undefined ? "" : ` (${blas.processor})`;
    const products = blas ? `, matrix products by ${blas.name}${processor}` : "";
    this.description = `CPU, ${threads} thread${
      threads === 1 ? "" : "s"
    } of WebAssembly SIMD${multiply}${why}${products}`;
    // without a BLAS results do not depend on the number of threads
    const withBlas = blas ? { threads, ...(blas.processor === undefined ? {} : { processor: blas.processor }) } : {};
    this.settings = { kind: "cpu", fusedMultiplyAdd: relaxed, blas: blas?.name ?? "off", ...withBlas };
  }

  allocate(bytes: number, label: string): CpuBuffer {
    const at = this.#heap.allocate(bytes, label);
    return { bytes, at, destroy: () => this.#heap.free(at) };
  }

  write(tensor: Tensor, data: Float32Array | Uint32Array, offset = 0): void {
    if (offset + data.length > tensor.size) {
      throw new RangeError(`Cannot write ${data.length} elements at ${offset} to ${tensor.name} of ${tensor.size}`);
    }
    const at = this.#place(tensor, undefined) + offset * 4;
    new Uint32Array(this.#memory.buffer, at, data.length).set(
      new Uint32Array(data.buffer, data.byteOffset, data.length),
    );
  }

  async read(tensors: readonly Tensor[]): Promise<ArrayBuffer[]> {
    // runs are done when they return
    const copies = tensors.map((tensor) => {
      const copy = new Uint8Array(tensor.size * 4);
      copy.set(new Uint8Array(this.#memory.buffer, this.#place(tensor, undefined), copy.length));
      return copy.buffer;
    });
    // signals and timers have their turn
    await new Promise((resolve) => setTimeout(resolve, 0));
    return copies;
  }

  lower(call: OpCall): readonly KernelCall[] {
    return lower(call, { useBlas: this.#blas !== undefined });
  }

  build(recording: Recording): Promise<Program> {
    const blocks: number[] = [];
    const take = (bytes: number, label: string) => {
      const at = this.#heap.allocate(bytes, label);
      blocks.push(at);
      return at;
    };
    try {
      const arenas = recording.arenas.map((bytes) => take(bytes, "activations"));
      const place = (tensor: Tensor) => this.#place(tensor, { arenas, arenaOf: recording.arenaOf });
      const products: Gemm[] = [];
      const calls = [...recording.sections.values()].flat();
      for (const call of calls) checkCall(call);
      this.#reserveScratch(Math.max(...calls.map(scratchBytes), 0));
      /** Kernel, arguments, items and items of a piece, as threads read them. */
      const wordsOf = (call: KernelCall): number[] => {
        if (call.kernel === BLAS_PRODUCT) return [HOST_CALL, products.push(gemmOf(call, place)) - 1, 0, 1];
        const args = take(layouts[call.kernel]!.length * 4, "arguments");
        this.#writeArguments(args, call, place);
        return [names.indexOf(call.kernel), args, call.grid[0], this.#pieceSize(call)];
      };
      const sections = new Map([...recording.sections].map(([name, calls]) => {
        const program = take(calls.length * CALL_WORDS * 4, "program");
        const words = calls.flatMap(wordsOf);
        new Int32Array(this.#memory.buffer, program, words.length).set(words);
        return [name, { program, calls: calls.length, work: calls.map(workOf) }];
      }));
      const bytes = recording.arenas.reduce((sum, size) => sum + size, 0);
      const destroy = () => blocks.forEach((at) => this.#heap.free(at));
      const blas = this.#blas;
      const host = (index: number) => blas!.gemm(this.#memory, products[index]!);
      return Promise.resolve({ bytes, destroy, run: (...wanted) => this.#run(sections, wanted, host) });
    } catch (error) {
      blocks.forEach((at) => this.#heap.free(at));
      return Promise.reject(error);
    }
  }

  takeProfile(): Promise<readonly KernelTime[] | undefined> {
    return Promise.resolve(this.#profile?.take());
  }

  destroy(): void {
    stopWorkers(this.#memory);
    this.#blas?.close();
    for (const worker of this.#workers) worker.onmessage = worker.onerror = null;
  }

  #state(): Int32Array {
    return new Int32Array(this.#memory.buffer, CONTROL_AT, CONTROL_BYTES / 4);
  }

  #run(
    sections: ReadonlyMap<string, Section>,
    wanted: readonly string[],
    host: (index: number) => void,
  ): void {
    for (const name of wanted.length > 0 ? wanted : sections.keys()) {
      const section = sections.get(name);
      if (!section) throw new TypeError(`The program has no section "${name}"`);
      // workers must take part in every run that they are woken for: one without calls would be over before they come
      if (section.calls === 0) continue;
      const state = this.#state();
      state[control.program] = section.program / 4;
      state[control.calls] = section.calls;
      Atomics.add(state, control.generation, 1);
      Atomics.notify(state, control.generation);
      const share = {
        memory: this.#memory,
        kernels: this.#kernels,
        setScratch: this.#setScratch,
        thread: 0,
        threads: this.#threads,
        host,
        done: this.#profile && stopwatch(this.#profile, section.work),
      };
      try {
        runShare(share);
      } catch (error) {
        throw new KernelError((error as Error).message, name);
      }
      const length = Atomics.load(state, control.error);
      if (length !== 0) {
        const message = new Uint8Array(Math.max(0, length));
        message.set(new Uint8Array(this.#memory.buffer, CONTROL_AT + control.message * 4, message.length));
        throw new KernelError(`A kernel of the CPU device failed: ${new TextDecoder().decode(message)}`, name);
      }
    }
  }

  #place(
    tensor: Tensor,
    plan: { arenas: readonly number[]; arenaOf: ReadonlyMap<Tensor, number> } | undefined,
  ): number {
    const arena = plan?.arenaOf.get(tensor);
    if (arena !== undefined) return plan!.arenas[arena]!;
    if (!tensor.storage) throw new TypeError(`Tensor ${tensor.name} has no storage`);
    return (tensor.storage.buffer as CpuBuffer).at + tensor.storage.offset;
  }

  #writeArguments(at: number, call: KernelCall, place: (tensor: Tensor) => number): void {
    const view = new DataView(this.#memory.buffer, at);
    for (const [i, [name, type]] of layouts[call.kernel]!.entries()) {
      const tensor = call.tensors[name];
      const value = type === "usize"
        ? tensor ? place(tensor) : 0
        : call.params[name] ?? Number(call.constants[name] ?? 0);
      if (type === "f32") view.setFloat32(i * 4, value, true);
      else view.setUint32(i * 4, value, true);
    }
  }

  /** Items of a piece: four pieces a thread even out a busy machine, unless they become too small to be worth it. */
  #pieceSize({ kernel, grid: [items] }: KernelCall): number {
    if (this.#threads === 1) return Math.max(1, items);
    return Math.max(leastItems(kernel), Math.ceil(items / (4 * this.#threads)));
  }

  /** Makes every thread's scratch memory at least so large. */
  #reserveScratch(bytes: number): void {
    if (bytes <= this.#scratchBytes) return;
    const each = Math.ceil(bytes / 64) * 64 + 128;
    const state = this.#state();
    const old = state[control.scratch]!;
    const at = this.#heap.allocate(each * this.#threads, "scratch memory");
    for (let thread = 0; thread < this.#threads; thread++) this.#state()[control.scratch + thread] = at + thread * each;
    if (old !== 0) this.#heap.free(old);
    this.#scratchBytes = bytes;
  }
}

interface Section {
  /** Where its calls lie in memory. */
  readonly program: number;
  readonly calls: number;
  readonly work: readonly KernelWork[];
}

/** Adds the time between two calls' ends to the totals. */
function stopwatch(totals: ProfileTotals, work: readonly KernelWork[]): (call: number) => void {
  let last = performance.now();
  return (call) => {
    const now = performance.now();
    totals.add(work[call]!, now - last);
    last = now;
  };
}
