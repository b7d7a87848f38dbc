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

/** What is told of a step's batches. */
export interface SubmitOptions {
  readonly settings: Pick<TrainingSettings, "seed" | "optimizer">;
  /** Labels of the whole step, however they are spread over its batches. */
  readonly labels: readonly [masked: number, pairs: number];
  /** Number of the first batch in the step. */
  readonly first: number;
  /** Whether the update follows. Default: false. */
  readonly updates?: boolean;
}

/** Adds up the gradients of a step's batches. */
export function submitBatches(
  model: Model,
  program: TrainingProgram,
  step: Pick<PreparedStep, "batches" | "plan" | "before">,
  options: SubmitOptions,
): void {
  for (const i of step.batches.keys()) {
    writeBatch(model, program, step, { ...options, i });
    if (options.updates && i === step.batches.length - 1) {
      program.program.run("gradients", updateSection(options.settings.optimizer, step.before.step));
    } else program.program.run("gradients");
  }
}

/** Writes the `i`-th batch of a step that this process has, and what goes with it. */
export function writeBatch(
  model: Model,
  program: TrainingProgram,
  { batches, plan: { learningRate }, before }: Pick<PreparedStep, "batches" | "plan" | "before">,
  { settings: { seed, optimizer }, labels, first, i }: SubmitOptions & { readonly i: number },
): void {
  // a mean over all labels
  const [lossScale, pairScale] = labels.map((count) => count === 0 ? 0 : 1 / count) as [number, number];
  model.writeStep({ seed, step: before.step, microStep: first + i, lossScale, pairScale, learningRate, optimizer });
  program.write(batches[i]!);
}
