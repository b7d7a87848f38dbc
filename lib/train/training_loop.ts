/**
 * The training loop: what is given to the device, in order, and what there is to tell of it.
 *
 * @module
 */

import { KernelError } from "../device/device.ts";
import type { StepProgram, StepRecords } from "../model/model.ts";
import { FIRST_LOSS_SCALE } from "../optimizer/loss_scale.ts";
import { RING_SIZE } from "../optimizer/step.ts";
import { type BatchSource, batchSource } from "./batch_source.ts";
import { checkMaskable, restore } from "./beginning.ts";
import { runClock } from "./clock.ts";
import { checkContrastive } from "./contrastive_settings.ts";
import { deviceTime, type TimedWork } from "./device_time.ts";
import type { TrainEvent } from "./events.ts";
import { during, entering, finalLength, isFirstRank, type LoopSite } from "./loop_site.ts";
import type { Report } from "./report.ts";
import { checkRanks, type RankSteps, rankSteps } from "./rank_steps.ts";
import { type RunSaving, runSaving } from "./run_saving.ts";
import { type RunValidation, runValidation } from "./run_validation.ts";
import { isDue, progressOf } from "./schedule.ts";
import { defaultSettings, type TrainingSettings, type TrainOptions } from "./settings.ts";
import { type StepJudge, stepJudge } from "./step_judge.ts";
import { type PreparedStep, type StepQueue, stepQueue } from "./step_queue.ts";
import { stepRecords } from "./step_records.ts";
import { submitStep } from "./submit_step.ts";
import { tuneStages } from "./tune_stages.ts";

/** Seconds between two waits for the device: each costs a GPU's idle time and about 11 ms of a frozen event loop. */
const READ_INTERVAL = 0.5;

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

/** The settings of a run, where they and the model agree. */
function checkedSettings(options: TrainOptions): TrainingSettings {
  const { model, corpus, ranks } = options;
  const { preset, width, maxLength, nextSentence } = model.config;
  const settings = { ...defaultSettings({ preset, width }), ...options };
  if (ranks) checkRanks(ranks, settings, model.device);
  const { pack, contrastive, attention } = settings;
  const length = finalLength(settings);
  if (length > maxLength) throw new RangeError(`Cannot train at length ${length}: the model's longest is ${maxLength}`);
  if (pack === "pairs" && !nextSentence) {
    throw new RangeError("Cannot train on pairs of texts: the model has no head for next sentences (nextSentence)");
  }
  if (pack === "pairs" && attention) {
    throw new RangeError("Cannot cut pairs of texts into pieces for attention: the first must see the second");
  }
  if (contrastive) checkContrastive(settings, { model, corpus });
  return settings;
}

/** A run of training under way. */
export class TrainingLoop {
  readonly #site: LoopSite;
  readonly #source: BatchSource;
  readonly #steps: StepQueue;
  readonly #judge: StepJudge;
  readonly #validation: RunValidation;
  readonly #saving: RunSaving;
  #program: StepProgram | undefined;
  /** Steps that were submitted since the latest report of them, and when the first was. */
  #pending: PreparedStep[] = [];
  #begun = 0;
  #readEvery = 1;
  #progress: number;
  /** Step that was validated last, or that the run begins with. */
  #validated: number;

