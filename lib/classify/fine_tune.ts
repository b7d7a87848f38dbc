/**
 * Fine-tuning: trains all weights of a model that tells classes, and keeps those that did best on what is held out.
 *
 * @module
 */

import { compileClassification } from "../model/classification_program.ts";
import type { Model } from "../model/model.ts";
import { programCache } from "../model/program_cache.ts";
import type { TextShape } from "../model/text_inputs.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { batcher, passBatches } from "./batches.ts";
import type { Example } from "./examples.ts";
import { best, classificationPrograms, pieceLogits, softmax } from "./predict_pieces.ts";
import {
  type FineTuneProgress,
  type FineTuneState,
  type LooksState,
  type ParameterArrays,
  readTraining,
  writeTraining,
} from "./fine_tune_state.ts";
import { fineTuneOptimizer as optimizer, type FineTuneSettings, rateAt } from "./settings.ts";

/** What happens in fine-tuning. */
export type FineTuneEvent =
  | {
    /** Some steps are done. */
    readonly kind: "steps";
    /** How many so far. */
    readonly step: number;
    /** How many there will be, at most. */
    readonly steps: number;
    /** Mean loss of the latest ones, in nats, by the weights of the labels. */
    readonly loss: number;
  }
  | {
    /** What is held out was looked at. */
    readonly kind: "validation";
    /** Steps so far. */
    readonly step: number;
    /** Mean loss, in nats. */
    readonly loss: number;
    /** Share that is told right. */
    readonly accuracy: number;
    /** Whether no look before had a lower loss. */
    readonly isBest: boolean;
  };

/** Steps that are submitted before they are waited for. */
const SUBMITTED = 8;

/** What is learned, and what is held out. */
export interface Examples {
  /** Learned. */
  readonly training: readonly Example[];
  /** Held out; none: training goes on to its end. */
  readonly validation: readonly Example[];
}

/** How a fine-tuning begins, is kept and ends. */
export interface FineTuneCourse {
  /** Ends it after the step under way, with the weights of the best look until then, before the first the latest ones. */
  readonly signal?: AbortSignal | undefined;
  /** Where it goes on. Default: from the beginning. */
  readonly from?: FineTuneState | undefined;
  /** Is shown the progress after each look, and waited for. */
  readonly keep?: ((progress: FineTuneProgress) => Promise<void>) | undefined;
  /** What {@linkcode FineTuneState.print} will be. */
  readonly print?: string | undefined;
}

/**
 * Trains a model on examples. It ends after its steps, or when the loss on what is held out has not fallen for some looks; then
 * the model has the weights of the best look.
 *
 * @throws {RangeError} if the loss is not finite.
 */
export async function* fineTune(
  { model, tokenizer }: { model: Model; tokenizer: Tokenizer },
  { training, validation }: Examples,
  settings: FineTuneSettings,
  { signal, from, keep, print = "" }: FineTuneCourse = {},
): AsyncGenerator<FineTuneEvent> {
  const { steps, batch, seed } = settings;
  const submitted = submitter({ model, tokenizer }, training, settings);
  const held = validation.length > 0 ? watchHeldOut({ model, tokenizer }, validation, from) : undefined;
  if (from) writeTraining(model, from);
  let [step, first, weights]: [number, number, number[]] = [from?.step ?? 0, from?.step ?? 0, []];
  const state = async (): Promise<FineTuneState> => ({
    ...{ step, print, looks: held?.looks() ?? NO_LOOKS },
    ...await readTraining(model),
    best: held?.best(),
  });
  try {
    for (const examples of passes(training, { batch, seed }).drop(step)) {
      if (signal?.aborted || step === steps) break;
      weights.push(await submitted.step(examples, step++));
      const looks = step % settings.evaluateEvery === 0 || step === steps;
      if (!looks && step - first < SUBMITTED && !signal?.aborted) continue;
      yield { kind: "steps", step, steps, loss: await meanLoss(model, { first, end: step, weights }) };
      [first, weights] = [step, []];
      // who interrupts does not wait for a look
      if (!looks || signal?.aborted) continue;
      if (held) {
        const look = await held.look(step);
        yield look.event;
        if (look.sinceBest >= settings.patience) break;
      }
      if (step < steps && !signal?.aborted) await keep?.({ step, steps, state });
    }
    held?.restore(step);
  } finally {
    await submitted.close();
    await held?.close();
  }
}

