/**
 * How long a run will take, or how much it will see in its time, from what steps take.
 *
 * @module
 */

import { planStages, type Span } from "../train/schedule.ts";
import { plannedEvaluateTokens, type TrainingSettings } from "../train/settings.ts";
import { FORWARD_SHARE } from "../train/step_cost.ts";

/** What is ahead of a run. */
export interface RunTime {
  /** Seconds until the end. */
  readonly seconds: number;
  /** Tokens that are seen until then, those behind not counted. */
  readonly tokens: number;
  /** Tokens a second, in the slowest stage and in the quickest. */
  readonly speed: readonly [slowest: number, quickest: number];
}

/** Share of the time of a budget by the clock that goes into steps; validation and saving take the rest. */
const STEPS_SHARE = 0.92;

/** Bytes of a checkpoint for each parameter, and how many are written and summed up in a second, as was measured. */
const CHECKPOINT_BYTES = 12;
const SAVED_A_SECOND = 3e8;

/** Seconds that a checkpoint takes, about. */
export const checkpointSeconds = (parameters: number): number => CHECKPOINT_BYTES * parameters / SAVED_A_SECOND;

/** How often something is done in so many steps that are left, behind a share of the budget; the end counts. */
const times = (every: Span, { steps, from }: { steps: number; from: number }) =>
  Math.ceil("share" in every ? (1 - from) / every.share - 1e-9 : steps / every.steps);

/**
 * Adds up what is ahead.
 *
 * @param stepSeconds Seconds of a step in each stage, where it has one.
 * @param from Share of the budget that is behind.
 * @param saving Seconds that a checkpoint takes.
 */
export function runTime(
  settings: TrainingSettings,
  { stepSeconds, from = 0, saving = 0 }: {
    stepSeconds: readonly (number | undefined)[];
    from?: number;
    saving?: number;
  },
): RunTime | undefined {
  const { budget, evaluateEvery, saveEvery } = settings;
  let [seconds, tokens, before, steps] = [0, 0, 0, 0];
  const speeds: number[] = [];
  for (const [i, stage] of planStages(settings).entries()) {
    const each = stepSeconds[i];
    const left = Math.min(1, (before + stage.share - from) / stage.share);
    before += stage.share;
    if (each === undefined || left <= 0) continue;
    speeds.push(stage.tokens / each);
    const count = stage.steps === undefined && "minutes" in budget
      ? STEPS_SHARE * 60 * budget.minutes * stage.share * left / each
      : (stage.steps ?? 0) * left;
    [seconds, tokens, steps] = [seconds + count * each, tokens + count * stage.tokens, steps + count];
  }
  if (speeds.length === 0) return undefined;
  const speed = [Math.min(...speeds), Math.max(...speeds)] as const;
  if ("minutes" in budget) return { seconds: 60 * budget.minutes * (1 - from), tokens, speed };
  const left = { steps, from };
  const evaluated = times(evaluateEvery, left) * (plannedEvaluateTokens(settings) ?? 0);
  const validating = FORWARD_SHARE * evaluated / speed[0];
  return { seconds: seconds + validating + times(saveEvery, left) * saving, tokens, speed };
}

/** Seconds for people who wait: "about 40 seconds", "about 3 minutes", "about 2 hours 10 minutes", "about 5 days". */
export function roughTime(seconds: number): string {
  const count = (value: number, unit: string) => `${value} ${unit}${value === 1 ? "" : "s"}`;
  if (seconds < 5) return "a few seconds";
  if (seconds < 58) return `about ${count(5 * Math.round(seconds / 5), "second")}`;
  const minutes = seconds / 60;
  if (minutes < 5 && Math.abs(minutes - Math.round(minutes)) > 0.2) return `about ${minutes.toFixed(1)} minutes`;
  if (minutes < 59.5) return `about ${count(Math.round(minutes), "minute")}`;
  const tens = minutes < 600 ? Math.round(minutes / 10) : 6 * Math.round(minutes / 60);
  if (minutes < 48 * 60) {
    // of many hours the minutes are not known
    const rest = tens % 6 === 0 ? "" : ` ${10 * (tens % 6)} minutes`;
    return `about ${count(Math.floor(tens / 6), "hour")}${rest}`;
  }
  return `about ${count(Math.round(minutes / 1440), "day")}`;
}
