/**
 * A prepared step on its way to the device.
 *
 * @module
 */

import type { Model, TrainingProgram } from "../model/model.ts";
import type { TrainingSettings } from "./settings.ts";
import type { PreparedStep } from "./step_queue.ts";

/** Everything of a step in one or, with accumulation, a few submissions; nothing is awaited. */
export function submitStep(
  model: Model,
  program: TrainingProgram,
  step: PreparedStep,
  settings: Pick<TrainingSettings, "seed" | "optimizer">,
): void {
  const masked = step.batches.reduce((sum, batch) => sum + batch.labels.length, 0);
  const pairs = step.batches.reduce((sum, { pairClasses }) => sum + (pairClasses?.length ?? 0), 0);
  const { seed, optimizer } = settings;
  const { learningRate } = step.plan;
  for (const [microStep, batch] of step.batches.entries()) {
    // a mean over the labels of the whole step, however they are spread over its batches
    const [lossScale, pairScale] = [masked, pairs].map((count) => count === 0 ? 0 : 1 / count) as [number, number];
    model.writeStep({ seed, step: step.before.step, microStep, lossScale, pairScale, learningRate, optimizer });
    program.write(batch);
    if (microStep < step.batches.length - 1) program.program.run("gradients");
    else program.program.run("gradients", "update");
  }
}
