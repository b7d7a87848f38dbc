/**
 * Copies of tensors on any device, and reading with little memory.
 *
 * @module
 */

import { elementBytes, type Tensor } from "../tensor/tensor.ts";
import type { Device, Staged } from "./device.ts";

/**
 * Copies tensors as everything submitted so far leaves them; undefined where there is no memory for copies. On a device that does
 * its work at once, they are read at once.
 */
export async function stageTensors(device: Device, tensors: readonly Tensor[]): Promise<Staged | undefined> {
  if (device.stage) return await device.stage(tensors);
  const arrays = await device.read(tensors);
  return { bytes: 0, read: () => Promise.resolve(arrays), destroy: () => {} };
}

/** Bytes that are read at once where memory is short. */
const PIECE = 32 << 20;

/**
 * Reads tensors piece after piece, which takes less memory and more time than all at once.
 *
 * @param options `piece`: bytes of a piece, a multiple of 4. Default: 32 MiB.
 */
export async function readInPieces(
  device: Device,
  tensors: readonly Tensor[],
  { piece = PIECE }: { piece?: number } = {},
): Promise<ArrayBuffer[]> {
  const results: ArrayBuffer[] = [];
  for (const tensor of tensors) {
    const whole = new Uint8Array(4 * tensor.size);
    for (let at = 0; at < whole.length; at += piece) {
      const size = Math.min(piece, whole.length - at) / 4;
      const [bytes] = await device.read([partOf(tensor, { first: at / 4, size })]);
      whole.set(new Uint8Array(bytes!), at);
    }
    results.push(whole.buffer);
  }
  return results;
}

function partOf(tensor: Tensor, { first, size }: { first: number; size: number }): Tensor {
  const { storage } = tensor;
  if (!storage) throw new TypeError(`Tensor ${tensor.name} has no storage`);
  const offset = storage.offset + first * elementBytes(tensor.dtype);
  return { ...tensor, shape: [size], size, storage: { ...storage, offset } };
}
