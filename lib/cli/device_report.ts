/**
 * What a device is, how fast it is, and what that means for training.
 *
 * @module
 */

import { type DeviceChoice, openDevice, type OpenDeviceOptions } from "../device/open_device.ts";
import { type AdapterFacts, adapterFacts } from "../device/webgpu/open_webgpu.ts";
import { type DeviceSpeed, measureDevice } from "../speed/measure_device.ts";
import { estimateSizes, type StepEstimate } from "../speed/step_estimate.ts";
import { grouped, shortCount } from "./figures.ts";
import { fittedTable } from "./fitted_table.ts";

/** A device that was looked at. */
export interface DeviceReport {
  /** Kind of device. */
  readonly kind: "webgpu" | "cpu";
  /** For people: what it is. */
  readonly description: string;
  /** The adapter, where it is one. */
  readonly adapter: AdapterFacts | undefined;
  /** Largest tensor in bytes. */
  readonly maxTensorBytes: number;
  /** As measured. */
  readonly speed: DeviceSpeed;
  /** Training steps of all sizes, as estimated. */
  readonly estimates: readonly StepEstimate[];
  /** What the user should know of it. */
  readonly notice: string | undefined;
}

/**
 * Opens a device and measures it.
 *
 * @throws {NoAdapterError} that says what to install, if an adapter is asked for and there is none.
 */
export async function deviceReport(choice: DeviceChoice, options: OpenDeviceOptions = {}): Promise<DeviceReport> {
  const { device, notice } = await openDevice(choice, options);
  try {
    const speed = await measureDevice(device);
    const { kind, description, maxTensorBytes } = device;
    return {
      kind,
      description,
      adapter: kind === "webgpu" ? await adapterFacts() : undefined,
      maxTensorBytes,
      speed,
      estimates: await estimateSizes(device, speed),
      notice,
    };
  } finally {
    device.destroy();
  }
}

/** A size in bytes with its unit. */
function bytes(count: number): string {
  if (count >= 2 ** 30) return `${(count / 2 ** 30).toFixed(1)} GiB`;
  return count >= 2 ** 20 ? `${grouped(count / 2 ** 20)} MiB` : `${grouped(count / 1024)} KiB`;
}

/** A rate of thousands of millions a second, to three digits. */
const billions = (rate: number) => {
  const value = rate / 1e9;
  return value < 100 ? value.toPrecision(3) : grouped(value);
};

const microseconds = (seconds: number) => {
  const value = 1e6 * seconds;
  return `${value < 10 ? value.toPrecision(2) : grouped(Number(value.toPrecision(2)))} µs`;
};

/** A report for people. */
export function deviceLines(report: DeviceReport, width = Infinity): string[] {
  const { kind, description, adapter, speed, estimates, notice } = report;
  const submitted = speed.submit > 0 ? `; ${microseconds(speed.submit)} of JavaScript and driver for each` : "";
  const rows: [string, string][] = [
    [kind === "webgpu" ? "adapter" : "device", description],
    ...(adapter ? adapterRows(adapter) : []),
    ...(notice ? [["note", notice] as [string, string]] : []),
    ["memory", `${billions(speed.bandwidth)} GB/s, adding one tensor to another`],
    ["products", `${billions(speed.products)} GFLOP/s, a large matrix product`],
    ["attention", `${billions(speed.attention)} GFLOP/s, forward and backward`],
    ["calls", `${microseconds(speed.call)} for one that waits for the one before${submitted}`],
  ];
  return [...rows.map(([name, value]) => `${name.padEnd(11)} ${value}`), "", ...estimateLines(estimates, width)];
}

function adapterRows({ vendor, architecture, device, features, limits }: AdapterFacts): [string, string][] {
  const numbers = [`vendor ${vendor || "unknown"}`, `device ${device || "unknown"}`, architecture].filter(Boolean);
  return [
    ["hardware", numbers.join(", ")],
    ["features", features.join(", ") || "none of those that the kernels may use"],
    [
      "limits",
      `${bytes(limits.maxBufferSize)} a buffer, ${bytes(limits.maxStorageBufferBindingSize)} a tensor, ` +
      `${bytes(limits.maxComputeWorkgroupStorageSize)} and ${grouped(limits.maxComputeInvocationsPerWorkgroup)} ` +
      `invocations a workgroup, ${limits.maxStorageBuffersPerShaderStage} tensors a kernel`,
    ],
  ];
}

/** Columns that go where there is no room, the least needed first. */
const leaving = ["GB", "GFLOP", "calls", "weights", "MiB"];

function estimateLines(estimates: readonly StepEstimate[], width: number): string[] {
  const heading = ["size", "weights", "length", "calls", "GFLOP", "GB", "MiB", "ms a step", "tokens/s"];
  const rows = estimates.map((
    { size, parameters, length, calls, flop, bytes: moved, memory, seconds, tokensPerSecond },
  ) => [
    size,
    shortCount(parameters),
    String(length),
    String(calls),
    billions(flop),
    billions(moved),
    grouped(memory / 2 ** 20),
    tokensPerSecond === undefined ? "-" : grouped(1000 * seconds),
    tokensPerSecond === undefined ? "-" : grouped(Number(tokensPerSecond.toPrecision(2))),
  ]);
  const tooLarge = estimates.some(({ tokensPerSecond }) => tokensPerSecond === undefined)
    ? ["-: a tensor of the step is larger than this device's tensors may be; smaller batches would fit"]
    : [];
  return [
    `estimates, not measured, of steps of ${
      grouped(estimates[0]?.tokens ?? 0)
    } tokens: each call costs the longer of compute and memory time at the rates above, plus launch time`,
    fittedTable(heading.map((name, i) => [name, rows.map((row) => row[i]!)]), { width, leaving }),
    ...tooLarge,
  ];
}
