/**
 * A device whose memory is counted: what was taken and not given back.
 *
 * @module
 */

import type { Device, Program } from "../kernels.ts";

/** A device and the bytes that it holds by now. */
export interface CountedDevice {
  /** The device. */
  readonly device: Device;
  /** Bytes of buffers and programs that were not destroyed. */
  bytes(): number;
}

/** Counts a device's memory. */
export function countedDevice(inner: Device): CountedDevice {
  let held = 0;
  /** The same thing, whose bytes are held until it is destroyed. */
  const counted = <Owned extends { readonly bytes: number; destroy(): void }>(owned: Owned): Owned => {
    held += owned.bytes;
    let isHeld = true;
    const destroy = owned.destroy.bind(owned);
    owned.destroy = () => {
      if (isHeld) held -= owned.bytes;
      isHeld = false;
      destroy();
    };
    return owned;
  };
  const device: Device = {
    kind: inner.kind,
    description: inner.description,
    settings: inner.settings,
    software: inner.software,
    maxTensorBytes: inner.maxTensorBytes,
    maxBufferBytes: inner.maxBufferBytes,
    memoryBytes: inner.memoryBytes,
    allocate: (bytes, label) => counted(inner.allocate(bytes, label)),
    write: (tensor, data, offset) => inner.write(tensor, data, offset),
    read: (tensors) => inner.read(tensors),
    lower: (call) => inner.lower(call),
    build: async (recording): Promise<Program> => counted(await inner.build(recording)),
    takeProfile: () => inner.takeProfile(),
    destroy: () => inner.destroy(),
  };
  return { device, bytes: () => held };
}
