/**
 * Opening the CPU device: which kernels, how many threads, and whether a BLAS makes the matrix products.
 *
 * @module
 */

import { plainKernels, relaxedKernels } from "../../../kernels/kernels_wasm.ts";
import type { CpuSettings, Device } from "../device.ts";
import { type Blas, type BlasCaller, openBlas } from "./blas.ts";
import type { TraceLog } from "../trace.ts";
import { CpuDevice } from "./cpu_device.ts";
import { MOST_THREADS } from "./thread_program.ts";
import { startThreads } from "./threads.ts";

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
  /** Who calls the BLAS. Default: every thread, where the library may be called so. */
  blasCaller?: "threads" | "host" | undefined;
  /**
   * Measure the time of every kernel.
   *
   * @default {false}
   */
  profile?: boolean | undefined;
  /** Note when every kernel ran. */
  trace?: TraceLog | undefined;
}

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
  const bytes = Uint8Array.fromBase64(relaxedKernels);
  const relaxed = options.relaxed ?? WebAssembly.validate(bytes);
  const module = await WebAssembly.compile(relaxed ? bytes : Uint8Array.fromBase64(plainKernels));
  let leftOut: string | undefined;
  const open = (caller: BlasCaller | undefined) =>
    openBlas(options.blas ?? "off", { threads: wanted, caller, onLeftOut: (why) => leftOut = why });
  let blas = open(options.blasCaller);
  const isShared = blas?.caller === "threads";
  const threads = await startThreads(module, { threads: wanted, blas: isShared ? blas!.name : undefined });
  if (isShared && threads.missing) {
    // where there are no threads of ours, those of the library keep the cores busy
    blas!.close();
    blas = open("host");
  }
  const chosen = { threads: threads.workers.length + 1, wanted, relaxed, blas, leftOut, missing: threads.missing };
  return new CpuDevice({
    threads,
    module,
    blas,
    description: describe(chosen),
    settings: settingsOf(chosen),
    profile: options.profile ?? false,
    trace: options.trace,
  });
}

interface Chosen {
  readonly threads: number;
  /** Threads that were asked for, which a library has in any case that the host calls. */
  readonly wanted: number;
  readonly relaxed: boolean;
  readonly blas: Blas | undefined;
  /** What a BLAS that is there needs. */
  readonly leftOut: string | undefined;
  /** Why there is one thread where more were wanted. */
  readonly missing: string | undefined;
}

function describe({ threads, relaxed, blas, leftOut, missing }: Chosen): string {
  const multiply = relaxed ? "" : " without fused multiply-add";
  const why = missing ? ` (${missing})` : "";
  const processor = blas?.processor === undefined ? "" : ` (${blas.processor})`;
  const without = leftOut ? `, without a BLAS: ${leftOut}` : "";
  const products = blas ? `, matrix products by ${blas.name}${processor}` : without;
  return `CPU, ${threads} thread${threads === 1 ? "" : "s"} of WebAssembly SIMD${multiply}${why}${products}`;
}

function settingsOf({ threads, wanted, relaxed, blas }: Chosen): CpuSettings {
  const settings = { kind: "cpu", fusedMultiplyAdd: relaxed, blas: blas?.name ?? "off" } as const;
  // without a BLAS results do not depend on the number of threads
  if (!blas) return settings;
  const { caller, processor } = blas;
  const byProcessor = processor === undefined ? {} : { processor };
  return { ...settings, blasCaller: caller, threads: caller === "host" ? wanted : threads, ...byProcessor };
}
