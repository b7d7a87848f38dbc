/**
 * What a run takes of its device's memory, planned as it will be and without taking any.
 *
 * @module
 */

import type { Device } from "../device/device.ts";
import type { ModelConfig } from "../model/config.ts";
import { trainingMemory } from "../model/memory.ts";
import { parameterCount } from "../model/parameters.ts";
import type { TrainingSettings } from "../train/settings.ts";
import { stageShape } from "../train/step_queue.ts";

export { stageShape };

/** Bytes on a device. */
export interface PlannedMemory {
  /** Weights, gradients and moments. */
  readonly parameters: number;
  /** What comes into being in a step, in the stage that takes most. */
  readonly batch: number;
  /** Copies of weights and moments while a checkpoint is written, where training goes on meanwhile; the host reads them. */
  readonly copies?: number | undefined;
}

/** Weights and two moments. */
const COPIED = 3;

/** Plans the steps of every stage. */
export async function plannedMemory(
  { device, config, settings }: {
    readonly device: Device;
    readonly config: ModelConfig;
    readonly settings: Omit<TrainingSettings, "budget">;
  },
): Promise<PlannedMemory> {
  const { optimizer, recompute: recomputes = false } = settings;
  let [parameters, batch] = [0, 0];
  for (const index of settings.curriculum.keys()) {
    const shape = stageShape(settings, index);
    const planned = await trainingMemory(device, config, { shape, optimizer, recomputes });
    parameters = Math.max(parameters, planned.parameters);
    batch = Math.max(batch, planned.batch);
  }
  return { parameters, batch, ...(device.stage ? { copies: 4 * COPIED * parameterCount(config) } : {}) };
}
