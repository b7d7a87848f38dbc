/**
 * Dynamic loss scaling (Micikevicius et al., "Mixed precision training", 2018): gradients that are stored in f16 are computed of a
 * loss that is multiplied by a power of two, as large as they can bear, so that small ones do not vanish.
 *
 * @module
 */

import { allocateTensor, type Device } from "../device/device.ts";
import type { Storage, Tensor } from "../tensor/tensor.ts";

/** The factor of the loss, and how long it has been borne: plain data, a part of a checkpoint. */
export interface LossScale {
  /** The factor, a power of two. */
  readonly factor: number;
  /** Steps since it was changed, or since a gradient overflowed. */
  readonly goodSteps: number;
}

/** The scale that training begins with. */
export const FIRST_LOSS_SCALE: LossScale = { factor: 2 ** 16, goodSteps: 0 };

/** Steps without overflow after which the factor is doubled. */
export const GROWTH_STEPS = 2000;

/** The highest factor: with it the sum of the gradients' squares still fits into f32. */
export const HIGHEST_SCALE: number = 2 ** 24;

/**
 * The scale after a step, as kernels/record_step.wgsl has it. A loss that is not finite is no question of its scale and
 * changes nothing.
 */
export function nextLossScale(
  { factor, goodSteps }: LossScale,
  { loss, gradientNorm }: { loss: number; gradientNorm: number },
): LossScale {
  if (!Number.isFinite(loss)) return { factor, goodSteps };
  if (!Number.isFinite(gradientNorm)) return { factor: Math.max(1, factor / 2), goodSteps: 0 };
  if (goodSteps + 1 >= GROWTH_STEPS) return { factor: Math.min(2 * factor, HIGHEST_SCALE), goodSteps: 0 };
  return { factor, goodSteps: goodSteps + 1 };
}

/**
 * Whether a step was skipped only because its scale was too high: the next ones have a lower one, and weights that are as
 * good as before.
 */
export function isOverflow(
  { factor }: LossScale,
  { loss, gradientNorm }: { loss: number; gradientNorm: number },
): boolean {
  return factor > 1 && Number.isFinite(loss) && !Number.isFinite(gradientNorm);
}

/** Room for the scale on a device, which changes it from step to step: f32 [4]. */
export function allocateLossScale(device: Device): Tensor & { storage: Storage } {
  const tensor = allocateTensor(device, "loss scale", { shape: [4] });
  writeLossScale(device, tensor, FIRST_LOSS_SCALE);
  return tensor;
}

/** Replaces the scale on a device. */
export function writeLossScale(device: Device, tensor: Tensor, { factor, goodSteps }: LossScale): void {
  device.write(tensor, Float32Array.of(factor, goodSteps, 0, 0));
}
