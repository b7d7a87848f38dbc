import type { Device } from "../lib/device/device.ts";
import type { Tensor } from "../lib/tensor/tensor.ts";
import { openCpuDevice } from "../lib/device/cpu/open_cpu.ts";
import { openWebGpuDevice, type WebGpuOptions } from "../lib/device/webgpu/open_webgpu.ts";
import { Graph } from "../lib/graph/graph.ts";

/** Runs that are submitted before waiting once: a wait costs about 11 ms whatever was done. */
const REPEATS = 10;
const SAMPLES = 5;

// software Vulkan complains on stderr about a machine without a desktop session
if (Deno.build.os === "linux" && !Deno.env.get("XDG_RUNTIME_DIR")) Deno.env.set("XDG_RUNTIME_DIR", "/tmp");

/** Without an adapter there is nothing to measure. */
export const withoutGpu: boolean = await navigator.gpu?.requestAdapter() == null;

/** Work of one run, in floating-point operations or bytes moved. */
export type Work = { flop: number } | { bytes: number };

interface Row {
  group: string;
  name: string;
  milliseconds: number;
  work: Work;
}

const rows: Row[] = [];
let device: Promise<Device> | undefined;
const opened: Device[] = [];

async function open(options: WebGpuOptions): Promise<Device> {
  const device = await openWebGpuDevice(options);
  opened.push(device);
  return device;
}

/** The device that the benchmarks share. */
export function benchDevice(): Promise<Device> {
  return device ??= open({});
}

const byBlas = new Map<string, Promise<Device>>();

/** The CPU device on all cores, with a system BLAS ("auto") or without ("off"). */
export function cpuDevice(blas: "auto" | "off"): Promise<Device> {
  let device = byBlas.get(blas);
  if (!device) {
    device = openCpuDevice({ blas });
    byBlas.set(blas, device);
    device.then((cpu) => opened.push(cpu));
  }
  return device;
}

const byVariant = new Map<string, Promise<Device>>();

/** A device with the given kind of matrix product. */
export function variantDevice(matmul: "tiled" | "direct"): Promise<Device> {
  let variant = byVariant.get(matmul);
  if (!variant) byVariant.set(matmul, variant = open({ matmul }));
  return variant;
}

/** A benchmark of one recorded operation; the time of an iteration is that of ten runs and one wait. */
export function benchKernel(
  { group, name, work, record, on = benchDevice }: {
    group: string;
    name: string;
    work: Work;
    /** Records the operation; inputs are made by `input`, uninitialised but finite. */
    record: (graph: Graph, input: (name: string, shape: number[], dtype?: "f32" | "u32") => Tensor) => void;
    on?: () => Promise<Device>;
  },
): void {
  let prepared: Promise<{ run: () => void; wait: () => Promise<unknown> }> | undefined;
  const prepare = async () => {
    const device = await on();
    const graph = new Graph();
    const probe = graph.persistent("probe", [4]);
    record(graph, (name, shape, dtype) => graph.persistent(name, shape, dtype));
    const program = await graph.compile(device);
    return { run: () => program.run(), wait: () => device.read([probe]) };
  };
  const times: number[] = [];
  Deno.bench({
    name,
    group,
    ignore: withoutGpu,
    n: SAMPLES,
    warmup: 1,
    async fn(b) {
      const { run, wait } = await (prepared ??= prepare());
      run();
      await wait();
      b.start();
      const start = performance.now();
      for (let i = 0; i < REPEATS; i++) run();
      await wait();
      times.push((performance.now() - start) / REPEATS);
      b.end();
    },
  });
  globalThis.addEventListener("unload", () => {
    if (times.length > 0) rows.push({ group, name, milliseconds: median(times), work });
  });
}

/** A median. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

/** Prints the rates when all benchmarks are done. */
export function reportAtEnd(): void {
  globalThis.addEventListener("unload", () => {
    if (rows.length > 0) console.log("\nmedian of one run:");
    for (const { group, name, milliseconds, work } of rows) {
      const [amount, unit] = "flop" in work ? [work.flop, "GFLOP/s"] : [work.bytes, "GB/s"];
      const rate = (amount / milliseconds / 1e6).toFixed(2);
      console.log(
        `${group.padEnd(18)} ${name.padEnd(44)} ${milliseconds.toFixed(3).padStart(9)} ms ${rate.padStart(9)} ${unit}`,
      );
    }
    for (const device of opened) device.destroy();
  });
}
