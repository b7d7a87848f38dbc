/**
 * The training loop: steps are prepared ahead, submitted without waiting, and their results read back together.
 *
 * @module
 */

import { surveyText } from "../batch/survey.ts";
import { type WindowPosition, WindowSource } from "../batch/windows.ts";
import { KernelError } from "../device/device.ts";
import { type BatchProgram, type Model, RING_SIZE, type StepRecord } from "../model/model.ts";
import type { Corpus } from "../text/corpus.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { createEvaluator, type Evaluation, type Evaluator, type SampleToken } from "./evaluate.ts";
import { type Budget, isDue, progressOf } from "./schedule.ts";
import {
  defaultEvaluateTokens,
  defaultSettings,
  EVALUATION_TOKENS,
  plannedEvaluateTokens,
  type TrainingSettings,
} from "./settings.ts";
import { type PreparedStep, stepQueue } from "./step_queue.ts";

/** Everything that a run needs to go on as if it had never stopped. */
export interface TrainingState {
  /** Steps that are behind. */
  readonly step: number;
  /** Tokens that are behind. */
  readonly tokens: number;
  /** Seconds of training that are behind. */
  readonly seconds: number;
  /** Seconds of a budget by the clock on the wall that are behind, validation and saving included. Default: `seconds`. */
  readonly elapsed?: number | undefined;
  /** Tokens that validation reads, once that is decided. */
  readonly evaluateTokens?: number | undefined;
  /** Place in the corpus. */
  readonly position: WindowPosition;
  /** Weights by name. */
  readonly parameters: ReadonlyMap<string, Float32Array<ArrayBuffer>>;
  /** AdamW's first moments by name. */
  readonly firstMoment: ReadonlyMap<string, Float32Array<ArrayBuffer>>;
  /** AdamW's second moments by name. */
  readonly secondMoment: ReadonlyMap<string, Float32Array<ArrayBuffer>>;
}

/** What one step of training reported. */
export interface TrainRecord {
  /** Tells events apart. */
  readonly kind: "train";
  /** Steps done, this one included. */
  readonly step: number;
  /** Tokens seen, this step's included. */
  readonly tokens: number;
  /** Seconds of training, without validation and saving. */
  readonly seconds: number;
  /** Tokens in a window. */
  readonly length: number;
  /** Share of tokens masked. */
  readonly maskRate: number;
  /** Mean cross-entropy of the masked tokens, in nats. */
  readonly loss: number;
  /** Share of masked tokens predicted rightly. */
  readonly accuracy: number;
  /** Learning rate. */
  readonly learningRate: number;
  /** Global gradient norm before clipping. */
  readonly gradientNorm: number;
  /** Over the steps read back together with this one. */
  readonly tokensPerSecond: number;
}

/** Result of a validation. */
export interface ValidationRecord extends Omit<Evaluation, "masked"> {
  /** Tells events apart. */
  readonly kind: "validation";
  /** Steps done. */
  readonly step: number;
  /** Tokens seen in training. */
  readonly tokens: number;
  /** Seconds of training. */
  readonly seconds: number;
  /** Tokens in a window. */
  readonly length: number;
  /** Share of padding in the training windows so far. */
  readonly paddingShare: number;
}

/** What {@linkcode train} yields. */
export type TrainEvent =
  | TrainRecord
  | ValidationRecord
  | { readonly kind: "samples"; readonly step: number; readonly samples: SampleToken[][] }
  | { readonly kind: "checkpoint"; readonly state: TrainingState }
  | TimeRecord;

/** Where the time went since training began or was resumed, in seconds; the last event. */
export interface TimeRecord {
  /** Tells events apart. */
  readonly kind: "time";
  /** Everything. */
  readonly elapsed: number;
  /** Steps of training. */
  readonly training: number;
  /** Validation and samples. */
  readonly validation: number;
  /** What was done with checkpoints. */
  readonly saving: number;
}

/** Options of {@linkcode train}. */
export interface TrainOptions extends Partial<TrainingSettings> {
  /** The model; its weights change. */
  model: Model;
  /** Text to train on and to validate on. */
  corpus: Corpus;
  /** Turns text into ids. */
  tokenizer: Tokenizer;
  /** How long to train. */
  budget: Budget;
  /** Goes on from here. Default: from the start. */
  resume?: TrainingState | undefined;
  /** When aborted, the step under way is finished, a last checkpoint is yielded and training ends. */
  signal?: AbortSignal | undefined;
}

/** A step whose loss or gradient is not a number. */
export class DivergedError extends Error {
  /** Name of the class. */
  override name = "DivergedError";
}

/** Seconds between two waits for the device: each costs a GPU's idle time and about 11 ms of a frozen event loop. */
const READ_INTERVAL = 0.5;

