/**
 * A run's choices, made before its first step.
 *
 * @module
 */

import type { Device } from "../device/device.ts";
import type { ModelConfig } from "../model/config.ts";
import { recordedStep } from "../model/recorded_step.ts";
import type { TrainingSettings } from "./settings.ts";
import { stageShape } from "./step_queue.ts";

/**
 * Has a device that chooses by time choose for the steps of all stages at once: choices that came later would not be known to who
 * resumes the run. What was chosen before stays.
 */
export async function tuneStages(device: Device, config: ModelConfig, settings: TrainingSettings): Promise<void> {
  if (!device.tune) return;
  const { curriculum, optimizer, recompute: recomputes = false } = settings;
  const operations = [];
  for (const stage of curriculum.keys()) {
    const shape = stageShape(settings, stage);
    operations.push(...(await recordedStep(device, config, { shape, optimizer, recomputes })).operations);
  }
  await device.tune(operations);
}