/** Submits steps of training. */
function submitter(
  { model, tokenizer }: { model: Model; tokenizer: Tokenizer },
  training: readonly Example[],
  settings: FineTuneSettings,
) {
  const { batch, seed } = settings;
  const { parts } = batcher(training, { config: model.config, padding: tokenizer.special["[PAD]"], batch });
  const programs = programCache((shape: TextShape) => compileClassification(model, shape, { optimizer }));
  return {
    /** Submits a step; returns what the labels of its examples weigh. */
    async step(examples: readonly Example[], step: number): Promise<number> {
      const all = parts(examples);
      const weight = all.reduce((sum, part) => sum + part.weight, 0);
      for (const [microStep, part] of all.entries()) {
        const program = await programs.get(part.shape);
        const scales = { lossScale: weight > 0 ? 1 / weight : 0, learningRate: rateAt(step, settings) };
        model.writeStep({ seed, step, microStep, optimizer, ...scales });
        program.write(part);
        program.program.run(...microStep < all.length - 1 ? ["gradients"] : ["gradients", "update"]);
      }
      return weight;
    },
    close: () => programs.clear(),
  };
}

/** The batches of one pass after the other, without an end. */
function* passes(
  training: readonly Example[],
  { batch, seed }: { batch: number; seed: number },
): Generator<readonly Example[]> {
  for (let epoch = 0;; epoch++) yield* passBatches(training, { batch, seed, epoch });
}

/** Waits for steps, and gives the mean of their losses. */
async function meanLoss(
  model: Model,
  { first, end, weights }: { first: number; end: number; weights: readonly number[] },
): Promise<number> {
  const records = await model.readRecords({ first, end });
  const sum = records.reduce((sum, { masked: { lossSum } }) => sum + lossSum, 0);
  const loss = sum / Math.max(1e-30, weights.reduce((a, b) => a + b, 0));
  if (Number.isFinite(loss)) return loss;
  throw new RangeError(`Cannot go on: the loss is not finite at step ${end}; a lower learning rate helps`);
}

/** Before the first look. */
const NO_LOOKS: LooksState = { best: 0, sinceBest: 0, latest: 0 };

/** Looks at what is held out, and keeps the weights of the best look; `from`: goes on with what was told before. */
function watchHeldOut(
  { model, tokenizer }: { model: Model; tokenizer: Tokenizer },
  validation: readonly Example[],
  from: FineTuneState | undefined,
) {
  const programs = classificationPrograms(model);
  let { lowest = Infinity, best: bestStep, sinceBest, latest } = from?.looks ?? NO_LOOKS;
  // those of a latest look that is the best are what training goes on with
  let kept: ParameterArrays | undefined = from && (from.best ?? from.parameters);
  return {
    async look(step: number): Promise<{ event: FineTuneEvent; sinceBest: number }> {
      const logits = await pieceLogits(validation, { model, tokenizer, programs });
      const { loss, accuracy } = lossOf(validation, logits);
      const isBest = loss < lowest;
      if (isBest) [lowest, bestStep, sinceBest, kept] = [loss, step, 0, await model.readParameters()];
      else sinceBest++;
      latest = step;
      return { event: { kind: "validation", step, loss, accuracy, isBest }, sinceBest };
    },
    /** After so many steps gives the model the weights of the best look, if there was one. */
    restore(step: number) {
      if (kept && (sinceBest > 0 || step > latest)) model.writeParameters(kept);
    },
    looks: (): LooksState => ({ ...(lowest < Infinity ? { lowest } : {}), best: bestStep, sinceBest, latest }),
    /** The weights of the best look, where the latest is another. */
    best: () => sinceBest > 0 ? kept : undefined,
    close: () => programs.clear(),
  };
}

/** Mean loss by the weights of the labels, and the share that is told right. */
function lossOf(examples: readonly Example[], logits: readonly (readonly Float32Array[])[]) {
  let [loss, weight, right, count] = [0, 0, 0, 0];
  for (const [i, { labels, weights }] of examples.entries()) {
    for (const [j, label] of labels.entries()) {
      const probabilities = softmax(logits[i]![j]!);
      loss -= weights[j]! * Math.log(Math.max(Number.MIN_VALUE, probabilities[label]!));
      weight += weights[j]!;
      right += Number(best(probabilities) === label);
      count++;
    }
  }
  return { loss: loss / Math.max(1e-30, weight), accuracy: right / Math.max(1, count) };
}
