/**
 * How long steps take on a device, found out by some on a model that is thrown away: a run and its losses know nothing of it.
 *
 * @module
 */

import type { Device } from "../device/device.ts";
import type { ModelConfig } from "../model/config.ts";
import { Model } from "../model/model.ts";
import type { Corpus } from "../text/corpus.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { type BatchSource, batchSource } from "./batch_source.ts";
import { planStages } from "./schedule.ts";
import type { TrainingSettings } from "./settings.ts";
import { stepQueue } from "./step_queue.ts";
import { submitStep } from "./submit_step.ts";
import { tuneStages } from "./tune_stages.ts";

/** Options of {@linkcode timeStages}. */
export interface TimeStagesOptions {
  /** What the run is to be trained on. */
  device: Device;
  /** The model. */
  config: ModelConfig;
  /** The text. */
  corpus: Corpus;
  /** Turns text into ids. */
  tokenizer: Tokenizer;
  /** How it is to be trained. */
  settings: TrainingSettings;
  /** Share of the budget that is behind: stages that are over are not timed. Default: none. */
  from?: number | undefined;
  /** Whether to stop at once. Default: never. */
  isStopped?: (() => boolean) | undefined;
}

/** Tokens that wait in memory: little, for there is hardly a step. */
const BLOCK_TOKENS = 1 << 16;

/** Seconds of steps that are worth timing as one. */
const ENOUGH = 0.12;

/** Share of what the stage will take as a whole that may go into timing it. */
const SHARE = 0.02;

/** Seconds after which later stages are judged by those before. */
const PATIENCE = 3;

/** Steps that are timed as one, at most. */
const MOST_STEPS = 128;

/** Times of which the middle counts: at least two, where a step takes long, or three. */
const FEWEST_TIMES = 2;
const MOST_TIMES = 3;

/**
 * Seconds of a step, by timing several in a row until that takes long enough, and again: other work on a machine comes and
 * goes, and one slow time is not to decide. Of two times the shorter counts.
 *
 * @param run Seconds that so many steps take.
 * @param options.enough Seconds that are worth timing as one.
 * @param options.least Steps that are timed as one, or a multiple: where not all do the same, as many as take turns.
 */
export async function steadySeconds(
  run: (count: number) => Promise<number>,
  { enough = () => ENOUGH, least = 1, isStopped = () => false }: {
    enough?: (each: number) => number;
    least?: number;
    isStopped?: () => boolean;
  } = {},
): Promise<number> {
  let [count, each] = [least, await run(least) / least];
  while (count * each < Math.min(ENOUGH, enough(each)) && count < MOST_STEPS && !isStopped()) {
    count *= 2;
    each = await run(count) / count;
  }
  const times = [each];
  const wanted = () => count * Math.min(...times) < ENOUGH * 2 ? MOST_TIMES : FEWEST_TIMES;
  while (times.length < wanted() && !isStopped()) times.push(await run(count) / count);
  return times.sort((a, b) => a - b)[Math.floor((times.length - 1) / 2)]!;
}

/**
 * Seconds that a step takes in each stage of the curriculum, by a few real steps of each; undefined for a stage that has no
 * step, or none any more. Memory is given back.
 */
export async function timeStages(options: TimeStagesOptions): Promise<(number | undefined)[]> {
  const { device, config, settings, from = 0, isStopped = () => false } = options;
  const stages = planStages(settings);
  await tuneStages(device, config, settings);
  const started = performance.now();
  const model = new Model(device, config);
  const seconds: (number | undefined)[] = [];
  let latest: { readonly seconds: number; readonly tokens: number } | undefined;
  let before = 0;
  try {
    for (const { share, steps, tokens } of stages) {
      const begin = before;
      before += share;
      if (steps === 0 || before <= from || isStopped()) seconds.push(undefined);
      else if (latest && (performance.now() - started) / 1000 > PATIENCE) {
        seconds.push(latest.seconds * tokens / latest.tokens);
      } else {
        const each = await timeStage(model, { ...options, begin, steps });
        latest = { seconds: each, tokens };
        seconds.push(each);
      }
    }
  } finally {
    model.destroy();
  }
  return seconds;
}

/** Seconds of a step of the stage that begins at a share of the budget. */
async function timeStage(
  model: Model,
  { settings, corpus, tokenizer, begin, steps = Infinity, isStopped = () => false }: TimeStagesOptions & {
    begin: number;
    steps: number | undefined;
  },
): Promise<number> {
  const { optimizer, recompute: recomputes = false } = settings;
  const source = batchSource({ settings, corpus, tokenizer, blockTokens: BLOCK_TOKENS });
  // a moment later, for a rounding error must not lead into the stage before
  const queue = stepsAt(begin + 1e-6, { settings, source, width: model.config.width });
  let program: Awaited<ReturnType<Model["compileTraining"]>> | undefined;
  let done = 0;
  const run = async (count: number) => {
    const first = done;
    const start = performance.now();
    for (; done < first + count; done++) {
      const step = (await queue.next())!;
      program ??= await model.compileTraining(step.shape, optimizer, { recomputes });
      submitStep(model, program, { ...step, before: { ...step.before, step: done } }, settings);
    }
    await model.readRecords({ first, end: done });
    return (performance.now() - start) / 1000;
  };
  try {
    // the first step compiles, reads text and finds cold caches
    await run(1);
    return await steadySeconds(run, {
      enough: (each) => SHARE * steps * each,
      least: Math.min(optimizer.muon?.every ?? 1, steps),
      isStopped,
    });
  } finally {
    program?.destroy();
    await source.close();
  }
}

/** The steps at a share of the budget: as by a clock on the wall that stands still, of which there is no end. */
function stepsAt(
  progress: number,
  { settings, ...rest }: { settings: TrainingSettings; source: BatchSource; width: number },
) {
  const start = { step: 0, tokens: 0 };
  return stepQueue({ settings: { ...settings, budget: { minutes: 1 } }, ...rest, seconds: () => 60 * progress, start });
}
