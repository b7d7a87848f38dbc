/**
 * Choosing a device.
 *
 * @module
 */

import { openCpuDevice } from "./cpu/open_cpu.ts";
import type { Precision } from "../tensor/tensor.ts";
import type { Device } from "./device.ts";
import type { TraceLog } from "./trace.ts";
import { tracedDevice } from "./traced_device.ts";
import type { ProductTable } from "./webgpu/choices.ts";
import { findAdapter, isSoftware, openWebGpuDevice } from "./webgpu/open_webgpu.ts";
import type { TuneOptions } from "./webgpu/tuner.ts";

/** What may be asked for. */
export const deviceChoices = ["auto", "webgpu", "cpu"] as const;
/** What may be asked for: a kind of device, or the best there is. */
export type DeviceChoice = typeof deviceChoices[number];

/** A device and why it was taken. */
export interface OpenedDevice {
  /** The device; the caller destroys it. */
  readonly device: Device;
  /** For people: what it is and why it was taken. */
  readonly reason: string;
  /** What the user should know, such as that the adapter is a slow one. */
  readonly notice: string | undefined;
  /** What it and the host did, if that is noted. */
  readonly trace?: TraceLog | undefined;
}

/** Options of {@linkcode openDevice}. */
export interface OpenDeviceOptions {
  /** Threads of the CPU device. Default: the machine's cores. */
  threads?: number | undefined;
  /**
   * System BLAS of the CPU device: a path, "auto" or "off".
   *
   * @default {"off"}
   */
  blas?: string | undefined;
  /** Who calls the BLAS. Default: every thread, where the library may be called so. */
  blasCaller?: "threads" | "host" | undefined;
  /**
   * Measure the time of every kernel: {@linkcode Device.takeProfile}.
   *
   * @default {false}
   */
  profile?: boolean | undefined;
  /**
   * What training stores activations in, and the weights that kernels read: "f16" takes half the memory and traffic, and a
   * WebGPU device whose shaders have it.
   *
   * @default {"f32"}
   */
  precision?: Precision | undefined;
  /** Choices for matrix products of a WebGPU device: those of a run that goes on. Default: none. */
  products?: ProductTable | undefined;
  /** How a WebGPU device chooses by time where training asks it to. Default: it does not. */
  tune?: TuneOptions | undefined;
  /** Note when device and host did what, which takes the time of every kernel. Default: nothing is noted. */
  trace?: TraceLog | undefined;
}

/**
 * Opens the device of a choice. "auto" takes a hardware WebGPU adapter if there is one, otherwise the CPU; a software
 * adapter is far slower than the CPU device and is taken only when asked for by "webgpu".
 *
 * @throws {NoAdapterError} if "webgpu" is asked for and there is no adapter.
 * @throws {RangeError} if the device does not have the precision.
 */
export async function openDevice(
  choice: DeviceChoice = "auto",
  options: OpenDeviceOptions = {},
): Promise<OpenedDevice> {
  const { threads, blas = "off", blasCaller, profile = false, precision = "f32", products = {}, tune, trace } = options;
  const openGpu = () => openWebGpuDevice({ profile, precision, products, tune, trace });
  const opened = (device: Device, why = "", notice?: string): OpenedDevice => {
    const stored = device.precision === "f16" ? ", activations in f16" : "";
    const name = device.kind === "webgpu" ? `WebGPU on ${device.description}${stored}` : device.description;
    return {
      device: trace ? tracedDevice(device, trace) : device,
      reason: why ? `${name}; ${why}` : name,
      notice,
      trace,
    };
  };
  if (choice === "webgpu") {
    const device = await openGpu();
    const slow = "this adapter is software: the CPU does a GPU's work; --device cpu is several times faster";
    return opened(device, "", device.software ? slow : undefined);
  }
  const adapter = choice === "auto" ? await findAdapter() : undefined;
  if (adapter && !isSoftware(adapter)) {
    return opened(await openGpu(), "a graphics card was found");
  }
  if (precision === "f16") {
    const why = choice === "auto" ? ", and no graphics card was found" : "";
    throw new RangeError(
      `Cannot train in f16 on the CPU, which computes in f32 alone${why}: precision f32 would do`,
    );
  }
  const cpu = await openCpuDevice({ threads, blas, blasCaller, profile, trace });
  return opened(cpu, choice === "auto" ? "no graphics card was found" : "");
}
