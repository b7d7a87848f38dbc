/**
 * Where the time of a run goes.
 *
 * @module
 */

import type { TimeRecord, TrainingState } from "./events.ts";
import type { Budget } from "./schedule.ts";

/** Seconds, with breaks. */
export interface Stopwatch {
  /** Goes on; twice is once. */
  start(): void;
  /** Takes a break; returns the seconds since the latest start. */
  stop(): number;
  /** Seconds so far. */
  seconds(): number;
}

/** A stopwatch that stands still. */
export function stopwatch(before = 0): Stopwatch {
  let sum = before;
  let started: number | undefined;
  const since = () => started === undefined ? 0 : (performance.now() - started) / 1000;
  return {
    start: () => {
      started ??= performance.now();
    },
    stop: () => {
      const last = since();
      sum += last;
      started = undefined;
      return last;
    },
    seconds: () => sum + since(),
  };
}

/** The clocks of a run. */
export interface RunClock {
  /** Runs while steps are under way. */
  readonly training: Stopwatch;
  /** Runs while the model is validated or shows samples. */
  readonly validation: Stopwatch;
  /** Runs while a checkpoint is with the caller. */
  readonly saving: Stopwatch;
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
  const [training, wall] = [stopwatch(before.seconds), stopwatch(before.elapsed)];
  const [validation, saving] = [stopwatch(), stopwatch()];
  let reserved = 0;
  wall.start();
  return {
    training,
    validation,
    saving,
    elapsed: () => {
      if (!("minutes" in budget)) return wall.seconds();
      const whole = 60 * budget.minutes;
      // as if the end took no time: the budget is used up when only the end is left
      return wall.seconds() * whole / Math.max(whole / 2, whole - reserved);
    },
    reserve: (seconds) => {
      reserved = seconds;
    },
    record: () => ({
      kind: "time",
      elapsed: wall.seconds() - before.elapsed,
      training: training.seconds() - before.seconds,
      validation: validation.seconds(),
      saving: saving.seconds(),
    }),
  };
}
