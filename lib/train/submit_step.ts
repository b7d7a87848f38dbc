/**
 * A prepared step on its way to the device.
 *
 * @module
 */

import type { Batch } from "../batch/batch.ts";
import type { Model, TrainingProgram } from "../model/model.ts";
import { updateSection } from "../optimizer/muon.ts";
import type { TrainingSettings } from "./settings.ts";
import type { PreparedStep } from "./step_queue.ts";

/** Masked tokens and pairs of texts that batches have to be told of. */
export function labelsOf(batches: readonly Batch[]): [masked: number, pairs: number] {
  return [
    batches.reduce((sum, { labels }) => sum + labels.length, 0),
    batches.reduce((sum, { pairClasses }) => sum + (pairClasses?.length ?? 0), 0),
  ];
}

/** Everything of a step in one or, with accumulation, a few submissions; nothing is awaited. */
export function submitStep(
  model: Model,
  program: TrainingProgram,
  step: PreparedStep,
  settings: Pick<TrainingSettings, "seed" | "optimizer">,
): void {
  submitBatches(model, program, step, { settings, labels: labelsOf(step.batches), first: 0, updates: true });
}

/**
 * Adds up the gradients of a step's batches.
 *
 * @param options `labels`: those of the whole step, however they are spread over its batches; `first`: number of the first batch in
 * the step; `updates`: whether the update follows.
 */
export function submitBatches(
  model: Model,
  program: TrainingProgram,
  step: Pick<PreparedStep, "batches" | "plan" | "before">,
  { settings: { seed, optimizer }, labels, first, updates = false }: {
    settings: Pick<TrainingSettings, "seed" | "optimizer">;
    labels: readonly [masked: number, pairs: number];
    first: number;
    updates?: boolean;
  },
): void {
  const { learningRate } = step.plan;
  // a mean over all labels
  const [lossScale, pairScale] = labels.map((count) => count === 0 ? 0 : 1 / count) as [number, number];
  for (const [i, batch] of step.batches.entries()) {
    const microStep = first + i;
    model.writeStep({ seed, step: step.before.step, microStep, lossScale, pairScale, learningRate, optimizer });
    program.write(batch);
    if (updates && i === step.batches.length - 1) {
      program.program.run("gradients", updateSection(optimizer, step.before.step));
    } else program.program.run("gradients");
  }
}
