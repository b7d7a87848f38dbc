/**
 * The devices that are open: one of each choice, as long as a model lies on it.
 *
 * @module
 */

import { type DeviceChoice, openDevice } from "../mod.ts";
import { type CountedDevice, countedDevice } from "./counted_device.ts";

/** An open device, with what a visitor should know of it. */
export interface TabDevice extends CountedDevice {
  /** For people: what it is and why it was taken. */
  readonly reason: string;
  /** What is slow about it, where something is. */
  readonly notice: string | undefined;
}

/** Open devices. */
export interface TabDevices {
  /**
   * The device of a choice, opened where it is not yet.
   *
   * @throws {Error} if there is none.
   */
  get(choice: DeviceChoice): Promise<TabDevice>;
  /** Closes all but one. */
  closeOthers(used: TabDevice | undefined): void;
  /** Bytes that all of them hold. */
  bytes(): number;
}

const SLOW = "This browser's WebGPU is software: WebAssembly is several times faster here.";

/** No device is open yet. */
export function tabDevices(): TabDevices {
  const open = new Map<DeviceChoice, TabDevice>();
  return {
    async get(choice) {
      const found = open.get(choice);
      if (found) return found;
      // the worker itself is the one thread: others would need headers that a plain server does not send
      const { device, reason } = await openDevice(choice, { threads: 1 });
      const made = { ...countedDevice(device), reason, notice: device.software ? SLOW : undefined };
      open.set(choice, made);
      return made;
    },
    closeOthers(used) {
      for (const [choice, tabDevice] of open) {
        if (tabDevice === used) continue;
        tabDevice.device.destroy();
        open.delete(choice);
      }
    },
    bytes: () => open.values().reduce((sum, tabDevice) => sum + tabDevice.bytes(), 0),
  };
}
