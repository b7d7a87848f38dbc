/**
 * Opening a WebGPU device: which adapter, and what it is asked for.
 *
 * @module
 */

import type { Device } from "../device.ts";
import type { Precision } from "../../tensor/tensor.ts";
import type { TraceLog } from "../trace.ts";
import type { AttentionTable, AttentionVariant, MatmulVariant, ProductTable, Tile } from "./choices.ts";
import { opened } from "./gpu_watch.ts";
import { kernelSources } from "./kernel_sources.ts";
import { requiredLimits } from "./limits.ts";
import type { AdapterPrint, TuneOptions } from "./tuner.ts";
import { WebGpuDevice } from "./webgpu_device.ts";

/** What `openWebGpuDevice` takes. */
export interface WebGpuOptions {
  /**
   * What training stores activations in, and the weights that kernels read; sums and the weights that are updated are f32.
   *
   * @default {"f32"}
   */
  precision?: Precision | undefined;
  /** How matrix products are computed; by default tiled on hardware and direct on a software adapter. */
  matmul?: MatmulVariant;
  /** The tile of all tiled products; by default one that suits the shape. */
  tile?: Tile;
  /** Choices for matrix products of certain shapes, in place of the usual ones. */
  products?: ProductTable;
  /** How attention is computed; by default by length on hardware, and by rows on a software adapter. */
  attention?: AttentionVariant;
  /** Blocks that attention is computed in, in place of the usual ones. */
  attentionBlocks?: AttentionTable;
  /** Most memory of a workgroup that is asked for, where the kernels do not need more; by default as much as is of use. */
  workgroupBytes?: number;
  /** Measure the time of every kernel by timestamp queries; each call is then a compute pass of its own. */
  profile?: boolean;
  /** Note when every kernel ran, which takes a profile. */
  trace?: TraceLog | undefined;
  /**
   * Choose between the ways to compute a product by time, where {@linkcode Device.tune} is asked to. On adapters that are
   * software only if that is said too. Default: the table and the rule alone.
   */
  tune?: TuneOptions | undefined;
}

/** There is no adapter; the message says what to install. */
export class NoAdapterError extends Error {
  /** Name of the class. */
  override name = "NoAdapterError";
}

/**
 * Opens the adapter that `navigator.gpu` prefers for high performance, with all the memory that it allows.
 *
 * @throws {NoAdapterError} where there is none.
 * @throws {DeviceError} where the driver does not answer.
 * @throws {RangeError} if a profile is asked for and the adapter has no timestamp queries, or f16 and its shaders have none, or
 * if a kernel needs more of something than the adapter has.
 */
export async function openWebGpuDevice(options: WebGpuOptions = {}): Promise<Device> {
  const { precision = "f32", products = {}, tile, attentionBlocks, workgroupBytes, trace, tune } = options;
  const profile = options.profile || trace !== undefined;
  const adapter = await findAdapter();
  if (!adapter) throw new NoAdapterError(`Cannot find a WebGPU adapter: ${driverAdvice()}`);
  if (profile && !adapter.features.has("timestamp-query")) {
    throw new RangeError("Cannot measure the kernels' times: this adapter has no timestamp queries");
  }
  const description = adapter.info.description || adapter.info.vendor || "unnamed adapter";
  if (precision === "f16" && !adapter.features.has("shader-f16")) {
    throw new RangeError(
      `Cannot train in f16 on ${description}: its shaders have no f16 (shader-f16); precision f32 would do`,
    );
  }
  const software = isSoftware(adapter);
  const matmul = options.matmul ?? (software ? "direct" : "tiled");
  const attention = options.attention ?? (software ? "rows" : "by length");
  const isTuned = tune !== undefined && (!software || tune.software === true);
  const isTimed = profile || (isTuned && tune.timestamps !== false && adapter.features.has("timestamp-query"));
  const gpu = await opened(adapter.requestDevice({
    requiredFeatures: [
      ...(isTimed ? ["timestamp-query"] as const : []),
      ...(precision === "f16" ? ["shader-f16"] as const : []),
    ],
    requiredLimits: requiredLimits(adapter.limits, kernelSources, { workgroupBytes }),
  }));
  return new WebGpuDevice(gpu, {
    description,
    software,
    precision,
    matmul,
    tile,
    products,
    attention,
    attentionBlocks,
    sources: kernelSources,
    profile,
    trace,
    tune: isTuned ? { ...tune, adapter: adapterPrint(adapter) } : undefined,
  });
}

/** What an adapter is and has, as far as the kernels may care. */
export interface AdapterFacts extends AdapterPrint {
  /** Whether the CPU does its work. */
  readonly software: boolean;
  /** Of the features that the package uses or may come to use, those that it has. */
  readonly features: readonly string[];
  /** Limits that decide what fits. */
  readonly limits: Readonly<Record<typeof factLimits[number], number>>;
}

const factFeatures = ["timestamp-query", "shader-f16", "subgroups"] as const;
const factLimits = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxStorageBuffersPerShaderStage",
] as const;

/** What the adapter that would be opened is and has; undefined where there is none. */
export async function adapterFacts(): Promise<AdapterFacts | undefined> {
  const adapter = await findAdapter();
  if (!adapter) return undefined;
  const limits = Object.fromEntries(factLimits.map((name) => [name, adapter.limits[name]])) as AdapterFacts["limits"];
  const features = factFeatures.filter((name) => adapter.features.has(name));
  return { ...adapterPrint(adapter), software: isSoftware(adapter), features, limits };
}

/** What an adapter is known by, and the kernels of products as they are. */
export function adapterPrint({ info: { vendor, architecture, device, description } }: GPUAdapter): AdapterPrint {
  const products = Object.entries(kernelSources).filter(([name]) => name.startsWith("matmul"));
  const text = products.map(([, { source }]) => source).join();
  // FNV-1a of 32 bits
  const hash = [...text].reduce((hash, letter) => Math.imul(hash ^ letter.codePointAt(0)!, 0x01000193), 0x811c9dc5);
  const kernels = (hash >>> 0).toString(16).padStart(8, "0");
  return { vendor, architecture, device, description, kernels };
}

/** The adapter that would be opened. */
export async function findAdapter(): Promise<GPUAdapter | undefined> {
  const asked = globalThis.navigator?.gpu?.requestAdapter({ powerPreference: "high-performance" });
  return asked && await opened(asked) || undefined;
}

/** Whether the CPU does the adapter's work. */
export function isSoftware(adapter: GPUAdapter): boolean {
  // older typings have it on the adapter, the standard on its info
  return Boolean((adapter.info as GPUAdapterInfo & { isFallbackAdapter?: boolean }).isFallbackAdapter);
}

function driverAdvice(): string {
  const system = (globalThis as { Deno?: { build: { os: string } } }).Deno?.build.os ?? "browser";
  switch (system) {
    case "linux":
      return "install a Vulkan driver (on Debian and Ubuntu: apt-get install mesa-vulkan-drivers libvulkan1)";
    case "windows":
      return "install your graphics card's current driver (it brings Direct3D 12 and Vulkan)";
    case "darwin":
      return "WebGPU needs Metal, which macOS 11 or later has";
    default:
      return "turn WebGPU on, or use a browser that has it";
  }
}