/**
 * Trains a model and yields what happens. The caller may stop iterating at any time.
 *
 * When the device fails in a step before its update, a checkpoint of the state before that step is yielded, where it can
 * still be read; the error is thrown.
 *
 * @throws {DivergedError} if a loss is not a number; such a step has not changed the weights.
 * @throws {RangeError} if no token of the text can be masked.
 *
 * @example
 * ```ts ignore
 * import { characterTokenizer, createModel, modelConfig, openDevice, scanCharacters, storiesCorpus, train } from "@cloze/mlm";
 *
 * const corpus = storiesCorpus();
 * const tokenizer = characterTokenizer((await scanCharacters(corpus)).characters);
 * const { device } = await openDevice();
 * const model = createModel(device, modelConfig({ vocab: tokenizer.size, size: "tiny" }));
 * for await (const event of train({ model, corpus, tokenizer, budget: { steps: 3 } })) {
 *   if (event.kind === "train") console.log(event.step, event.loss);
 * }
 * model.destroy();
 * device.destroy();
 * ```
 */
export async function* train(options: TrainOptions): AsyncGenerator<TrainEvent, void, void> {
  const { model, corpus, tokenizer, resume, signal } = options;
  const { preset, width } = model.config;
  const settings: TrainingSettings = { ...defaultSettings({ preset, width }), ...options };
  const finalLength = settings.curriculum.at(-1)!.length;
  if (finalLength > model.config.maxLength) {
    throw new RangeError(`Cannot train at length ${finalLength}: the model's longest is ${model.config.maxLength}`);
  }
  if (resume) restore(model, resume);
  const { seed } = settings;
  const start = { step: resume?.step ?? 0, tokens: resume?.tokens ?? 0 };
  const timer = stopwatch(resume?.seconds ?? 0);
  const wall = stopwatch(resume?.elapsed ?? resume?.seconds ?? 0);
  const [validating, saving] = [stopwatch(0), stopwatch(0)];
  wall.start();
  const words = settings.maskMode === "word" || settings.neverMask.length > 0;
  const { pack } = settings;
  const source = new WindowSource({
    corpus,
    tokenizer,
    words,
    pack,
    seed,
    ...(resume ? { position: resume.position } : {}),
  });
  // what the end will take is part of a budget by the clock
  let reserve = 0;
  const clock = () =>
    "minutes" in settings.budget ? stretched(wall.seconds(), { ...settings.budget, reserve }) : wall.seconds();
  const steps = stepQueue({ settings, width, tokenizer, source, seconds: clock, start });
  let evaluator: Evaluator | undefined;
  let program: BatchProgram | undefined;
  const pending: PreparedStep[] = [];
  let readEvery = 1;
  // what the state would be if training ended here
  let at = start;
  let position = source.position;
  const progress = () => progressOf(settings.budget, { ...at, seconds: clock() });
  let evaluateTokens = resume?.evaluateTokens ?? plannedEvaluateTokens(settings);
  const stateNow = () =>
    stateOf(model, { ...at, seconds: timer.seconds(), elapsed: clock(), evaluateTokens, position });
  let reached = progress();
  try {
    evaluator = await createEvaluator({
      model,
      corpus,
      tokenizer,
      length: finalLength,
      tokens: evaluateTokens ?? EVALUATION_TOKENS,
      rule: settings.maskRule,
      pack,
    });
    await steps.fill();
    if (!resume && steps.masked === 0) await checkMaskable(settings, { corpus, tokenizer });
    let lastRead = timer.seconds();
    while (true) {
      const step = signal?.aborted ? undefined : await steps.next();
      if (step) {
        if (program?.shape.length !== step.plan.length || program.shape.slots !== step.shape.slots) {
          program?.destroy();
          program = await model.compileTraining(step.shape, settings.optimizer);
        }
        // the clock runs from the first step on: compiling the first program is no training
        timer.start();
        try {
          submit(model, program, step, settings);
        } catch (error) {
          // before the update the weights are those of the step before; in it they may be anything
          const isWhole = !(error instanceof KernelError && error.section === "update");
          const state = isWhole ? await stateNow().catch(() => undefined) : undefined;
          if (state) yield { kind: "checkpoint", state };
          throw error;
        }
        pending.push(step);
        at = step.after;
        position = step.position;
      }
      const last = pending.at(-1);
      // steps are planned ahead, so a budget by the clock is read here and not from the plan
      const before = { step: last?.before.step ?? at.step, progress: reached };
      reached = progress();
      const due = dueBetween(before, { step: at.step, progress: reached }, settings);
      const isLast = !step || reached >= 1;
      if (pending.length >= readEvery || isLast || due.evaluate || due.save || due.sample) {
        await steps.fill();
        const records = last ? await model.readRecords({ first: pending[0]!.before.step, last: last.after.step }) : [];
        timer.stop();
        const seconds = timer.seconds();
        yield* trainRecords(pending, records, { seconds, since: lastRead });
        // the interval follows the speed of the device, at most doubling, so that the queue stays short
        const each = (seconds - lastRead) / Math.max(1, pending.length);
        readEvery = Math.max(1, Math.min(2 * readEvery, Math.floor(READ_INTERVAL / each), RING_SIZE / 2));
        pending.length = 0;
        // who interrupts wants the state saved, not a last validation; one that is due would be missing for ever
        const stopped = signal?.aborted ?? false;
        if (last && (due.evaluate || (isLast && (!stopped || reached >= 1)))) {
          validating.start();
          if (evaluateTokens === undefined) {
            // by the clock, only the speed so far tells how much text the whole run will see
            const trainTokens = at.tokens / Math.min(1, Math.max(reached, 1e-9));
            const every = settings.evaluateEvery;
            evaluateTokens = defaultEvaluateTokens({ trainTokens, every, steps: at.step / Math.max(reached, 1e-9) });
            evaluator.restrict(evaluateTokens);
          }
          const { loss, accuracy, perplexity } = await evaluator.evaluate();
          validating.stop();
          const { paddingShare } = source;
          yield { kind: "validation", ...at, seconds, length: finalLength, loss, accuracy, perplexity, paddingShare };
        }
        if (due.sample && !stopped) {
          validating.start();
          const samples = await evaluator.sample(3);
          validating.stop();
          yield { kind: "samples", step: at.step, samples };
        }
        if (due.save || isLast) {
          saving.start();
          const saved = saving.seconds();
          yield { kind: "checkpoint", state: await stateNow() };
          saving.stop();
          reserve = saving.seconds() - saved + validating.last;
        }
        if (isLast) {
          const [training, validation] = [timer.seconds() - (resume?.seconds ?? 0), validating.seconds()];
          const elapsed = wall.seconds() - (resume?.elapsed ?? resume?.seconds ?? 0);
          yield { kind: "time", elapsed, training, validation, saving: saving.seconds() };
          return;
        }
        lastRead = seconds;
      }
    }
  } finally {
    await source.close();
    program?.destroy();
    evaluator?.destroy();
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
  const { maskable, unknown, tokens, examples } = await surveyText({ corpus, tokenizer, neverMask });
  if (maskable > 0) return;
  const why = unknown > 0
    ? `its tokens are unknown to this vocabulary, such as ${examples.map((word) => JSON.stringify(word)).join(", ")}`
    : neverMask.length > 0
    ? "its words are never to be masked"
    : "all of its tokens are special ones";
  throw new RangeError(`Cannot train on ${corpus.name}: none of its first ${tokens} tokens can be masked, for ${why}`);
}

/** Everything of a step in one or, with accumulation, a few submissions; nothing is awaited. */
function submit(model: Model, program: BatchProgram, step: PreparedStep, settings: TrainingSettings): void {
  const masked = step.batches.reduce((sum, batch) => sum + batch.labels.length, 0);
  const { seed, optimizer } = settings;
  const { learningRate } = step.plan;
  for (const [microStep, batch] of step.batches.entries()) {
    const lossScale = masked === 0 ? 0 : 1 / masked;
    model.writeStep({ seed, step: step.before.step, microStep, lossScale, learningRate, optimizer });
    program.write(batch);
    if (microStep < step.batches.length - 1) program.program.run("gradients");
    else program.program.run("gradients", "update");
  }
}

function* trainRecords(
  steps: readonly PreparedStep[],
  records: readonly StepRecord[],
  { seconds, since }: { seconds: number; since: number },
): Generator<TrainRecord> {
  const tokens = steps.reduce((sum, { before, after }) => sum + after.tokens - before.tokens, 0);
  const tokensPerSecond = tokens / Math.max(1e-9, seconds - since);
  for (const [i, { lossSum, right, masked, gradientNorm }] of records.entries()) {
    const { after, plan } = steps[i]!;
    const loss = masked === 0 ? 0 : lossSum / masked;
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) {
      throw new DivergedError(
        `Training diverged at step ${after.step}: loss ${loss}, gradient norm ${gradientNorm}; ` +
          `a lower learning rate than ${plan.learningRate.toPrecision(3)} or a longer warm-up helps`,
      );
    }
    yield {
      kind: "train",
      ...after,
      seconds: since + (seconds - since) * (i + 1) / steps.length,
      length: plan.length,
      maskRate: plan.maskRate,
      loss,
      accuracy: masked === 0 ? 0 : right / masked,
      learningRate: plan.learningRate,
      gradientNorm,
      tokensPerSecond,
    };
  }
}

function dueBetween(
  before: { step: number; progress: number },
  after: { step: number; progress: number },
  settings: TrainingSettings,
) {
  return {
    evaluate: isDue(settings.evaluateEvery, before, after),
    save: isDue(settings.saveEvery, before, after),
    sample: isDue(settings.sampleEvery, before, after),
  };
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

/** Seconds of a budget that are behind, as if the end took no time: they reach the budget when only the end is left. */
function stretched(seconds: number, { minutes, reserve }: { minutes: number; reserve: number }): number {
  const whole = 60 * minutes;
  return seconds * whole / Math.max(whole / 2, whole - reserve);
}

/** Seconds, with breaks. */
function stopwatch(before: number) {
  let sum = before;
  let started: number | undefined;
  let last = 0;
  return {
    start: () => {
      started ??= performance.now();
    },
    stop: () => {
      if (started === undefined) return;
      last = (performance.now() - started) / 1000;
      sum += last;
      started = undefined;
    },
    seconds: () => sum + (started === undefined ? 0 : (performance.now() - started) / 1000),
    /** Seconds between the latest start and stop. */
    get last() {
      return last;
    },
  };
}
