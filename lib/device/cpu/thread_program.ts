/**
 * How threads work through a program in shared memory together: the part that the main thread and the workers share.
 *
 * @module
 */

import type { GemmCall } from "./blas.ts";

/** Bytes at the start of the memory that belong to the WebAssembly module itself. */
export const CONTROL_AT = 1 << 16;

/** Most threads that the control block has room for. */
export const MOST_THREADS = 64;

/** Places in the control block, in 32-bit words. */
export const control = {
  /** Counts runs; workers wait for it to change. */
  generation: 0,
  /** Not 0: workers end. */
  quit: 1,
  /** Where the program lies, in words. */
  program: 2,
  /** Number of its calls. */
  calls: 3,
  /** Next piece of the current call. */
  piece: 4,
  /** Threads that are done with the current call. */
  arrived: 5,
  /** Counts calls; threads wait for it to change. */
  phase: 6,
  /** Length of the message of the first error, 0 if there is none. */
  error: 7,
  /** Scratch memory of each thread. */
  scratch: 16,
  /** Message of the first error, UTF-8. */
  message: 16 + MOST_THREADS,
} as const;

/** Room for the message of an error, in bytes. */
const MESSAGE_BYTES = 1024;
/** Size of the control block in bytes. */
export const CONTROL_BYTES: number = control.message * 4 + MESSAGE_BYTES;

/** Words of a call in a program: kernel, arguments, items, items of a piece. */
export const CALL_WORDS = 4;

/** Kernel number of a call that thread 0 makes outside WebAssembly, its number in place of arguments. */
export const HOST_CALL = -1;

/** Milliseconds of one wait, and waits without a sign of life after which a thread counts as dead: pieces take far less. */
const WAIT = 10_000;
const MOST_WAITS = 12;

/** Checks before a waiting thread goes to sleep: some microseconds; longer spinning starves others on a busy machine. */
const SPINS = 200;

/** The kernels of one thread's instance of the WebAssembly module. */
export interface Kernels {
  /** The kernels by number; each takes its arguments' place and the items that it is to do. */
  readonly all: readonly ((args: number, begin: number, end: number) => void)[];
  /** Tells them where the thread's scratch memory lies. */
  readonly setScratch: (at: number) => void;
}

/** A thread's part in a run. */
export interface Share {
  readonly memory: WebAssembly.Memory;
  readonly kernels: Kernels;
  /** Number of the thread. */
  readonly thread: number;
  /** How many there are. */
  readonly threads: number;
  /** Makes a host call; thread 0 has it. */
  readonly host?: (call: number) => void;
  /** Told when all threads are done with a call. */
  readonly done?: ((call: number) => void) | undefined;
}

/** The control block. */
export function controlOf(memory: WebAssembly.Memory): Int32Array {
  return new Int32Array(memory.buffer, CONTROL_AT, CONTROL_BYTES / 4);
}

/** An instance of the module for one thread. */
export function instantiate(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  names: readonly string[],
  gemm: GemmCall,
): Kernels {
  const exports = new WebAssembly.Instance(module, { env: { memory, gemm, abort: () => {} } }).exports;
  return {
    all: names.map((name) => exports[name] as Kernels["all"][number]),
    setScratch: exports.set_scratch as Kernels["setScratch"],
  };
}

/** One thread's share of a run: every call is cut into pieces that threads take as they come. */
export function runShare({ memory, kernels, thread, threads, host, done }: Share): void {
  const words = new Int32Array(memory.buffer);
  const state = controlOf(memory);
  kernels.setScratch(state[control.scratch + thread]!);
  const program = state[control.program]!;
  const calls = state[control.calls]!;
  for (let call = 0; call < calls; call++) {
    const at = program + call * CALL_WORDS;
    const kernel = kernels.all[words[at]!]!;
    const [args, items, size] = [words[at + 1]!, words[at + 2]!, words[at + 3]!];
    try {
      if (words[at] === HOST_CALL) host?.(args);
      else {
        for (let piece = take(state); piece * size < items; piece = take(state)) {
          if (Atomics.load(state, control.error) !== 0) break;
          kernel(args, piece * size, Math.min(items, (piece + 1) * size));
        }
      }
    } catch (error) {
      reportError(memory, error);
    }
    meet(state, threads);
    done?.(call);
  }
}

function take(state: Int32Array): number {
  return Atomics.add(state, control.piece, 1);
}

/** Waits until all threads are here. The last one prepares the next call before it wakes the others. */
function meet(state: Int32Array, threads: number): void {
  if (threads === 1) {
    state[control.piece] = 0;
    return;
  }
  const phase = Atomics.load(state, control.phase);
  if (Atomics.add(state, control.arrived, 1) === threads - 1) {
    Atomics.store(state, control.piece, 0);
    Atomics.store(state, control.arrived, 0);
    Atomics.add(state, control.phase, 1);
    Atomics.notify(state, control.phase);
    return;
  }
  for (let spin = 0; spin < SPINS; spin++) {
    if (Atomics.load(state, control.phase) !== phase) return;
  }
  // several waits, because a process that was stopped for a while wakes to one that is over
  for (let waits = 0; Atomics.load(state, control.phase) === phase;) {
    const arrived = Atomics.load(state, control.arrived);
    if (Atomics.wait(state, control.phase, phase, WAIT) !== "timed-out") continue;
    waits = Atomics.load(state, control.arrived) === arrived ? waits + 1 : 0;
    if (waits === MOST_WAITS && Atomics.load(state, control.phase) === phase) {
      throw new Error(`${threads - arrived} of ${threads} threads of the CPU device do not answer any more`);
    }
  }
}

function reportError(memory: WebAssembly.Memory, error: unknown): void {
  const text = error instanceof Error ? error.message : String(error);
  const message = new TextEncoder().encode(text).slice(0, MESSAGE_BYTES);
  const state = controlOf(memory);
  if (Atomics.compareExchange(state, control.error, 0, -1) !== 0) return;
  new Uint8Array(memory.buffer, CONTROL_AT + control.message * 4).set(message);
  Atomics.store(state, control.error, message.length || -1);
}

/** The message of the first error of any thread. */
export function errorIn(memory: WebAssembly.Memory): string | undefined {
  const length = Atomics.load(controlOf(memory), control.error);
  if (length === 0) return undefined;
  const message = new Uint8Array(Math.max(0, length));
  message.set(new Uint8Array(memory.buffer, CONTROL_AT + control.message * 4, message.length));
  return new TextDecoder().decode(message);
}
