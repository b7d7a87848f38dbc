/**
 * The pieces of the training loop, each by its name; {@linkcode train} puts them in order.
 *
 * @module
 */

import { counted } from "../sentences/counted.ts";
import { surveyText, whyUnmaskable } from "../batch/survey.ts";
import { allFinite } from "../format/finite.ts";
import { paddingShare, WindowSource } from "../batch/windows.ts";
import { KernelError } from "../device/device.ts";
import type { Ranks } from "../mpi/ranks.ts";
import type { Model, StepRecords, TrainingProgram } from "../model/model.ts";
import { RING_SIZE, type StepRecord } from "../optimizer/step.ts";
import { type RunClock, runClock } from "./clock.ts";
import { createEvaluator, type Evaluator } from "../evaluate/evaluator.ts";
import type { Evaluation } from "../evaluate/score_totals.ts";
import { DivergedError, MOST_SKIPPED } from "./diverged.ts";
import type {
  Phase,
  PhaseRecord,
  SkippedRecord,
  SpikeRecord,
  TimeRecord,
  TrainEvent,
  TrainingState,
  TrainRecord,
} from "./events.ts";
import { afterLoss, afterSkip, type LossTrend, NO_TREND } from "./loss_trend.ts";
import { residentBytes } from "./memory_use.ts";
import { isDue, progressOf } from "./schedule.ts";
import { FORWARD_SHARE } from "./step_cost.ts";
import {
  clockEvaluateTokens,
  defaultSettings,
  EVALUATION_TOKENS,
  plannedEvaluateTokens,
  type TrainingSettings,
  type TrainOptions,
} from "./settings.ts";
import { type PreparedStep, type StepQueue, stepQueue } from "./step_queue.ts";
import { MOST_LOCAL_STEPS, type RankSteps, rankSteps } from "./rank_steps.ts";
import { submitStep } from "./submit_step.ts";
import { tuneStages } from "./tune_stages.ts";

/** Seconds between two waits for the device: each costs a GPU's idle time and about 11 ms of a frozen event loop. */
const READ_INTERVAL = 0.5;

/** Share of a run by the clock, and seconds at most, that go into finding out how long validation takes. */
const TIMING_SHARE = 0.01;
const MOST_TIMING = 1;

/** Windows of which predictions are shown. */
const SAMPLES = 3;

/** What there is to do after a step. */
export interface Due {
  /** Whether results are to be read back; nothing else is due otherwise. */
  readonly read: boolean;
  /** Whether to validate. */
  readonly evaluate: boolean;
  /** Whether to show predictions. */
  readonly sample: boolean;
  /** Whether to save. */
  readonly save: boolean;
  /** Whether training is over. */
  readonly end: boolean;
}

const NOTHING_DUE: Due = { read: false, evaluate: false, sample: false, save: false, end: false };

/** A run of training under way. */
export class TrainingLoop {
  readonly #options: TrainOptions;
  readonly #settings: TrainingSettings;
  readonly #source: WindowSource;
  readonly #steps: StepQueue;
  /** What this process does of the steps, where ranks share them or they are made of tiles. */
  readonly #rankSteps: RankSteps | undefined;
  readonly #clock: RunClock;
  #evaluator: Evaluator | undefined;
  #program: TrainingProgram | undefined;
  /** Steps that were submitted and not read back. */
  #pending: PreparedStep[] = [];
  #readEvery = 1;
  #lastRead = 0;
  /** What the state would be if training ended here. */
  #at: Pick<TrainingState, "step" | "tokens" | "position">;
  #progress: number;
  #trend: LossTrend;
  #evaluateTokens: number | undefined;
  /** Seconds of the latest validation. */
  #validated = 0;
  #phase: Phase = "preparing";
  /** Whether training has failed: no other rank answers any more. */
  #isBroken = false;

