/**
 * The token clock and what reads it: learning rate, mask rate, and when something is due.
 *
 * @module
 */

import { type Stage, stageAt } from "../batch/curriculum.ts";

/** How long to train. */
export type Budget =
  | { readonly tokens: number }
  | { readonly steps: number }
  | { readonly minutes: number };

/** A budget for people, such as "3,000,000 tokens" or "1.5 minutes". */
export function describeBudget(budget: Budget): string {
  if ("minutes" in budget && budget.minutes < 1) return describe(60 * budget.minutes, "seconds");
  const [[unit, value]] = Object.entries(budget) as [[string, number]];
  return describe(value, unit);
}

function describe(value: number, unit: string): string {
  const amount = value.toLocaleString("en", { maximumFractionDigits: 2 });
  return `${amount} ${value === 1 ? unit.slice(0, -1) : unit}`;
}

/** A stretch of training: a share of the budget, or a number of steps. */
export type Span = { readonly share: number } | { readonly steps: number };

/** Shapes of the learning rate over training. */
export const schedules = ["trapezoidal", "linear", "cosine", "noam"] as const;
/** Name of a learning-rate schedule. */
export type Schedule = typeof schedules[number];

/** What a step's settings depend on. */
export interface Clock {
  /** Steps that are behind. */
  readonly step: number;
  /** Tokens that are behind. */
  readonly tokens: number;
  /** Seconds by the clock on the wall that are behind. */
  readonly seconds: number;
}

/** Share of the budget that is behind: 0 at the start, 1 or more at the end. */
export function progressOf(budget: Budget, clock: Clock): number {
  if ("tokens" in budget) return clock.tokens / budget.tokens;
  if ("steps" in budget) return clock.step / budget.steps;
  return clock.seconds / (60 * budget.minutes);
}

/** Options of {@linkcode learningRateAt}. */
export interface LearningRate {
  /** Highest rate; for noam, the factor of $width^-½ · min(t^-½, t · warmup^-1.5)$. */
  readonly peak: number;
  /** Shape. */
  readonly schedule: Schedule;
  /** Linear rise at the start. */
  readonly warmup: Span;
}

/** Share of training in which the trapezoidal schedule decays. */
const DECAY = 0.2;

/**
 * Learning rate of a step. After warm-up: "linear" and "cosine" fall to 0 at the end; "trapezoidal" stays, then falls as
 * $1 - √x$ over the last fifth (Hägele et al., 2024); "noam" falls as $t^-½$ (Vaswani et al., 2017).
 */
export function learningRateAt(
  { peak, schedule, warmup }: LearningRate,
  { progress, step, stepShare, width }: { progress: number; step: number; stepShare: number; width: number },
): number {
  const t = step + 1;
  if (schedule === "noam") {
    const steps = "steps" in warmup ? warmup.steps : Math.max(1, warmup.share / stepShare);
    return peak * width ** -0.5 * Math.min(t ** -0.5, t * steps ** -1.5);
  }
  const share = "share" in warmup ? warmup.share : warmup.steps * stepShare;
  const rise = "share" in warmup ? (progress + stepShare) / warmup.share : t / warmup.steps;
  if (rise < 1) return peak * rise;
  const after = Math.min(1, Math.max(0, (progress - share) / Math.max(1e-9, 1 - share)));
  switch (schedule) {
    case "linear":
      return peak * (1 - after);
    case "cosine":
      return peak * (1 + Math.cos(Math.PI * after)) / 2;
    case "trapezoidal":
      return progress < 1 - DECAY ? peak : peak * (1 - Math.sqrt(Math.min(1, (progress - 1 + DECAY) / DECAY)));
  }
}

/** A mask rate that goes linearly from start to end, or from one point to the next. */
export interface MaskRate {
  /** At the start of training. */
  readonly start: number;
  /** What it comes by on the way, in order: the points part the budget evenly. Default: none. */
  readonly by?: readonly number[] | undefined;
  /** At the end. */
  readonly end: number;
}

/** Mask rate at a share of the budget. */
export function maskRateAt({ start, by = [], end }: MaskRate, progress: number): number {
  const points = [start, ...by, end];
  const place = Math.min(1, Math.max(0, progress)) * (points.length - 1);
  const at = Math.min(points.length - 2, Math.floor(place));
  return points[at]! + (points[at + 1]! - points[at]!) * (place - at);
}

