/**
 * The pieces of the training loop, each by its name; {@linkcode train} puts them in order.
 *
 * @module
 */

import { surveyText, whyUnmaskable } from "../batch/survey.ts";
import { allFinite } from "../format/finite.ts";
import { paddingShare } from "../batch/windows.ts";
import { KernelError } from "../device/device.ts";
import { readInPieces, stageTensors } from "../device/staged.ts";
import type { Model, StepProgram, StepRecords } from "../model/model.ts";
import { FIRST_LOSS_SCALE, isOverflow, type LossScale, nextLossScale } from "../optimizer/loss_scale.ts";
import {
  momentTensors,
  optimizerOf,
  type OptimizerOptions,
  splitMoments,
  writeMoments,
} from "../optimizer/optimizer.ts";
import { RING_SIZE } from "../optimizer/step.ts";
import { type RunClock, runClock } from "./clock.ts";
import { createContrastiveEvaluator } from "../evaluate/contrastive_evaluator.ts";
import { createEvaluator, type EvaluatedGroup, type Evaluator } from "../evaluate/evaluator.ts";
import { type BatchSource, batchSource } from "./batch_source.ts";
import { checkContrastive } from "./contrastive_settings.ts";
import { type DeviceTime, deviceTime, type TimedWork } from "./device_time.ts";
import { DivergedError, MOST_SKIPPED } from "./diverged.ts";
import type {
  OverflowRecord,
  Phase,
  PhaseRecord,
  SkippedRecord,
  SpikeRecord,
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
import type { Report } from "./report.ts";
import { checkRanks, type RankSteps, rankSteps } from "./rank_steps.ts";
import { type PreparedStep, stageShape, type StepQueue, stepQueue } from "./step_queue.ts";
import { stepRecords } from "./step_records.ts";
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
interface Due {
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

/** Where training is. */
type At = Pick<TrainingState, "step" | "tokens" | "position">;

/** A checkpoint that is being saved while training goes on. */
interface Saving {
  readonly state: TrainingState;
  readonly promise: Promise<void>;
  isDone: boolean;
}

/** What becomes of a step that was read back. */
type StepEvent = TrainRecord | SkippedRecord | OverflowRecord | SpikeRecord;

/** A run of training under way. */
export class TrainingLoop {
  /** Whether the device works while the host does something else; ranks do everything in one order. */
  readonly overlaps: boolean;
  readonly #options: TrainOptions;
  readonly #settings: TrainingSettings;
  readonly #source: BatchSource;
  readonly #steps: StepQueue;
  /** What this process does of the steps, where ranks share them or they are made of tiles. */
  readonly #rankSteps: RankSteps | undefined;
  readonly #clock: RunClock;
  #evaluator: Evaluator | undefined;
  #program: StepProgram | undefined;
  readonly #time: DeviceTime;
  /** Steps that were submitted since the latest report of them, and when the first was. */
  #pending: PreparedStep[] = [];
  #begun = 0;
  #readEvery = 1;
  /** What the state would be if training ended with what was submitted. */
  #at: At;
  #progress: number;
  #trend: LossTrend;
  /** What the device multiplies the next step's loss by, as far as steps were read back, where activations are f16. */
  #lossScale: LossScale | undefined;
  #evaluateTokens: number | undefined;
  /** Seconds of the latest validation. */
  #validated = 0;
  /** What the device was given last. */
  #phase: Phase = "preparing";
  #saving: Saving | undefined;
  /** Whether training has failed: no other rank answers any more. */
  #isBroken = false;

  /** Restores the state to go on from, if there is one; nothing is read yet. */
  constructor(options: TrainOptions) {
    const { model, corpus, tokenizer, resume, ranks } = options;
    const { preset, width, maxLength } = model.config;
    this.#options = options;
    this.overlaps = model.device.stage !== undefined && !ranks;
    this.#time = deviceTime(this);
    this.#settings = { ...defaultSettings({ preset, width }), ...options };
    if (ranks) checkRanks(ranks, this.#settings, model.device);
    const { pack, budget, contrastive } = this.#settings;
    if (this.#finalLength > maxLength) {
      throw new RangeError(`Cannot train at length ${this.#finalLength}: the model's longest is ${maxLength}`);
    }
    if (pack === "pairs" && !model.config.nextSentence) {
      throw new RangeError("Cannot train on pairs of texts: the model has no head for next sentences (nextSentence)");
    }
    if (pack === "pairs" && this.#settings.attention) {
      throw new RangeError("Cannot cut pairs of texts into pieces for attention: the first must see the second");
    }
    if (contrastive) checkContrastive(this.#settings, { model, corpus });
    if (resume) restore(model, resume, this.#settings.optimizer);
    this.#source = batchSource({ settings: this.#settings, corpus, tokenizer, position: resume?.position });
    this.#clock = runClock(budget, resume);
    const seconds = resume?.elapsed ?? resume?.seconds ?? 0;
    this.#rankSteps = ranks && rankSteps({
      model,
      ranks,
      settings: this.#settings,
      bucket: options.gradientBucket,
      seconds,
      outerMomentum: resume?.outerMomentum,
    });
    const start = { step: resume?.step ?? 0, tokens: resume?.tokens ?? 0 };
    this.#at = { ...start, position: this.#source.position };
    this.#trend = resume?.trend ?? NO_TREND;
    if (model.device.precision === "f16") {
      this.#lossScale = resume?.lossScale ?? FIRST_LOSS_SCALE;
      model.writeLossScale(this.#lossScale);
    }
    this.#steps = stepQueue({
      settings: this.#settings,
      width,
      source: this.#source,
      seconds: () => this.#elapsed,
      start,
      own: this.#rankSteps?.tiles,
    });
    this.#evaluateTokens = resume?.evaluateTokens ?? plannedEvaluateTokens(this.#settings);
    this.#progress = this.#reached();
  }

  /**
   * Submits what there is to do, in order, and says what there is to tell of it. Where a device works by itself, what is told lags behind.
   */
  async *reports(): AsyncGenerator<Report> {
    yield this.#entering("preparing");
    await this.#prepare();
    while (true) {
      let step: PreparedStep | undefined;
      try {
        step = await this.#next();
        if (step) {
          if (this.#isNew(step)) {
            yield this.#entering("compiling");
            await this.#compile(step);
          }
          if (this.#phase !== "training") yield { ...this.#entering("training"), isFirst: false };
          await this.#submit(step);
        }
      } catch (error) {
        yield { isFirst: true, events: () => this.#failing(error) };
        return;
      }
      const due = this.#due(step);
      if (!due.read) continue;
      yield await this.#stepReport();
      if (due.evaluate) yield* this.#validation();
      if (due.sample) yield* this.#samples();
      if (due.save) yield* this.#checkpoint(due);
      if (!due.end) continue;
      yield { events: () => this.#ending() };
      return;
    }
  }

  /** Has the device choose its ways, and reads the validation text and the first batches. */
  async #prepare(): Promise<void> {
    const { model, corpus, tokenizer, resume } = this.#options;
    await this.#during("tuning", () => tuneStages(model.device, model.config, this.#settings));
    const { maskRule: rule, pack, contrastive } = this.#settings;
    const tokens = this.#evaluateTokens ?? EVALUATION_TOKENS;
    const text = { model, corpus, tokenizer, length: this.#finalLength, tokens };
    this.#evaluator = contrastive
      ? await createContrastiveEvaluator({ ...text, shape: stageShape(this.#settings, this.#lastStage) })
      : await createEvaluator({ ...text, rule, pack, share: this.#options.ranks });
    // what is read, where the text or a window ends sooner: by that runs are compared
    if (this.#evaluateTokens !== undefined) this.#evaluateTokens = this.#evaluator.tokens;
    await this.#during("loader", () => this.#steps.fill());
    if (!resume && this.#steps.masked === 0) await checkMaskable(this.#settings, { corpus, tokenizer });
    await this.#rankSteps?.checkWeights(this.#at.step);
  }

  /** The next batch, or several to accumulate; undefined when the budget is used up or training is stopped. */
  async #next(): Promise<PreparedStep | undefined> {
    if (this.#rankSteps?.isSettled(this.#at.step)) await this.#agree(this.#rankSteps);
    const step = this.#isStopped ? undefined : await this.#during("loader", () => this.#steps.next());
    if (!step) await this.#rankSteps?.settle();
    return step;
  }

  /** Goes over to something else, which is told before that begins. */
  #entering(phase: Phase): Report {
    const record = this.#enter(phase);
    const events = async function* () {
      yield record;
    };
    return { isFirst: true, events };
  }

  #enter(phase: Phase, share?: number): PhaseRecord {
    this.#phase = phase;
    return { kind: "phase", phase, step: this.#at.step, ...(share === undefined ? {} : { share }) };
  }

  /** Whether the model is to be compiled for the sizes of a step. */
  #isNew({ shape: { windows, length, capacity } }: PreparedStep): boolean {
    const { shape } = this.#program ?? {};
    return shape?.windows !== windows || shape.length !== length || shape.capacity !== capacity;
  }

  /** Compiles the model for the sizes of a step. */
  async #compile({ shape }: PreparedStep): Promise<void> {
    this.#program?.destroy();
    const { optimizer, recompute: recomputes = false } = this.#settings;
    const [{ model }, { bucket } = {}] = [this.#options, this.#rankSteps];
    const options = { recomputes, bucket };
    this.#program = await this.#during("recording", () => model.compileTraining(shape, optimizer, options));
  }

  /** Submits a step to the device and does not wait for it, or only for other ranks. */
  async #submit(step: PreparedStep): Promise<void> {
    const { model } = this.#options;
    if (this.#pending.length === 0) this.#begun = performance.now();
    if (this.#rankSteps) await this.#during("sum", () => this.#rankSteps!.submit(this.#program!, step));
    else submitStep(model, this.#program!, step, this.#settings);
    this.#pending.push(step);
    this.#at = { ...step.after, position: step.position };
  }

  /**
   * What is known of the steps before one that failed, and a checkpoint, where they can still be read; then it throws.
   */
  async *#failing(error: unknown): AsyncGenerator<TrainEvent> {
    // before the update the weights are those of the step before; in it they may be anything
    if (error instanceof KernelError && ["update", "momentum"].includes(error.section)) throw error;
    // what ranks have on their own is no state to go on from
    if (this.#rankSteps && !(this.#isFirst && this.#rankSteps.isSettled(this.#at.step))) throw error;
    this.#isBroken = true;
    try {
      yield* (await this.#stepReport()).events();
      if (this.#isSound) { for await (const report of this.#checkpoint({ end: true })) yield* report.events(); }
    } catch {
      // the first error is the one to be told
    }
    throw error;
  }

  /** What there is to do now, after a step or instead of one. */
  #due(step: PreparedStep | undefined): Due {
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
    // as isDue() takes the last multiple
    const isOver = this.#progress >= 1 - 1e-9;
    const end = !step || isOver;
    // who interrupts wants the state saved, not a last validation; one that is due would be missing for ever
    const isFinished = end && (!this.#isStopped || isOver);
    return {
      read: this.#pending.length >= this.#readEvery || this.#rankSteps !== undefined || end || evaluate! || save! ||
        sample!,
      evaluate: last !== undefined && (evaluate! || isFinished),
      // of texts that are compared no token is predicted
      sample: sample! && !this.#isStopped && !this.#settings.contrastive,
      save: save! || end,
      end,
    };
  }

  /** Whether the weights are worth keeping as far as is known: the latest step that was told was not skipped. */
  get #isSound(): boolean {
    return this.#trend.inARow === 0;
  }

  /** The steps that were submitted, to be told. */
  async #stepReport(): Promise<Report> {
    const [steps, begun] = [this.#pending, this.#pending.length > 0 ? this.#begun : performance.now()];
    this.#pending = [];
    const [first, last] = [steps[0], steps.at(-1)];
    const read = first && last
      ? await this.#options.model.stageRecords({ first: first.before.step, end: last.after.step })
      : () => Promise.resolve([]);
    const timed = this.#time.timed(read, begun);
    return { begin: timed.begin, events: () => this.#stepEvents(steps, timed) };
  }

  /**
   * Waits for steps and yields what they report.
   *
   * @throws {DivergedError} if too many in a row were skipped.
   */
  async *#stepEvents(steps: readonly PreparedStep[], timed: TimedWork<StepRecords[]>): AsyncGenerator<TrainEvent> {
    await this.#during("loader", () => this.#steps.fill());
    const { value: own, seconds: passed } = await timed.result();
    const records = this.#isBroken ? own : await this.#rankSteps?.records(own) ?? own;
    const since = this.#clock.training.seconds();
    this.#clock.training.add(passed);
    // the interval follows the speed of the device, at most doubling, so that the queue stays short
    const each = passed / Math.max(1, steps.length);
    this.#readEvery = Math.max(1, Math.min(2 * this.#readEvery, Math.floor(READ_INTERVAL / each), RING_SIZE / 2));
    const seconds = since + passed;
    for (const record of stepRecords(steps, records, { seconds, since })) yield* this.#judged(record);
    yield* this.#saved({ waits: false });
  }

  /** A step as an event: one that trained, perhaps with a spike, or one that was skipped. */
  *#judged(told: TrainRecord): Generator<StepEvent> {
    const { overflow, record } = this.#scaled(told);
    if (overflow) {
      yield overflow;
      return;
    }
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

  /** A step with its loss scale, where there is one, and whether that was too high: what the device found, once more. */
  #scaled(record: TrainRecord): { record: TrainRecord; overflow?: OverflowRecord } {
    const scale = this.#lossScale;
    if (!scale) return { record };
    const { loss, gradientNorm, nextSentence } = record;
    // a loss that is not finite is one, whichever it is
    const found = { loss: loss + (nextSentence?.loss ?? 0), gradientNorm };
    this.#lossScale = nextLossScale(scale, found);
    const lossScale = scale.factor;
    if (!isOverflow(scale, found)) return { record: { ...record, lossScale } };
    const { accuracy: _, nextSentence: __, gradientNorm: ___, ...rest } = record;
    return { record, overflow: { ...rest, kind: "overflow", lossScale } };
  }

  /** Validates; says how far it is. */
  async *#validation(): AsyncGenerator<Report> {
    const [at, evaluator] = [this.#at, this.#evaluator!];
    const isNew = this.#evaluateTokens === undefined || !evaluator.isCompiled;
    const entering = this.#entering("validating");
    if (isNew) yield entering;
    let begun = performance.now();
    this.#evaluateTokens ??= await this.#restricted();
    if (isNew) await this.#during("recording", () => evaluator.compile());
    const what = (loss: number) => `Training diverged by step ${at.step}: the validation loss is ${loss}`;
    const failure = (loss: number) => new DivergedError(what(loss), { step: at.step, soundUntil: at.step - 1 });
    if (!isNew) yield { ...entering, isFirst: false };
    this.#validated = 0;
    for await (const group of evaluator.groups(failure)) {
      const timed = this.#time.timed(() => group.result(), begun);
      yield { begin: timed.begin, events: () => this.#validationEvents(at, timed) };
      begun = performance.now();
    }
  }

  async *#validationEvents(
    at: At,
    timed: TimedWork<Awaited<ReturnType<EvaluatedGroup["result"]>>>,
  ): AsyncGenerator<TrainEvent> {
    const { value: { share, evaluation }, seconds } = await this.#during("validation", () => timed.result());
    this.#clock.validation.add(seconds);
    this.#validated += seconds;
    yield { kind: "phase", phase: "validating", step: at.step, share };
    if (!evaluation) return;
    const { predicted: _, ...means } = evaluation;
    yield {
      kind: "validation",
      step: at.step,
      tokens: at.tokens,
      seconds: this.#clock.training.seconds(),
      length: this.#finalLength,
      ...means,
      paddingShare: paddingShare(at.position),
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
    const timed = await this.#during("validation", () => evaluator.tokenSeconds(enough));
    const measured = await this.#told("seconds", timed);
    // steps were timed for longer, if at shorter lengths: a mean of that does not know a machine's quick moments
    const trained = await this.#told("trained", this.#clock.training.seconds());
    const tokenSeconds = Math.max(measured, FORWARD_SHARE * trained / this.#at.tokens);
    const steps = this.#at.step / Math.min(1, Math.max(this.#progress, 1e-9));
    const spent = await this.#told("spent", this.#clock.validation.seconds());
    await evaluator.restrict(clockEvaluateTokens({ seconds, spent, tokenSeconds, every, steps }));
    return evaluator.tokens;
  }

  /** Predictions for the first windows of the validation text. */
  async *#samples(): AsyncGenerator<Report> {
    if (!this.#isFirst) return;
    const [{ step }, evaluator] = [this.#at, this.#evaluator!];
    const entering = this.#entering("sampling");
    yield { ...entering, isFirst: !evaluator.isCompiled };
    const begun = performance.now();
    const sampling = await evaluator.sampling(SAMPLES);
    const timed = this.#time.timed(() => sampling.result(), begun);
    const events = async function* (this: TrainingLoop): AsyncGenerator<TrainEvent> {
      const { value: samples, seconds } = await this.#during("samples", () => timed.result());
      this.#clock.validation.add(seconds);
      yield { kind: "samples", step, samples };
    };
    yield { begin: timed.begin, events: events.bind(this) };
  }

  /**
   * Copies the state, and hands it out while the device goes on. What was skipped last may have weights to blame that are not to
   * replace better ones.
   *
   * @throws {DivergedError} if not all weights are finite: nobody could go on from it.
   */
  async *#checkpoint({ end }: Pick<Due, "end">): AsyncGenerator<Report> {
    if (!this.overlaps && !end && !this.#isSound) return;
    if (!this.#isFirst) return yield { events: () => this.#attended() };
    const { model: { store, device } } = this.#options;
    const [at, elapsed, begun, entered] = [this.#at, this.#clock.elapsed(), performance.now(), this.#enter("saving")];
    const tensors = [store.values, ...momentTensors(store, this.#settings.optimizer)];
    const staged = await stageTensors(device, tensors);
    const timed = this.#time.timed(() => staged ? staged.read() : readInPieces(device, tensors), begun);
    const events = async function* (this: TrainingLoop): AsyncGenerator<TrainEvent> {
      if (!end && !this.#isSound) return void await timed.result();
      yield entered;
      const { value: arrays, seconds } = await this.#during("state", () => timed.result());
      const told = performance.now();
      yield* this.#handedOut(this.#stateOf(arrays, { ...at, elapsed }), { end });
      // of what the device does meanwhile the time is counted already
      const passed = (performance.now() - told) / 1000;
      this.#clock.saving.add(seconds + (this.overlaps && !end ? 0 : passed));
      // the end of a run is once more what this moment took
      if (!this.#saving) this.#clock.reserve(seconds + passed + this.#validated);
    };
    yield { begin: timed.begin, isFirst: !staged, events: events.bind(this) };
  }

  async *#handedOut(state: TrainingState, { end }: Pick<Due, "end">): AsyncGenerator<TrainEvent> {
    // moments are as finite as the gradients that were not skipped; what is not shows in the weights a step later
    await this.#checkWeights(state.step, { areFinite: state.parameters.values().every(allFinite) });
    const { keep } = this.#options;
    if (!keep) return yield { kind: "checkpoint", state };
    // one at a time
    yield* this.#saved({ waits: true });
    const begun = performance.now();
    const promise = keep(state).finally(() => {
      saving.isDone = true;
      this.#clock.reserve((performance.now() - begun) / 1000 + this.#validated);
    });
    const saving: Saving = { state, promise, isDone: false };
    // an error is thrown where it is waited for
    promise.catch(() => {});
    this.#saving = saving;
    yield* this.#saved({ waits: end || !this.overlaps });
  }

  /** A checkpoint that the first rank hands out. */
  async *#attended(): AsyncGenerator<TrainEvent> {
    yield this.#enter("saving");
    await this.#checkWeights(this.#at.step, { areFinite: true });
  }

  /** Throws where nobody could go on from the weights, by what the first rank finds, or where ranks have different ones. */
  async #checkWeights(step: number, { areFinite }: { areFinite: boolean }): Promise<void> {
    if (!await this.#told("soundness", areFinite ? 1 : 0)) {
      const what = `Training diverged by step ${step}: not all weights are finite any more`;
      throw new DivergedError(what, { step, soundUntil: step - 1 });
    }
    if (!this.#isBroken) await this.#rankSteps?.checkWeights(step);
  }

  /** The checkpoint that is being saved, once it is. */
  async *#saved({ waits }: { waits: boolean }): AsyncGenerator<TrainEvent> {
    const saving = this.#saving;
    if (!saving || !(waits || saving.isDone)) return;
    this.#saving = undefined;
    await saving.promise;
    yield { kind: "checkpoint", state: saving.state };
  }

  /** Waits for what is being saved, and tells where the time went. */
  async *#ending(): AsyncGenerator<TrainEvent> {
    yield* this.#saved({ waits: true });
    yield this.#clock.record();
  }

  /** Closes the text and gives the memory back; the model stays. */
  async close(): Promise<void> {
    await this.#source.close();
    await this.#time.settled();
    await this.#saving?.promise.catch(() => {});
    this.#program?.destroy();
    await this.#evaluator?.destroy();
  }

  /** What the host does, noted where that is wanted. */
  #during<T>(name: string, work: () => Promise<T>): Promise<T> {
    const { during } = this.#options;
    return during ? during(name, work) : work();
  }

  get #lastStage(): number {
    return this.#settings.curriculum.length - 1;
  }

  get #finalLength(): number {
    return this.#settings.curriculum[this.#lastStage]!.length;
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

  #stateOf(
    arrays: readonly ArrayBuffer[],
    at: At & { readonly elapsed: number },
  ): TrainingState {
    const { store } = this.#options.model;
    const { optimizer } = this.#settings;
    const [values, first, second] = arrays.map((bytes) => new Float32Array(bytes));
    const moments = splitMoments(store, optimizer, [first!, second!]);
    const outerMomentum = this.#rankSteps?.outerMomentum;
    return {
      ...at,
      seconds: this.#clock.training.seconds(),
      evaluateTokens: this.#evaluateTokens,
      trend: this.#trend,
      ...(this.#lossScale ? { lossScale: this.#lossScale } : {}),
      parameters: store.split(values!),
      optimizer: optimizerOf(optimizer),
      ...moments,
      ...(outerMomentum ? { outerMomentum } : {}),
    };
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

/** @throws {RangeError} if the state is another optimizer's. */
function restore({ store }: Model, state: TrainingState, options: OptimizerOptions): void {
  const [before, now] = [state.optimizer ?? "adamw", optimizerOf(options)];
  if (before !== now) {
    throw new RangeError(
      `Cannot go on with the optimizer ${now}: the state is one of ${before}, which keeps other moments`,
    );
  }
  store.writeAll(state.parameters);
  writeMoments(store, options, state);
}
