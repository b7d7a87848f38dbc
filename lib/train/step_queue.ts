/**
 * Steps, planned by the token clock and loaded a few ahead of the one that the device works on.
 *
 * @module
 */

import type { Batch } from "../batch/batch.ts";
import { capacityFor } from "../batch/masking.ts";
import { printOf } from "../mpi/print.ts";
import type { WindowPosition } from "../batch/windows.ts";
import type { BatchShape } from "../model/model.ts";
import type { BatchSource } from "./batch_source.ts";
import { type Clock, highestMaskRate, planStep, progressOf, stageSize, type StepPlan } from "./schedule.ts";
import type { TrainingSettings } from "./settings.ts";

/** Steps that are prepared ahead. */
export const STEPS_AHEAD = 4;

/** A step that only needs to be submitted. */
export interface PreparedStep {
  /** Steps and tokens before it. */
  readonly before: Pick<Clock, "step" | "tokens">;
  /** Steps and tokens after it. */
  readonly after: Pick<Clock, "step" | "tokens">;
  /** Its settings. */
  readonly plan: StepPlan;
  /** Sizes of its batches. */
  readonly shape: BatchShape;
  /** One batch, or several to accumulate; where ranks share a step, those of this one. */
  readonly batches: readonly Batch[];
  /** Place in the corpus behind it. */
  readonly position: WindowPosition;
  /** Print of all its tokens, where ranks share it. */
  readonly print?: number | undefined;
}

/** Steps in order. */
export interface StepQueue {
  /** Masked tokens of the steps that wait. */
  readonly masked: number;
  /** Prepares steps until a few wait. Where that fails later than at first, those that wait are done before it is told. */
  fill(): Promise<void>;
  /**
   * The next step; none when the budget is used up.
   *
   * @throws what kept it from being prepared.
   */
  next(): Promise<PreparedStep | undefined>;
}

/** Options of {@linkcode stepQueue}. */
export interface StepQueueOptions {
  /** The run's settings. */
  settings: TrainingSettings;
  /** Width of the model, which the noam schedule reads. */
  width: number;
  /** Where batches come from. */
  source: BatchSource;
  /** Seconds of training so far, for budgets by the clock. */
  seconds: () => number;
  /** Steps and tokens that are behind. */
  start: Pick<Clock, "step" | "tokens">;
  /** Which of a step's batches are made; the others' windows are passed over. Default: all. */
  own?: { readonly first: number; readonly end: number } | undefined;
}

/** Sizes of the batches in a stage of the curriculum. */
export function stageShape(settings: Omit<TrainingSettings, "budget">, stage: number): BatchShape {
  const { batchTokens, accumulate, curriculum, maskRate, maskSpread: spread, maskMode: mode, pack } = settings;
  const { attention, contrastive, lastLayer } = settings;
  const { length } = curriculum[stage]!;
  const { windows } = stageSize(curriculum[stage]!, { batchTokens, accumulate });
  if (contrastive) {
    const { temperature } = contrastive;
    return { windows, length, capacity: windows / 2, documents: true, pairs: false, contrast: { temperature } };
  }
  const capacity = capacityFor({ windows, length, rate: highestMaskRate(maskRate, curriculum, stage), spread, mode });
  const documents = pack !== "none" || attention !== undefined;
  return { windows, length, capacity, documents, pairs: pack === "pairs", lastLayer };
}

/** Plans steps by the token clock and loads their batches. */
export function stepQueue({ settings, width, source, seconds, start, own }: StepQueueOptions): StepQueue {
  const { batchTokens, accumulate, budget } = settings;
  const { first, end } = own ?? { first: 0, end: accumulate };
  let clock = start;
  const queue: PreparedStep[] = [];
  const prepare = async (): Promise<PreparedStep | undefined> => {
    const now = { ...clock, seconds: seconds() };
    if (progressOf(budget, now) >= 1) return undefined;
    const planned = planStep(now, { ...settings, width });
    const plan = settings.contrastive ? { ...planned, maskRate: 0 } : planned;
    const { tokens } = stageSize(settings.curriculum[plan.stage]!, { batchTokens, accumulate });
    const shape = stageShape(settings, plan.stage);
    const { maskRate: rate, progress } = plan;
    const batches: Batch[] = [];
    let print: number | undefined;
    for (let i = 0; i < accumulate; i++) {
      const batch = i >= first && i < end ? await source.next({ shape, rate, progress }) : undefined;
      if (own) print = printOf(batch?.original ?? await source.pass(shape), print ?? 0);
      if (batch) batches.push(batch);
    }
    const before = clock;
    clock = { step: before.step + 1, tokens: before.tokens + tokens };
    return {
      before,
      after: clock,
      plan,
      shape,
      batches,
      position: source.position,
      ...(print === undefined ? {} : { print }),
    };
  };
  let isBegun = false;
  let failure: { readonly error: unknown } | undefined;
  const failed = () => {
    if (failure) throw failure.error;
  };
  return {
    get masked() {
      return queue.flatMap(({ batches }) => batches).reduce((sum, { labels }) => sum + labels.length, 0);
    },
    async fill() {
      while (queue.length < STEPS_AHEAD && !failure) {
        try {
          const step = await prepare();
          if (!step) break;
          queue.push(step);
        } catch (error) {
          failure = { error };
          if (!isBegun) failed();
        }
      }
      isBegun = true;
    },
    async next() {
      const step = queue.shift();
      if (step) return step;
      failed();
      return await prepare();
    },
  };
}
