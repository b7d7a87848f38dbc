/**
 * Devices that do what another one does, but for a few things.
 *
 * @module
 */

import type { Device } from "./device.ts";

/** A device with some members of its own; whatever else there is, now or later, is that of the device behind it. */
export function alteredDevice(device: Device, changes: Partial<Device>): Device {
  return new Proxy(device, {
    get(target, name) {
      if (Object.hasOwn(changes, name)) return Reflect.get(changes, name);
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
