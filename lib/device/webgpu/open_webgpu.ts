/**
 * Opening a WebGPU device: which adapter, and what it is asked for.
 *
 * @module
 */

import type { Device } from "../device.ts";
import type { AttentionTable, AttentionVariant, MatmulVariant, ProductTable, Tile } from "./choices.ts";
import { opened } from "./gpu_watch.ts";
import { kernelSources } from "./kernel_sources.ts";
import { requiredLimits } from "./limits.ts";
import { WebGpuDevice } from "./webgpu_device.ts";

/** What `openWebGpuDevice` takes. */
export interface WebGpuOptions {
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
 * @throws {RangeError} if a profile is asked for and the adapter has no timestamp queries, or if a kernel needs more of
 * something than the adapter has.
 */
export async function openWebGpuDevice(options: WebGpuOptions = {}): Promise<Device> {
  const { profile = false, products = {}, tile, attentionBlocks, workgroupBytes } = options;
  const adapter = await findAdapter();
  if (!adapter) throw new NoAdapterError(`Cannot find a WebGPU adapter: ${driverAdvice()}`);
  if (profile && !adapter.features.has("timestamp-query")) {
    throw new RangeError("Cannot measure the kernels' times: this adapter has no timestamp queries");
  }
  const software = isSoftware(adapter);
  const matmul = options.matmul ?? (software ? "direct" : "tiled");
  const attention = options.attention ?? (software ? "rows" : "by length");
  const gpu = await opened(adapter.requestDevice({
    requiredFeatures: profile ? ["timestamp-query"] : [],
    requiredLimits: requiredLimits(adapter.limits, kernelSources, { workgroupBytes }),
  }));
  const description = adapter.info.description || adapter.info.vendor || "unnamed adapter";
  const choices = { matmul, tile, products, attention, attentionBlocks };
  return new WebGpuDevice(gpu, { description, software, ...choices, sources: kernelSources, profile });
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
