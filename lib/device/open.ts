/**
 * Choosing a device.
 *
 * @module
 */

import type { Device } from "./device.ts";
import { openWebGpuDevice } from "./webgpu.ts";

/** What may be asked for. */
export const deviceChoices = ["auto", "webgpu"] as const;
/** What may be asked for: a kind of device, or the best there is. */
export type DeviceChoice = typeof deviceChoices[number];

/** A device and why it was taken. */
export interface OpenedDevice {
  /** The device; the caller destroys it. */
  readonly device: Device;
  /** For people, such as "WebGPU on NVIDIA H200". */
  readonly reason: string;
  /** What the user should know, such as that the adapter is a slow one. */
  readonly notice: string | undefined;
}

/**
 * Opens the device of a choice: "auto" takes the WebGPU adapter that there is, and says so if it is only software.
 *
 * @throws {NoAdapterError} where there is none.
 */
export async function openDevice(choice: DeviceChoice = "auto"): Promise<OpenedDevice> {
  const device = await openWebGpuDevice();
  const reason = `WebGPU on ${device.description}${choice === "auto" ? " (chosen automatically)" : ""}`;
  const notice = device.software
    ? "this adapter is software: the CPU does a GPU's work, which is slow; a GPU with its driver would be far quicker"
    : undefined;
  return { device, reason, notice };
}
