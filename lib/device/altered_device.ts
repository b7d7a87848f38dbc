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
      // what was assigned, as whileBusy is, stays what it was: to be put back
      return typeof value === "function" && !Object.hasOwn(target, name) ? value.bind(target) : value;
    },
  });
}