  /** Restores the state to go on from, if there is one; nothing is read yet. */
  constructor(options: TrainOptions) {
    const { model, corpus, tokenizer, resume, ranks } = options;
    const { preset, width, maxLength } = model.config;
    this.#options = options;
    this.#settings = { ...defaultSettings({ preset, width }), ...options };
    if (ranks) checkRanks(ranks, this.#settings);
    const { seed, pack, maskMode, neverMask, budget } = this.#settings;
    if (this.#finalLength > maxLength) {
      throw new RangeError(`Cannot train at length ${this.#finalLength}: the model's longest is ${maxLength}`);
    }
    if (pack === "pairs" && !model.config.nextSentence) {
      throw new RangeError("Cannot train on pairs of texts: the model has no head for next sentences (nextSentence)");
    }
    if (resume) restore(model, resume);
    const words = maskMode === "word" || neverMask.length > 0;
    this.#source = new WindowSource({ corpus, tokenizer, words, pack, seed, position: resume?.position });
    this.#clock = runClock(budget, resume);
    const seconds = resume?.elapsed ?? resume?.seconds ?? 0;
    this.#rankSteps = ranks && rankSteps({ model, ranks, settings: this.#settings, seconds, ...resume });
    const start = { step: resume?.step ?? 0, tokens: resume?.tokens ?? 0 };
    this.#at = { ...start, position: this.#source.position };
    this.#trend = resume?.trend ?? NO_TREND;
    this.#steps = stepQueue({
      settings: this.#settings,
      width,
      tokenizer,
      source: this.#source,
      seconds: () => this.#elapsed,
      start,
      own: this.#rankSteps?.tiles,
    });
    this.#evaluateTokens = resume?.evaluateTokens ?? plannedEvaluateTokens(this.#settings);
    this.#progress = this.#reached();
  }

  /** Has the device choose its ways, and reads the validation text and the first batches. */
  async prepare(): Promise<void> {
    const { model, corpus, tokenizer, resume } = this.#options;
    await this.#during("tuning", () => tuneStages(model.device, model.config, this.#settings));
    const { maskRule: rule, pack } = this.#settings;
    const tokens = this.#evaluateTokens ?? EVALUATION_TOKENS;
    this.#evaluator = await createEvaluator({
      model,
      corpus,
      tokenizer,
      length: this.#finalLength,
      tokens,
      rule,
      pack,
      share: this.#options.ranks,
    });
    // what is read, where the text or a window ends sooner: by that runs are compared
    if (this.#evaluateTokens !== undefined) this.#evaluateTokens = this.#evaluator.tokens;
    await this.#during("loader", () => this.#steps.fill());
    if (!resume && this.#steps.masked === 0) await checkMaskable(this.#settings, { corpus, tokenizer });
    await this.#rankSteps?.checkWeights(this.#at.step);
    this.#lastRead = this.#clock.training.seconds();
  }

  /** The next batch, or several to accumulate; undefined when the budget is used up or training is stopped. */
  async next(): Promise<PreparedStep | undefined> {
    if (this.#rankSteps?.isSettled(this.#at.step)) await this.#agree(this.#rankSteps);
    const step = this.#isStopped ? undefined : await this.#during("loader", () => this.#steps.next());
    if (!step) await this.#rankSteps?.settle();
    return step;
  }

  /** What training is at. */
  get phase(): Phase {
    return this.#phase;
  }

  /** Goes over to something else. */
  enter(phase: Phase, share?: number): PhaseRecord {
    this.#phase = phase;
    return { kind: "phase", phase, step: this.#at.step, ...(share === undefined ? {} : { share }) };
  }

  /** Whether the model is to be compiled for the sizes of a step. */
  isNew({ plan, shape: { capacity } }: PreparedStep): boolean {
    const { shape } = this.#program ?? {};
    return shape?.length !== plan.length || shape.capacity !== capacity;
  }

  /** Compiles the model for the sizes of a step. */
  async compile({ shape }: PreparedStep): Promise<void> {
    this.#program?.destroy();
    const { optimizer, recompute: recomputes = false } = this.#settings;
    const { model } = this.#options;
    this.#program = await this.#during("recording", () => model.compileTraining(shape, optimizer, { recomputes }));
  }

  /** Submits a step to the device and does not wait for it, or only for other ranks. */
  async submit(step: PreparedStep): Promise<void> {
    const { model } = this.#options;
    // the clock runs from the first step on: compiling the first program is no training
    this.#clock.training.start();
    if (this.#rankSteps) await this.#during("sum", () => this.#rankSteps!.submit(this.#program!, step));
    else submitStep(model, this.#program!, step, this.#settings);
    this.#pending.push(step);
    this.#at = { ...step.after, position: step.position };
  }

  /** What is known of the steps before one that failed, and a checkpoint, where they can still be read. */
  async *rescue(error: unknown): AsyncGenerator<TrainEvent> {
    // before the update the weights are those of the step before; in it they may be anything
    if (error instanceof KernelError && error.section === "update") return;
    // what ranks have on their own is no state to go on from
    if (this.#rankSteps && (this.#options.ranks!.rank > 0 || !this.#rankSteps.isSettled(this.#at.step))) return;
    this.#isBroken = true;
    try {
      yield* this.readBack();
      if (this.isSound) yield* this.save();
    } catch {
      // the first error is the one to be told
    }
  }

  /** What there is to do now, after a step or instead of one. */
  due(step: PreparedStep | undefined): Due {
    if (this.#rankSteps && !this.#rankSteps.isSettled(this.#at.step)) return NOTHING_DUE;
    const last = this.#pending.at(-1);
    // steps are planned ahead, so a budget by the clock is read here and not from the plan
    const since = this.#rankSteps ? this.#pending[0] : last;
    const before = { step: since?.before.step ?? this.#at.step, progress: this.#progress };
    // what is set aside for the end changes with each pause, and nothing may be due twice
    this.#progress = Math.max(this.#progress, this.#reached());
    const now = { step: this.#at.step, progress: this.#progress };
    const { evaluateEvery, saveEvery, sampleEvery } = this.#settings;
    const [evaluate, save, sample] = [evaluateEvery, saveEvery, sampleEvery].map((every) => isDue(every, before, now));
    const end = !step || this.#progress >= 1;
    // who interrupts wants the state saved, not a last validation; one that is due would be missing for ever
    const isFinished = end && (!this.#isStopped || this.#progress >= 1);
    return {
      read: this.#pending.length >= this.#readEvery || this.#rankSteps !== undefined || end || evaluate! || save! ||
        sample!,
      evaluate: last !== undefined && (evaluate! || isFinished),
      sample: sample! && !this.#isStopped,
      save: save! || end,
      end,
    };
  }

  /** Whether the weights are worth keeping as far as is known: the latest step that was read back was not skipped. */
  get isSound(): boolean {
    return this.#trend.inARow === 0;
  }

  /**
   * Waits for the steps that were submitted and yields what they report.
   *
   * @throws {DivergedError} if too many in a row were skipped.
   */
  async *readBack(): AsyncGenerator<TrainRecord | SkippedRecord | SpikeRecord> {
    await this.#during("loader", () => this.#steps.fill());
    const [first, last] = [this.#pending[0], this.#pending.at(-1)];
    const own = first && last
      ? await this.#options.model.readRecords({ first: first.before.step, end: last.after.step })
      : [];
    const records = this.#isBroken ? own : await this.#rankSteps?.records(own) ?? own;
    this.#clock.training.stop();
    const seconds = this.#clock.training.seconds();
    const since = this.#lastRead;
    const steps = this.#pending;
    this.#pending = [];
    this.#lastRead = seconds;
    // the interval follows the speed of the device, at most doubling, so that the queue stays short
    const each = (seconds - since) / Math.max(1, steps.length);
    this.#readEvery = Math.max(1, Math.min(2 * this.#readEvery, Math.floor(READ_INTERVAL / each), RING_SIZE / 2));
    for (const record of stepRecords(steps, records, { seconds, since })) yield* this.#judged(record);
  }

  /** A step as an event: one that trained, perhaps with a spike, or one that was skipped. */
  *#judged(record: TrainRecord): Generator<TrainRecord | SkippedRecord | SpikeRecord> {
    const { step, tokens, loss, gradientNorm, nextSentence, learningRate } = record;
    if ([loss, gradientNorm, nextSentence?.loss ?? 0].every(Number.isFinite)) {
      const { trend, usual } = afterLoss(this.#trend, record);
      this.#trend = trend;
      yield record;
      if (usual !== undefined) yield { kind: "spike", step, tokens, loss, learningRate, usual };
      return;
    }
    this.#trend = afterSkip(this.#trend);
    const { inARow, skipped: total } = this.#trend;
    const { accuracy: _, nextSentence: pairs, ...rest } = record;
    yield { ...rest, kind: "skipped", loss: Number.isFinite(loss) ? pairs?.loss ?? loss : loss, inARow, total };
    if (inARow < MOST_SKIPPED) return;
    const first = step - inARow + 1;
    throw new DivergedError(
      `Training diverged at step ${first}: ${inARow} steps in a row had a loss of ${loss} and a gradient norm of ` +
        `${gradientNorm} at a learning rate of ${learningRate.toPrecision(3)}`,
      // the weights behind step first - 1 are the bad ones, those before it had a good loss
      { step: first, soundUntil: first - 2 },
    );
  }

  /** Validates; says how far it is. */
  async *validate(): AsyncGenerator<TrainEvent> {
    const { validation, training } = this.#clock;
    const { step, tokens } = this.#at;
    validation.start();
    yield this.enter("validating");
    this.#evaluateTokens ??= await this.#restricted();
    const { predicted: _, ...means } = yield* this.#evaluated(step);
    this.#validated = validation.stop();
    yield {
      kind: "validation",
      step,
      tokens,
      seconds: training.seconds(),
      length: this.#finalLength,
      ...means,
      paddingShare: paddingShare(this.#at.position),
      deviceBytes: this.#options.model.bytes + (this.#program?.bytes ?? 0) + await this.#evaluator!.bytes(),
      residentBytes: residentBytes(),
    };
  }

  /** By the clock, how long validation takes tells how much of its text there is time for; returns the tokens. */
  async #restricted(): Promise<number> {
    const { budget, evaluateEvery: every } = this.#settings;
    const evaluator = this.#evaluator!;
    const seconds = "minutes" in budget ? 60 * budget.minutes : Infinity;
    const enough = Math.min(MOST_TIMING, TIMING_SHARE * seconds);
    const measured = await this.#told(
      "seconds",
      await this.#during("validation", () => evaluator.tokenSeconds(enough)),
    );
    // steps were timed for longer, if at shorter lengths: a mean of that does not know a machine's quick moments
    const trained = await this.#told("trained", this.#clock.training.seconds());
    const tokenSeconds = Math.max(measured, FORWARD_SHARE * trained / this.#at.tokens);
    const steps = this.#at.step / Math.min(1, Math.max(this.#progress, 1e-9));
    const spent = await this.#told("spent", this.#clock.validation.seconds());
    await evaluator.restrict(clockEvaluateTokens({ seconds, spent, tokenSeconds, every, steps }));
    return evaluator.tokens;
  }

  async *#evaluated(step: number): AsyncGenerator<PhaseRecord, Evaluation> {
    const what = (loss: number) => `Training diverged by step ${step}: the validation loss is ${loss}`;
    const evaluating = this.#evaluator!.evaluating((loss) =>
      new DivergedError(what(loss), { step, soundUntil: step - 1 })
    );
    while (true) {
      const { done, value } = await this.#during("validation", () => evaluating.next());
      if (done) return value;
      yield this.enter("validating", value);
    }
  }

  /** Predictions for the first windows of the validation text. */
  async *sample(): AsyncGenerator<TrainEvent> {
    if (!this.#isFirst) return;
    this.#clock.validation.start();
    yield this.enter("sampling");
    const samples = await this.#during("samples", () => this.#evaluator!.sample(SAMPLES));
    this.#clock.validation.stop();
    yield { kind: "samples", step: this.#at.step, samples };
  }

  /**
   * Hands out the state; what the caller does with it counts as saving.
   *
   * @throws {DivergedError} if not all weights are finite: nobody could go on from it.
   */
  async *save(): AsyncGenerator<TrainEvent> {
    this.#clock.saving.start();
    yield this.enter("saving");
    const state = this.#isFirst ? await this.#during("state", () => this.#state()) : undefined;
    const { step } = this.#at;
    // moments are as finite as the gradients that were not skipped; what is not shows in the weights a step later
    const isSound = await this.#told("soundness", !state || state.parameters.values().every(allFinite) ? 1 : 0);
    if (!isSound) {
      const what = `Training diverged by step ${step}: not all weights are finite any more`;
      throw new DivergedError(what, { step, soundUntil: step - 1 });
    }
    if (!this.#isBroken) await this.#rankSteps?.checkWeights(step);
    if (state) yield { kind: "checkpoint", state };
    // the end of a run is once more what this moment took
    this.#clock.reserve(this.#clock.saving.stop() + this.#validated);
  }

  /** Where the time went. */
  times(): TimeRecord {
    return this.#clock.record();
  }

  /** Closes the text and gives the memory back; the model stays. */
  async close(): Promise<void> {
    await this.#source.close();
    this.#program?.destroy();
    await this.#evaluator?.destroy();
  }

  /** What the host does, noted where that is wanted. */
  #during<T>(name: string, work: () => Promise<T>): Promise<T> {
    const { during } = this.#options;
    return during ? during(name, work) : work();
  }

  get #finalLength(): number {
    return this.#settings.curriculum.at(-1)!.length;
  }

  get #isStopped(): boolean {
    return this.#rankSteps?.agreed.isStopped ?? this.#isInterrupted;
  }

  get #isInterrupted(): boolean {
    return this.#options.signal?.aborted ?? false;
  }

  /** Whether this process keeps and shows what comes of the run. */
  get #isFirst(): boolean {
    return (this.#options.ranks?.rank ?? 0) === 0;
  }

  /** Seconds on the wall; those of the first rank, where there are several. */
  get #elapsed(): number {
    return this.#rankSteps?.agreed.seconds ?? this.#clock.elapsed();
  }

  #agree(steps: RankSteps): Promise<void> {
    return steps.agree({ isStopped: this.#isInterrupted, seconds: this.#clock.elapsed() });
  }

  /** The first rank's number. */
  async #told(what: string, own: number): Promise<number> {
    const { ranks } = this.#options;
    return !ranks || this.#isBroken ? own : (await ranks.numbers(what, [own]))[0]![0]!;
  }

  #reached(): number {
    return progressOf(this.#settings.budget, { ...this.#at, seconds: this.#elapsed });
  }

  #state(): Promise<TrainingState> {
    return stateOf(this.#options.model, {
      ...this.#at,
      seconds: this.#clock.training.seconds(),
      elapsed: this.#clock.elapsed(),
      evaluateTokens: this.#evaluateTokens,
      trend: this.#trend,
      outerMomentum: this.#rankSteps?.outerMomentum,
    });
  }
}

/**
 * Throws where no token of the text can be masked: every step would have loss 0.
 *
 * @throws {RangeError} that says why.
 */
async function checkMaskable(
  { neverMask }: TrainingSettings,
  { corpus, tokenizer }: Pick<TrainOptions, "corpus" | "tokenizer">,
): Promise<void> {
  const survey = await surveyText({ corpus, tokenizer, neverMask });
  if (survey.maskable > 0) return;
  throw new RangeError(`Cannot train on ${corpus.name}: ${whyUnmaskable(survey, neverMask)}`);
}

/**
 * Throws where ranks cannot share a run's steps.
 *
 * @throws {RangeError} that says why.
 */
function checkRanks({ size }: Ranks, { accumulate, syncEvery = 1 }: TrainingSettings): void {
  if (accumulate < size) {
    throw new RangeError(`Cannot share steps of ${counted(accumulate, "tile")} among ${size} ranks`);
  }
  if (syncEvery > MOST_LOCAL_STEPS) {
    throw new RangeError(`Cannot train ${syncEvery} steps apart: ranks meet every ${MOST_LOCAL_STEPS} steps at least`);
  }
}

/** What steps reported, each as if it had trained. */
function* stepRecords(
  steps: readonly PreparedStep[],
  records: readonly StepRecords[],
  { seconds, since }: { seconds: number; since: number },
): Generator<TrainRecord> {
  const tokens = steps.reduce((sum, { before, after }) => sum + after.tokens - before.tokens, 0);
  const tokensPerSecond = tokens / Math.max(1e-9, seconds - since);
  for (const [i, { masked, pairs }] of records.entries()) {
    const { after, plan } = steps[i]!;
    const { loss, accuracy } = meanOf(masked);
    // of single texts nothing is told
    const nextSentence = pairs && pairs.labels > 0 ? meanOf(pairs) : undefined;
    yield {
      kind: "train",
      ...after,
      seconds: since + (seconds - since) * (i + 1) / steps.length,
      length: plan.length,
      maskRate: plan.maskRate,
      loss,
      accuracy,
      ...(nextSentence ? { nextSentence } : {}),
      learningRate: plan.learningRate,
      gradientNorm: masked.gradientNorm,
      tokensPerSecond,
    };
  }
}

/** Mean loss and accuracy; 0 where nothing was to be predicted. */
function meanOf({ lossSum, correct, labels }: StepRecord): { loss: number; accuracy: number } {
  return labels === 0 ? { loss: 0, accuracy: 0 } : { loss: lossSum / labels, accuracy: correct / labels };
}

async function stateOf(
  model: Model,
  at: Omit<TrainingState, "parameters" | "firstMoment" | "secondMoment">,
): Promise<TrainingState> {
  const { store, device } = model;
  const arrays = await device.read([store.values, store.firstMoment, store.secondMoment]);
  const [parameters, firstMoment, secondMoment] = arrays.map((bytes) => store.split(new Float32Array(bytes)));
  return { ...at, parameters: parameters!, firstMoment: firstMoment!, secondMoment: secondMoment! };
}

function restore(model: Model, state: TrainingState): void {
  const { store, device } = model;
  device.write(store.values, store.join(state.parameters));
  device.write(store.firstMoment, store.join(state.firstMoment));
  device.write(store.secondMoment, store.join(state.secondMoment));
}
