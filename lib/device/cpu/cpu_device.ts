/**
 * The CPU device: the same recorded calls in WebAssembly SIMD, shared by threads.
 *
 * @module
 */

import type { DeviceBuffer, KernelCall, OpCall, Tensor } from "../../tensor/tensor.ts";
import type { CpuSettings, Device, Program, Recording } from "../device.ts";
import { type KernelTime, ProfileTotals } from "../profile.ts";
import type { TraceLog } from "../trace.ts";
import { type Blas, type GemmCall, makeProducts, noBlas } from "./blas.ts";
import { buildProgram, type CpuProgram } from "./cpu_program.ts";
import { createHeap, type Heap } from "./heap.ts";
import { checkCall, kernelNames } from "./kernel_arguments.ts";
import { lower, MAX_TENSOR_BYTES, scratchBytes } from "./lower.ts";
import { runSection } from "./run_section.ts";
import { control, CONTROL_AT, CONTROL_BYTES, controlOf, instantiate, type Kernels } from "./thread_program.ts";
import { MEMORY_BYTES, stopThreads, type Threads } from "./threads.ts";

/** Threads that were started, the kernels that they run, and what the device is. */
export interface CpuDeviceOptions {
  readonly threads: Threads;
  readonly module: WebAssembly.Module;
  readonly blas: Blas | undefined;
  readonly description: string;
  readonly settings: CpuSettings;
  readonly profile: boolean;
  readonly trace: TraceLog | undefined;
}

interface CpuBuffer extends DeviceBuffer {
  readonly at: number;
}

/** Memory and programs on the CPU. */
export class CpuDevice implements Device {
  readonly kind = "cpu";
  readonly description: string;
  readonly settings: CpuSettings;
  readonly software = false;
  readonly maxTensorBytes: number = MAX_TENSOR_BYTES;
  readonly maxBufferBytes: number = MEMORY_BYTES;
  readonly memoryBytes: number = MEMORY_BYTES;
  whileBusy: ((milliseconds: number) => void) | undefined;
  #threads: Threads;
  #memory: WebAssembly.Memory;
  #heap: Heap;
  #kernels: Kernels;
  #scratchBytes = 0;
  #blas: Blas | undefined;
  #gemm: GemmCall;
  #profile: ProfileTotals | undefined;

  constructor({ threads, module, blas, description, settings, profile, trace }: CpuDeviceOptions) {
    this.description = description;
    this.settings = settings;
    this.#threads = threads;
    this.#memory = threads.memory;
    this.#heap = createHeap(this.#memory, CONTROL_AT + Math.ceil(CONTROL_BYTES / 64) * 64);
    this.#gemm = blas?.gemm(this.#memory) ?? noBlas;
    this.#kernels = instantiate(module, this.#memory, kernelNames, this.#gemm);
    this.#blas = blas;
    this.#profile = profile || trace ? new ProfileTotals(trace) : undefined;
    // kernels that need no more still copy parts of vectors there
    this.#reserveScratch(64);
  }

  allocate(bytes: number, label: string): CpuBuffer {
    const at = this.#heap.allocate(bytes, label);
    return { bytes, at, destroy: () => this.#heap.free(at) };
  }

  write(tensor: Tensor, data: Float32Array | Uint32Array, offset = 0): void {
    if (offset + data.length > tensor.size) {
      throw new RangeError(`Cannot write ${data.length} elements at ${offset} to ${tensor.name} of ${tensor.size}`);
    }
    const at = placeOf(tensor) + offset * 4;
    new Uint32Array(this.#memory.buffer, at, data.length).set(
      new Uint32Array(data.buffer, data.byteOffset, data.length),
    );
  }

  async read(tensors: readonly Tensor[]): Promise<ArrayBuffer[]> {
    // runs are done when they return
    const copies = tensors.map((tensor) => {
      const copy = new Uint8Array(tensor.size * 4);
      copy.set(new Uint8Array(this.#memory.buffer, placeOf(tensor), copy.length));
      return copy.buffer;
    });
    // signals and timers have their turn
    await new Promise((resolve) => setTimeout(resolve, 0));
    return copies;
  }

  lower(call: OpCall): readonly KernelCall[] {
    return lower(call, { blas: this.#blas?.caller });
  }

  build(recording: Recording): Promise<Program> {
    const blocks: number[] = [];
    const destroy = () => blocks.forEach((at) => this.#heap.free(at));
    const take = (bytes: number, label: string) => {
      const at = this.#heap.allocate(bytes, label);
      blocks.push(at);
      return at;
    };
    try {
      const calls = [...recording.sections.values()].flat();
      for (const call of calls) checkCall(call);
      this.#reserveScratch(Math.max(...calls.map(scratchBytes), 0));
      const program = buildProgram(recording, { memory: this.#memory, threads: this.#threadCount, take, placeOf });
      const bytes = recording.arenas.reduce((sum, size) => sum + size, 0);
      return Promise.resolve({ bytes, destroy, run: (...names) => this.#run(program, names) });
    } catch (error) {
      destroy();
      return Promise.reject(error);
    }
  }

  takeProfile(): Promise<readonly KernelTime[] | undefined> {
    return Promise.resolve(this.#profile?.take());
  }

  destroy(): void {
    stopThreads(this.#threads);
    this.#blas?.close();
  }

  get #threadCount(): number {
    return this.#threads.workers.length + 1;
  }

  #run({ sections, products }: CpuProgram, names: readonly string[]): void {
    for (const name of names.length > 0 ? names : sections.keys()) {
      const section = sections.get(name);
      if (!section) throw new TypeError(`The program has no section "${name}"`);
      runSection(section, {
        memory: this.#memory,
        kernels: this.#kernels,
        threads: this.#threadCount,
        host: (product) => makeProducts(this.#gemm, products[product]!),
        profile: this.#profile,
        whileBusy: this.whileBusy,
      });
    }
  }

  /** Makes every thread's scratch memory at least so large. */
  #reserveScratch(bytes: number): void {
    if (bytes <= this.#scratchBytes) return;
    const each = Math.ceil(bytes / 64) * 64 + 128;
    const threads = this.#threadCount;
    const at = this.#heap.allocate(each * threads, "scratch memory");
    const state = controlOf(this.#memory);
    const old = state[control.scratch]!;
    for (let thread = 0; thread < threads; thread++) state[control.scratch + thread] = at + thread * each;
    if (old !== 0) this.#heap.free(old);
    this.#scratchBytes = bytes;
  }
}

/** Where a tensor with storage lies. */
function placeOf({ name, storage }: Tensor): number {
  if (!storage) throw new TypeError(`Tensor ${name} has no storage`);
  return (storage.buffer as CpuBuffer).at + storage.offset;
}
