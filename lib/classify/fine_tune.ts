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
import { type FineTuneSettings, rateAt } from "./settings.ts";

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

/** Settings of AdamW: those of BERT's fine-tuning (Devlin et al., 2019). */
const optimizer = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, clip: 1 };

/** Steps that are submitted before they are waited for. */
const SUBMITTED = 8;

/** What is learned, and what is held out. */
export interface Examples {
  /** Learned. */
  readonly training: readonly Example[];
  /** Held out; none: training goes on to its end. */
  readonly validation: readonly Example[];
}

/**
 * Trains a model on examples. It ends after its steps, or when the loss on what is held out has not fallen for some looks; then
 * the model has the weights of the best look.
 *
 * @param signal Ends it after the step under way, with the weights of the best look until then, before the first the latest ones.
 * @throws {RangeError} if the loss is not finite.
 */
export async function* fineTune(
  { model, tokenizer }: { model: Model; tokenizer: Tokenizer },
  { training, validation }: Examples,
  settings: FineTuneSettings,
  signal?: AbortSignal,
): AsyncGenerator<FineTuneEvent> {
  const { steps, batch, seed } = settings;
  const padding = tokenizer.special["[PAD]"];
  const { parts } = batcher(training, { config: model.config, padding, batch });
  const programs = programCache((shape: TextShape) => compileClassification(model, shape, { optimizer }));
  const held = validation.length > 0 ? watchHeldOut({ model, tokenizer }, validation) : undefined;
  let [step, first, weights]: [number, number, number[]] = [0, 0, []];
  try {
    for (const examples of passes(training, { batch, seed })) {
      if (signal?.aborted) break;
      const all = parts(examples);
      const weight = all.reduce((sum, part) => sum + part.weight, 0);
      for (const [microStep, part] of all.entries()) {
        const program = await programs.get(part.shape);
        const scales = { lossScale: weight > 0 ? 1 / weight : 0, learningRate: rateAt(step, settings) };
        model.writeStep({ seed, step, microStep, optimizer, ...scales });
        program.write(part);
        program.program.run(...microStep < all.length - 1 ? ["gradients"] : ["gradients", "update"]);
      }
      weights.push(weight);
      step++;
      const looks = step % settings.evaluateEvery === 0 || step === steps;
      if (!looks && step - first < SUBMITTED && !signal?.aborted) continue;
      yield { kind: "steps", step, steps, loss: await meanLoss(model, { first, end: step, weights }) };
      [first, weights] = [step, []];
      // who interrupts does not wait for a look
      if (held && looks && !signal?.aborted) {
        const look = await held.look(step);
        yield look.event;
        if (look.sinceBest >= settings.patience) break;
      }
      if (step === steps) break;
    }
    held?.restore(step);
  } finally {
    await programs.clear();
    await held?.close();
  }
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

/** Looks at what is held out, and keeps the weights of the best look. */
function watchHeldOut(
  { model, tokenizer }: { model: Model; tokenizer: Tokenizer },
  validation: readonly Example[],
) {
  const programs = classificationPrograms(model);
  let [lowest, sinceBest, latest] = [Infinity, 0, 0];
  let kept: Map<string, Float32Array<ArrayBuffer>> | undefined;
  return {
    async look(step: number): Promise<{ event: FineTuneEvent; sinceBest: number }> {
      const logits = await pieceLogits(validation, { model, tokenizer, programs });
      const { loss, accuracy } = lossOf(validation, logits);
      const isBest = loss < lowest;
      if (isBest) [lowest, sinceBest, kept] = [loss, 0, await model.readParameters()];
      else sinceBest++;
      latest = step;
      return { event: { kind: "validation", step, loss, accuracy, isBest }, sinceBest };
    },
    /** After so many steps gives the model the weights of the best look, if there was one. */
    restore(step: number) {
      if (kept && (sinceBest > 0 || step > latest)) model.writeParameters(kept);
    },
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
