/**
 * What training takes of a device's memory, found out without taking any: the step is recorded and planned as ever.
 *
 * @module
 */

import type { Device } from "../device/device.ts";
import { tensorBytes } from "../tensor/tensor.ts";
import type { OptimizerOptions } from "../optimizer/optimizer.ts";
import type { ModelConfig } from "./config.ts";
import { type BatchShape, Model } from "./model.ts";
import { planningDevice } from "./recorded_step.ts";

/** Bytes that a model and its training step take. */
export interface TrainingMemory {
  /** Weights, gradients and moments, and what is written before a step. */
  readonly parameters: number;
  /** The largest piece of these. */
  readonly largestPiece: number;
  /** Everything that comes into being in a step. */
  readonly batch: number;
  /** The largest tensor of it. */
  readonly largestTensor: number;
}

/** Plans a training step of batches of a shape on a device. */
export async function trainingMemory(
  device: Device,
  config: ModelConfig,
  { shape, optimizer, recomputes = false }: { shape: BatchShape; optimizer: OptimizerOptions; recomputes?: boolean },
): Promise<TrainingMemory> {
  let [parameters, largestPiece, batch, largestTensor] = [0, 0, 0, 0];
  const counted = planningDevice(device, {
    allocated(bytes) {
      parameters += bytes;
      largestPiece = Math.max(largestPiece, bytes);
    },
    built({ arenas, arenaOf }) {
      batch = arenas.reduce((sum, bytes) => sum + bytes, 0);
      largestTensor = arenaOf.keys().reduce((most, tensor) => Math.max(most, tensorBytes(tensor)), 0);
    },
  });
  await new Model(counted, config).compileTraining(shape, optimizer, { recomputes });
  return { parameters, largestPiece, batch, largestTensor };
}