  /** Restores the state to go on from, if there is one; nothing is read yet. */
  constructor(options: TrainOptions) {
    const { model, corpus, tokenizer, resume, ranks } = options;
    const settings = checkedSettings(options);
    if (resume) restore(model, resume, settings.optimizer);
    this.#source = batchSource({ settings, corpus, tokenizer, position: resume?.position });
    const clock = runClock(settings.budget, resume);
    const start = { step: resume?.step ?? 0, tokens: resume?.tokens ?? 0 };
    const overlaps = model.device.stage !== undefined && !ranks;
    this.#site = {
      options,
      settings,
      clock,
      time: deviceTime({ overlaps }),
      overlaps,
      rankSteps: ranks && rankSteps({
        model,
        ranks,
        settings,
        bucket: options.gradientBucket,
        seconds: resume?.elapsed ?? resume?.seconds ?? 0,
        outerMomentum: resume?.outerMomentum,
      }),
      at: { ...start, position: this.#source.position },
      phase: "preparing",
      isBroken: false,
    };
    const lossScale = model.device.precision === "f16" ? resume?.lossScale ?? FIRST_LOSS_SCALE : undefined;
    if (lossScale) model.writeLossScale(lossScale);
    this.#judge = stepJudge({ trend: resume?.trend, lossScale });
    this.#steps = stepQueue({
      settings,
      width: model.config.width,
      source: this.#source,
      seconds: () => this.#elapsed,
      start,
      own: this.#rankSteps?.tiles,
    });
    this.#validation = runValidation(this.#site);
    this.#saving = runSaving(this.#site, { judge: this.#judge, validation: this.#validation });
    this.#progress = this.#reached();
    this.#validated = start.step;
  }

  /** Whether the device works while the host does something else. */
  get overlaps(): boolean {
    return this.#site.overlaps;
  }

  /**
   * Submits what there is to do, in order, and says what there is to tell of it. Where a device works by itself, what is told lags behind.
   */
  async *reports(): AsyncGenerator<Report> {
    const site = this.#site;
    yield entering(site, "preparing");
    await this.#prepare();
    while (true) {
      let step: PreparedStep | undefined;
      try {
        step = await this.#next();
        if (step) {
          if (this.#isNew(step)) {
            yield entering(site, "compiling");
            await this.#compile(step);
          }
          if (site.phase !== "training") yield { ...entering(site, "training"), isFirst: false };
          await this.#submit(step);
        }
      } catch (error) {
        yield { isFirst: true, events: () => this.#failing(error) };
        return;
      }
      const due = this.#due(step);
      if (!due.read) continue;
      yield await this.#stepReport();
      if (due.evaluate) {
        this.#validated = this.#site.at.step;
        yield* this.#validation.validate({ progress: this.#progress, programBytes: () => this.#program?.bytes ?? 0 });
      }
      if (due.sample) yield* this.#validation.samples();
      if (due.save) yield* this.#saving.checkpoint(due);
      if (!due.end) continue;
      yield { events: () => this.#ending() };
      return;
    }
  }

  /** Has the device choose its ways, and reads the validation text and the first batches. */
  async #prepare(): Promise<void> {
    const { options: { model, corpus, tokenizer, resume }, settings } = this.#site;
    await this.#during("tuning", () => tuneStages(model.device, model.config, settings));
    await this.#validation.prepare();
    await this.#during("loader", () => this.#steps.fill());
    if (!resume && this.#steps.masked === 0) await checkMaskable(settings, { corpus, tokenizer });
    await this.#rankSteps?.checkWeights(this.#site.at.step);
  }

  /** The next batch, or several to accumulate; undefined when the budget is used up or training is stopped. */
  async #next(): Promise<PreparedStep | undefined> {
    if (this.#rankSteps?.isSettled(this.#site.at.step)) await this.#agree(this.#rankSteps);
    const step = this.#isStopped ? undefined : await this.#during("loader", () => this.#steps.next());
    if (!step) await this.#rankSteps?.settle();
    return step;
  }

  /** Whether the model is to be compiled for the sizes of a step. */
  #isNew({ shape: { windows, length, capacity } }: PreparedStep): boolean {
    const { shape } = this.#program ?? {};
    return shape?.windows !== windows || shape.length !== length || shape.capacity !== capacity;
  }

  /** Compiles the model for the sizes of a step. */
  async #compile({ shape }: PreparedStep): Promise<void> {
    this.#program?.destroy();
    const { options: { model }, settings: { optimizer, recompute: recomputes = false } } = this.#site;
    const { bucket } = this.#rankSteps ?? {};
    const options = { recomputes, bucket };
    this.#program = await this.#during("recording", () => model.compileTraining(shape, optimizer, options));
  }

  /** Submits a step to the device and does not wait for it, or only for other ranks. */
  async #submit(step: PreparedStep): Promise<void> {
    const { options: { model }, settings } = this.#site;
    if (this.#pending.length === 0) this.#begun = performance.now();
    if (this.#rankSteps) await this.#during("sum", () => this.#rankSteps!.submit(this.#program!, step));
    else submitStep(model, this.#program!, step, settings);
    this.#pending.push(step);
    this.#site.at = { ...step.after, position: step.position };
  }

  /**
   * What is known of the steps before one that failed, and a checkpoint, where they can still be read; then it throws.
   */
  async *#failing(error: unknown): AsyncGenerator<TrainEvent> {
    // before the update the weights are those of the step before; in it they may be anything
    if (error instanceof KernelError && ["update", "momentum"].includes(error.section)) throw error;
    // what ranks have on their own is no state to go on from
    const site = this.#site;
    if (this.#rankSteps && !(isFirstRank(site) && this.#rankSteps.isSettled(site.at.step))) throw error;
    site.isBroken = true;
    try {
      yield* (await this.#stepReport()).events();
      if (this.#judge.isSound) {
        for await (const report of this.#saving.checkpoint({ end: true })) yield* report.events();
      }
    } catch {
      // the first error is the one to be told
    }
    throw error;
  }

  /** What there is to do now, after a step or instead of one. */
  #due(step: PreparedStep | undefined): Due {
    const { at, settings } = this.#site;
    if (this.#rankSteps && !this.#rankSteps.isSettled(at.step)) return NOTHING_DUE;
    const last = this.#pending.at(-1);
    // steps are planned ahead, so a budget by the clock is read here and not from the plan
    const since = this.#rankSteps ? this.#pending[0] : last;
    const before = { step: since?.before.step ?? at.step, progress: this.#progress };
    // what is set aside for the end changes with each pause, and nothing may be due twice
    this.#progress = Math.max(this.#progress, this.#reached());
    const now = { step: at.step, progress: this.#progress };
    const { evaluateEvery, saveEvery, sampleEvery } = settings;
    const [evaluate, save, sample] = [evaluateEvery, saveEvery, sampleEvery].map((every) => isDue(every, before, now));
    // as isDue() takes the last multiple
    const isOver = this.#progress >= 1 - 1e-9;
    const end = !step || isOver;
    // who interrupts wants the state saved, not a last validation; one that is due would be missing for ever
    const isFinished = end && (!this.#isStopped || isOver);
    return {
      read: this.#pending.length >= this.#readEvery || this.#rankSteps !== undefined || end || evaluate! || save! ||
        sample!,
      // the clock may run out when all steps have been read
      evaluate: (last !== undefined && evaluate!) || (isFinished && at.step !== this.#validated),
      // of texts that are compared no token is predicted
      sample: sample! && !this.#isStopped && !settings.contrastive,
      save: save! || end,
      end,
    };
  }

  /** The steps that were submitted, to be told. */
  async #stepReport(): Promise<Report> {
    const [steps, begun] = [this.#pending, this.#pending.length > 0 ? this.#begun : performance.now()];
    this.#pending = [];
    const [first, last] = [steps[0], steps.at(-1)];
    const read = first && last
      ? await this.#site.options.model.stageRecords({ first: first.before.step, end: last.after.step })
      : () => Promise.resolve([]);
    const timed = this.#site.time.timed(read, begun);
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
    const { isBroken, clock } = this.#site;
    const records = isBroken ? own : await this.#rankSteps?.records(own) ?? own;
    const since = clock.training.seconds();
    clock.training.add(passed);
    // the interval follows the speed of the device, at most doubling, so that the queue stays short
    const each = passed / Math.max(1, steps.length);
    this.#readEvery = Math.max(1, Math.min(2 * this.#readEvery, Math.floor(READ_INTERVAL / each), RING_SIZE / 2));
    const seconds = since + passed;
    for (const record of stepRecords(steps, records, { seconds, since })) yield* this.#judge.judged(record);
    yield* this.#saving.saved({ waits: false });
  }

  /** Waits for what is being saved, and tells where the time went. */
  async *#ending(): AsyncGenerator<TrainEvent> {
    yield* this.#saving.saved({ waits: true });
    yield this.#site.clock.record();
  }

  /** Closes the text and gives the memory back; the model stays. */
  async close(): Promise<void> {
    await this.#source.close();
    await this.#site.time.settled();
    await this.#saving.settled();
    this.#program?.destroy();
    await this.#validation.destroy();
  }

  /** What the host does, noted where that is wanted. */
  #during<T>(name: string, work: () => Promise<T>): Promise<T> {
    return during(this.#site, name, work);
  }

  get #rankSteps(): RankSteps | undefined {
    return this.#site.rankSteps;
  }

  get #isStopped(): boolean {
    return this.#rankSteps?.agreed.isStopped ?? this.#isInterrupted;
  }

  get #isInterrupted(): boolean {
    return this.#site.options.signal?.aborted ?? false;
  }

  /** Seconds on the wall; those of the first rank, where there are several. */
  get #elapsed(): number {
    return this.#rankSteps?.agreed.seconds ?? this.#site.clock.elapsed();
  }

  #agree(steps: RankSteps): Promise<void> {
    return steps.agree({ isStopped: this.#isInterrupted, seconds: this.#site.clock.elapsed() });
  }

  #reached(): number {
    return progressOf(this.#site.settings.budget, { ...this.#site.at, seconds: this.#elapsed });
  }
}
