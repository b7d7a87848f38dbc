/**
 * What came of a run.
 *
 * @module
 */

import type { Reporter } from "./reporter.ts";

/** Tells whether a run has learned. */
export interface Outcome extends Reporter {
  /** Why nothing was learned; undefined if something was. */
  problem(): string | undefined;
}

/** Watches the losses of a run. */
export function watchOutcome(): Outcome {
  let loss = NaN;
  let hasLearned = false;
  return {
    event(event) {
      if (event.kind !== "train" && event.kind !== "validation") return;
      loss = event.loss;
      hasLearned ||= event.kind === "train" && loss > 0;
    },
    problem() {
      if (!hasLearned) return "the loss of every step is 0, for nothing was masked";
      return loss === 0 || !Number.isFinite(loss) ? `the loss is ${loss}` : undefined;
    },
  };
}
