/**
 * Validation and samples in the training loop.
 *
 * @module
 */

import { paddingShare } from "../batch/windows.ts";
import { createContrastiveEvaluator } from "../evaluate/contrastive_evaluator.ts";
import { createEvaluator, type EvaluatedGroup, type Evaluator } from "../evaluate/evaluator.ts";
import type { TimedWork } from "./device_time.ts";
import { DivergedError } from "./diverged.ts";
import type { TrainEvent } from "./events.ts";
import { type At, during, entering, finalLength, isFirstRank, lastStage, type LoopSite, told } from "./loop_site.ts";
import { residentBytes } from "./memory_use.ts";
import type { Report } from "./report.ts";
import { clockEvaluateTokens, EVALUATION_TOKENS, plannedEvaluateTokens } from "./settings.ts";
import { FORWARD_SHARE } from "./step_cost.ts";
import { stageShape } from "./step_queue.ts";

/** Share of a run by the clock, and seconds at most, that go into finding out how long validation takes. */
const TIMING_SHARE = 0.01;
const MOST_TIMING = 1;

/** Windows of which predictions are shown. */
const SAMPLES = 3;

/** How a run is validated. */
export interface RunValidation {
  /** Tokens of the text that are read; undefined until that is decided by the clock. */
  readonly tokens: number | undefined;
  /** Seconds of the latest validation. */
  readonly seconds: number;
  /** Reads the validation text. */
  prepare(): Promise<void>;
  /**
   * Validates; says how far it is.
   *
   * @param options.progress The part of the budget that is used up.
   * @param options.programBytes Bytes of what the device trains with, beside the model.
   */
  validate(options: { progress: number; programBytes: () => number }): AsyncGenerator<Report>;
  /** Predictions for the first windows of the validation text. */
  samples(): AsyncGenerator<Report>;
  /** Gives the memory back. */
  destroy(): Promise<void>;
}

/** The validation of a run. */
export function runValidation(site: LoopSite): RunValidation {
  const { options, settings } = site;
  let evaluator: Evaluator | undefined;
  let tokens = options.resume?.evaluateTokens ?? plannedEvaluateTokens(settings);
  let seconds = 0;
  return {
    get tokens() {
      return tokens;
    },
    get seconds() {
      return seconds;
    },
    async prepare() {
      evaluator = await evaluatorOf(site, tokens ?? EVALUATION_TOKENS);
      // what is read, where the text or a window ends sooner: by that runs are compared
      if (tokens !== undefined) tokens = evaluator.tokens;
    },
    async *validate({ progress, programBytes }) {
      const [at, known] = [site.at, evaluator!];
      const isNew = tokens === undefined || !known.isCompiled;
      const validating = entering(site, "validating");
      if (isNew) yield validating;
      let begun = performance.now();
      tokens ??= await restricted(site, known, progress);
      if (isNew) await during(site, "recording", () => known.compile());
      if (!isNew) yield { ...validating, isFirst: false };
      seconds = 0;
      for await (const group of known.groups((loss) => diverged(at.step, loss))) {
        const timed = site.time.timed(() => group.result(), begun);
        const passed = (more: number) => void (seconds += more);
        yield {
          begin: timed.begin,
          events: () => groupEvents(site, { at, timed, evaluator: known, programBytes, passed }),
        };
        begun = performance.now();
      }
    },
    async *samples() {
      if (isFirstRank(site)) yield* samplesOf(site, evaluator!);
    },
    destroy: async () => await evaluator?.destroy(),
  };
}

/** What a group of windows came to; the last one tells of all. */
async function* groupEvents(
  site: LoopSite,
  { at, timed, evaluator, programBytes, passed }: {
    at: At;
    timed: TimedWork<Awaited<ReturnType<EvaluatedGroup["result"]>>>;
    evaluator: Evaluator;
    programBytes: () => number;
    passed: (seconds: number) => void;
  },
): AsyncGenerator<TrainEvent> {
  const { options: { model }, settings, clock } = site;
  const { value: { share, evaluation }, seconds } = await during(site, "validation", () => timed.result());
  clock.validation.add(seconds);
  passed(seconds);
  yield { kind: "phase", phase: "validating", step: at.step, share };
  if (!evaluation) return;
  const { predicted: _, ...means } = evaluation;
  yield {
    kind: "validation",
    step: at.step,
    tokens: at.tokens,
    seconds: clock.training.seconds(),
    length: finalLength(settings),
    ...means,
    paddingShare: paddingShare(at.position),
    deviceBytes: model.bytes + programBytes() + await evaluator.bytes(),
    residentBytes: residentBytes(),
  };
}

function evaluatorOf({ options, settings }: LoopSite, tokens: number): Promise<Evaluator> {
  const { model, corpus, tokenizer, ranks } = options;
  const { maskRule: rule, pack, contrastive, lastLayer } = settings;
  const text = { model, corpus, tokenizer, length: finalLength(settings), tokens };
  return contrastive
    ? createContrastiveEvaluator({ ...text, shape: stageShape(settings, lastStage(settings)) })
    : createEvaluator({ ...text, rule, pack, lastLayer, share: ranks });
}

function diverged(step: number, loss: number): DivergedError {
  const what = `Training diverged by step ${step}: the validation loss is ${loss}`;
  return new DivergedError(what, { step, soundUntil: step - 1 });
}

/** By the clock, how long validation takes tells how much of its text there is time for; returns the tokens. */
async function restricted(site: LoopSite, evaluator: Evaluator, progress: number): Promise<number> {
  const { settings: { budget, evaluateEvery: every }, clock, at } = site;
  const seconds = "minutes" in budget ? 60 * budget.minutes : Infinity;
  const enough = Math.min(MOST_TIMING, TIMING_SHARE * seconds);
  const timed = await during(site, "validation", () => evaluator.tokenSeconds(enough));
  const measured = await told(site, "seconds", timed);
  // steps were timed for longer, if at shorter lengths: a mean of that does not know a machine's quick moments
  const trained = await told(site, "trained", clock.training.seconds());
  const tokenSeconds = Math.max(measured, FORWARD_SHARE * trained / at.tokens);
  const steps = at.step / Math.min(1, Math.max(progress, 1e-9));
  const spent = await told(site, "spent", clock.validation.seconds());
  await evaluator.restrict(clockEvaluateTokens({ seconds, spent, tokenSeconds, every, steps }));
  return evaluator.tokens;
}

async function* samplesOf(site: LoopSite, evaluator: Evaluator): AsyncGenerator<Report> {
  const { at: { step }, clock } = site;
  const sampled = entering(site, "sampling");
  yield { ...sampled, isFirst: !evaluator.isCompiled };
  const begun = performance.now();
  const sampling = await evaluator.sampling(SAMPLES);
  const timed = site.time.timed(() => sampling.result(), begun);
  const events = async function* (): AsyncGenerator<TrainEvent> {
    const { value: samples, seconds } = await during(site, "samples", () => timed.result());
    clock.validation.add(seconds);
    yield { kind: "samples", step, samples };
  };
  yield { begin: timed.begin, events };
}
