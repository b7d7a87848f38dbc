/**
 * Where the time of a run goes.
 *
 * @module
 */

import type { TimeRecord, TrainingState } from "./events.ts";
import type { Budget } from "./schedule.ts";

/** Seconds, added up. */
export interface TimeSum {
  /** Adds some. */
  add(seconds: number): void;
  /** Seconds so far. */
  seconds(): number;
}

function timeSum(before = 0): TimeSum {
  let sum = before;
  return {
    add: (seconds) => {
      sum += seconds;
    },
    seconds: () => sum,
  };
}

/** The clocks of a run. */
export interface RunClock {
  /** Steps, from when the device has them to when it is done. */
  readonly training: TimeSum;
  /** Validation and samples. */
  readonly validation: TimeSum;
  /** Checkpoints, as far as training waits for them. */
  readonly saving: TimeSum;
  /** Seconds on the wall that are behind, those before a run was resumed included; of a budget in minutes, that much of it. */
  elapsed(): number;
  /** Seconds that the end of the run will take: a last validation and checkpoint. */
  reserve(seconds: number): void;
  /** Where the time went since the clock was made. */
  record(): TimeRecord;
}

/** Clocks for a budget, going on from where a run was left. */
export function runClock(budget: Budget, from: Pick<TrainingState, "seconds" | "elapsed"> | undefined): RunClock {
  const before = { seconds: from?.seconds ?? 0, elapsed: from?.elapsed ?? from?.seconds ?? 0 };
  const [training, validation, saving] = [timeSum(before.seconds), timeSum(), timeSum()];
  const start = performance.now();
  const wall = () => before.elapsed + (performance.now() - start) / 1000;
  let reserved = 0;
  return {
    training,
    validation,
    saving,
    elapsed: () => {
      if (!("minutes" in budget)) return wall();
      const whole = 60 * budget.minutes;
      // as if the end took no time: the budget is used up when only the end is left
      return wall() * whole / Math.max(whole / 2, whole - reserved);
    },
    reserve: (seconds) => {
      reserved = seconds;
    },
    record: () => ({
      kind: "time",
      elapsed: wall() - before.elapsed,
      training: training.seconds() - before.seconds,
      validation: validation.seconds(),
      saving: saving.seconds(),
    }),
  };
}