/** The highest mask rate within a stage. */
export function highestMaskRate(rate: MaskRate, stages: readonly Stage[], index: number): number {
  const before = stages.slice(0, index).reduce((sum, stage) => sum + stage.share, 0);
  const end = before + stages[index]!.share;
  const { by = [] } = rate;
  const within = by.filter((_, i) => before < (i + 1) / (by.length + 1) && (i + 1) / (by.length + 1) < end);
  return Math.max(maskRateAt(rate, before), ...within, maskRateAt(rate, end));
}

/** Whether a multiple of the span lies between two moments: after the first, up to and including the second. */
export function isDue(
  every: Span,
  before: { step: number; progress: number },
  after: { step: number; progress: number },
): boolean {
  if ("steps" in every) return Math.floor(after.step / every.steps) > Math.floor(before.step / every.steps);
  // a rounding error must not hide the last multiple
  const passed = (progress: number) => Math.floor(Math.min(1, progress) / every.share + 1e-9);
  return passed(after.progress) > passed(before.progress);
}

/** Sizes of the batches in a stage. */
export interface StepSize {
  /** Windows in a batch. */
  readonly windows: number;
  /** Tokens in a step, all its batches together. */
  readonly tokens: number;
}

/** The batches of a stage, which may have their own size. */
export function stageSize(
  { length, batchTokens: own }: Stage,
  { batchTokens, accumulate }: { batchTokens: number; accumulate: number },
): StepSize {
  return stepSize({ length, batchTokens: own ?? batchTokens, accumulate });
}

/** How many windows of a length make a batch of about `batchTokens`; at least one. */
export function stepSize({ length, batchTokens, accumulate }: {
  length: number;
  batchTokens: number;
  accumulate: number;
}): StepSize {
  const windows = Math.max(1, Math.floor(batchTokens / length));
  return { windows, tokens: windows * length * accumulate };
}

/** A line of the plan that is shown before training. */
export interface PlannedStage extends Stage, StepSize {
  /** Steps, where the budget tells; with a budget in minutes it does not. */
  readonly steps: number | undefined;
  /** Mask rate at the stage's beginning and end. */
  readonly maskRate: readonly [number, number];
}

/** What each stage of a curriculum amounts to. */
export function planStages(
  { budget, curriculum, maskRate, batchTokens, accumulate }: {
    budget: Budget;
    curriculum: readonly Stage[];
    maskRate: MaskRate;
    batchTokens: number;
    accumulate: number;
  },
): PlannedStage[] {
  let before = 0;
  let done = { steps: 0, tokens: 0 };
  return curriculum.map((stage) => {
    const size = stageSize(stage, { batchTokens, accumulate });
    const end = before + stage.share;
    // a stage lasts as long as what is behind is below its end
    const left = "tokens" in budget
      ? (end * budget.tokens - done.tokens) / size.tokens
      : "steps" in budget
      ? end * budget.steps - done.steps
      : undefined;
    const steps = left === undefined ? undefined : Math.max(0, Math.ceil(left - 1e-9));
    done = { steps: done.steps + (steps ?? 0), tokens: done.tokens + (steps ?? 0) * size.tokens };
    const rates = [maskRateAt(maskRate, before), maskRateAt(maskRate, end)] as const;
    before = end;
    return { ...stage, ...size, steps, maskRate: rates };
  });
}

/** Everything about a step that follows from the clock. */
export interface StepPlan {
  /** Share of the budget that is behind. */
  readonly progress: number;
  /** Number of the stage. */
  readonly stage: number;
  /** Tokens in a window. */
  readonly length: number;
  /** Share of tokens that are masked. */
  readonly maskRate: number;
  /** Learning rate. */
  readonly learningRate: number;
}

/** The settings of the step at a moment of the clock. */
export function planStep(
  clock: Clock,
  { budget, curriculum, maskRate, learningRate, batchTokens, accumulate, width }: {
    budget: Budget;
    curriculum: readonly Stage[];
    maskRate: MaskRate;
    learningRate: LearningRate;
    batchTokens: number;
    accumulate: number;
    width: number;
  },
): StepPlan {
  const progress = progressOf(budget, clock);
  const { stage, index } = stageAt(curriculum, progress);
  const { tokens } = stageSize(stage, { batchTokens, accumulate });
  const next = { step: clock.step + 1, tokens: clock.tokens + tokens, seconds: clock.seconds };
  // by the clock of the wall a step's share is not known; a thousandth keeps the first rate above 0
  const stepShare = "minutes" in budget ? 1e-3 : progressOf(budget, next) - progress;
  const at = { progress, step: clock.step, stepShare, width };
  return {
    progress,
    stage: index,
    length: stage.length,
    maskRate: maskRateAt(maskRate, progress),
    learningRate: learningRateAt(learningRate, at),
  };
}
