/**
 * Runs a model on masked batches, and adds up the losses of their tokens.
 *
 * @module
 */

import type { Batch } from "../batch/batch.ts";
import { stageTensors } from "../device/staged.ts";
import type { BatchShape, EvaluationProgram, Model } from "../model/model.ts";
import { type ProgramCache, programCache } from "../model/program_cache.ts";
import type { ScoreSums } from "./score_totals.ts";

/** A batch, and the program that it runs in. */
export interface ShapedBatch {
  /** The batch. */
  readonly batch: Batch;
  /** Sizes of the program, which may have room for more. */
  readonly shape: BatchShape;
}

/** A batch with what the model made of it. */
export interface Predicted<Shaped extends ShapedBatch> {
  /** The batch as given. */
  readonly given: Shaped;
  /** Cross-entropy of each masked row, in nats. */
  readonly losses: Float32Array;
  /** Most probable token of each masked row. */
  readonly predictions: Uint32Array;
  /** The same of each pair of texts, where there are pairs: cross-entropy and the more probable class. */
  readonly pairs?: { readonly losses: Float32Array; readonly predictions: Uint32Array } | undefined;
}

/** Milliseconds after which a group is full: progress is to be seen. */
const WAIT_INTERVAL = 250;

/** Most batches of a group. */
const MOST_UNDER_WAY = 64;

/** Programs that evaluate a model. */
export type EvaluationPrograms = ProgramCache<BatchShape, EvaluationProgram>;

/** An empty cache of them. */
export const evaluationPrograms = (model: Model): EvaluationPrograms =>
  programCache((shape: BatchShape) => model.compileEvaluation(shape));

/** Batches that were submitted together. */
export interface BatchGroup<Shaped extends ShapedBatch> {
  /** Begins to wait, and hears when the device is done; called once, before more is submitted. */
  begin(): void;
  /** What the model made of them, in order. */
  results(): Promise<Predicted<Shaped>[]>;
}

/** Submits batches in order, group by group, and waits for none; the next group is submitted when it is asked for. */
export async function* batchGroups<Shaped extends ShapedBatch>(
  model: Model,
  batches: Iterable<Shaped> | AsyncIterable<Shaped>,
  programs: EvaluationPrograms,
): AsyncGenerator<BatchGroup<Shaped>> {
  let underWay: Submitted<Shaped>[] = [];
  let since = performance.now();
  for await (const given of batches) {
    const program = await programs.get(given.shape);
    program.write(given.batch);
    program.program.run();
    underWay.push(await submitted(model, program, given));
    if (performance.now() - since < WAIT_INTERVAL && underWay.length < MOST_UNDER_WAY) continue;
    yield groupOf(underWay);
    underWay = [];
    since = performance.now();
  }
  if (underWay.length > 0) yield groupOf(underWay);
}

/** Runs batches in order; where a device works by itself, the next are submitted before the results of those before are looked at. */
export async function* runBatches<Shaped extends ShapedBatch>(
  model: Model,
  batches: Iterable<Shaped> | AsyncIterable<Shaped>,
  programs: EvaluationPrograms,
): AsyncGenerator<Predicted<Shaped>> {
  const groups = batchGroups(model, batches, programs);
  let earlier: BatchGroup<Shaped> | undefined;
  try {
    while (true) {
      earlier?.begin();
      const { done, value } = await groups.next();
      const before = earlier;
      earlier = undefined;
      if (before) yield* await before.results();
      if (done) return;
      earlier = value;
      if (model.device.stage) continue;
      earlier = undefined;
      yield* await value.results();
    }
  } finally {
    // nothing may be under way when the programs are given back
    await earlier?.results().catch(() => {});
  }
}

/** A batch whose results are on their way. */
interface Submitted<Shaped extends ShapedBatch> {
  read(): Promise<Predicted<Shaped>>;
}

function groupOf<Shaped extends ShapedBatch>(batches: readonly Submitted<Shaped>[]): BatchGroup<Shaped> {
  let results: Promise<Predicted<Shaped>[]> | undefined;
  const begin = () => {
    if (results) return;
    results = Promise.all(batches.map((batch) => batch.read()));
    // an error is thrown where the results are waited for
    results.catch(() => {});
  };
  return {
    begin,
    results() {
      begin();
      return results!;
    },
  };
}

/** Copies what the model made of a batch. */
async function submitted<Shaped extends ShapedBatch>(
  { device }: Model,
  { losses, predictions, pairs }: EvaluationProgram,
  given: Shaped,
): Promise<Submitted<Shaped>> {
  const tensors = [losses, predictions, ...(pairs ? [pairs.losses, pairs.predictions] : [])];
  const staged = await stageTensors(device, tensors);
  // where there is no memory for copies, they are read before anything else is submitted
  const early = staged ? undefined : await device.read(tensors);
  return {
    async read() {
      const read = early ?? await staged!.read();
      const at = (first: number) => ({
        losses: new Float32Array(read[first]!),
        predictions: new Uint32Array(read[first + 1]!),
      });
      return { given, ...at(0), pairs: pairs && at(2) };
    },
  };
}

/** The error of a loss that is not finite. */
export type LossFailure = (loss: number) => Error;

/** What is said of it where nothing else is. */
export const overflow: LossFailure = (loss) =>
  new RangeError(`Cannot score the text: the loss of a token is ${loss}; the model's numbers overflow 32 bits`);

/**
 * Sums of each window of a batch, in float64 and in the order of its tokens.
 *
 * @throws what `failure` makes of a loss that is not finite.
 */
export function windowSums(
  { given: { batch }, losses, predictions, pairs }: Predicted<ShapedBatch>,
  failure = overflow,
): ScoreSums[] {
  const { windows, length, maskedRows, labels } = batch;
  const sums = Array.from({ length: windows }, () => ({ loss: 0, correct: 0, predicted: 0 }));
  for (const [index, row] of maskedRows.entries()) {
    const loss = losses[index]!;
    if (!Number.isFinite(loss)) throw failure(loss);
    const window = sums[Math.floor(row / length)]!;
    window.loss += loss;
    window.correct += predictions[index] === labels[index] ? 1 : 0;
    window.predicted++;
  }
  const { pairClasses } = batch;
  if (!pairs || !pairClasses) return sums;
  return sums.map((sum, window) => {
    const loss = pairs.losses[window]!;
    if (!Number.isFinite(loss)) throw failure(loss);
    const correct = pairs.predictions[window] === pairClasses[window] ? 1 : 0;
    return { ...sum, pairs: { loss, correct, count: 1 } };
  });
}
