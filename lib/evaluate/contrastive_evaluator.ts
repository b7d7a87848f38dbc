/**
 * Validation of training that compares texts: of each text of a batch, whether its other half, or the other text of its pair, is
 * the nearest.
 *
 * @module
 */

import { encodePair, TooFewTextsError, viewBatch, type Views, viewsOf } from "../batch/views.ts";
import { textWindows } from "../batch/text_windows.ts";
import type { BatchShape, Model } from "../model/model.ts";
import type { Corpus } from "../text/corpus.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { Evaluator } from "./evaluator.ts";
import { evaluationPrograms, type LossFailure, runBatches, type ShapedBatch } from "./run_batches.ts";
import { meansOf } from "./score_totals.ts";

/** Options of {@linkcode createContrastiveEvaluator}. */
export interface ContrastiveEvaluatorOptions {
  /** The model. */
  model: Model;
  /** Its validation part is read. */
  corpus: Corpus;
  /** Turns text into ids. */
  tokenizer: Tokenizer;
  /** Tokens in a window. */
  length: number;
  /** Most tokens to evaluate, from the start of the validation part, but at least one batch. */
  tokens: number;
  /** Sizes of the batches, which are smaller where there are fewer texts. */
  shape: BatchShape;
}

/** Why a loss is not finite. */
const overflow: LossFailure = (loss) =>
  new RangeError(`Cannot compare texts: the loss of one is ${loss}; the model's numbers overflow 32 bits`);

/**
 * Reads the validation texts: pairs, or the halves of documents, of which no two in a batch are the same. Only whole batches
 * count, for accuracy depends on how many texts there are to choose from.
 *
 * @throws {TooFewTextsError} if there are not two.
 */
export async function createContrastiveEvaluator(options: ContrastiveEvaluatorOptions): Promise<Evaluator> {
  const { model, tokenizer, length, shape } = options;
  const most = Math.max(1, Math.floor(options.tokens / (shape.windows * length)));
  let groups = await groupsOf(options, most);
  const programs = evaluationPrograms(model);
  const batches = (some = groups): ShapedBatch[] =>
    some.map((views) => ({
      batch: viewBatch(views, { length, padding: tokenizer.special["[PAD]"] }),
      shape: { ...shape, windows: 2 * views.length, capacity: views.length },
    }));
  const evaluating = async function* (failure = overflow): AsyncGenerator<number, ReturnType<typeof meansOf>, void> {
    let [sums, done] = [{ loss: 0, correct: 0, predicted: 0 }, 0];
    for await (const { losses, predictions } of runBatches(model, batches(), programs)) {
      for (const [i, loss] of losses.entries()) {
        if (!Number.isFinite(loss)) throw failure(loss);
        const { correct, predicted } = sums;
        sums = { loss: sums.loss + loss, correct: correct + Number(predictions[i] === i), predicted: predicted + 1 };
      }
      yield ++done / groups.length;
    }
    return meansOf(sums);
  };
  return {
    length,
    get tokens() {
      return groups.reduce((sum, views) => sum + 2 * views.length * length, 0);
    },
    evaluating,
    async evaluate(failure) {
      const shares = evaluating(failure);
      while (true) {
        const { done, value } = await shares.next();
        if (done) return value;
      }
    },
    async tokenSeconds() {
      const first = batches(groups.slice(0, 1));
      // the first run compiles
      for await (const _ of runBatches(model, first, programs));
      const start = performance.now();
      for await (const _ of runBatches(model, first, programs));
      const seconds = (performance.now() - start) / 1000;
      await programs.clear();
      return seconds / (first[0]!.batch.windows * length);
    },
    async restrict(tokens) {
      await programs.clear();
      groups = groups.slice(0, Math.max(1, Math.floor(tokens / (shape.windows * length))));
    },
    sample: () => Promise.resolve([]),
    bytes: async () => (await programs.all()).reduce((sum, { bytes }) => sum + bytes, 0),
    destroy: () => programs.clear(),
  };
}

/** Views in whole batches, at most so many; where there is not one, a smaller one. */
async function groupsOf(options: ContrastiveEvaluatorOptions, most: number): Promise<Views[][]> {
  const { capacity } = options.shape;
  const groups: Views[][] = [];
  let [group, seen]: [Views[], Set<string>] = [[], new Set()];
  for await (const views of validationViews(options)) {
    const keys = [String(views.first), String(views.second)];
    if (keys.some((key) => seen.has(key))) continue;
    for (const key of keys) seen.add(key);
    group.push(views);
    if (group.length < capacity) continue;
    groups.push(group);
    [group, seen] = [[], new Set()];
    if (groups.length === most) return groups;
  }
  if (groups.length > 0) return groups;
  if (group.length < 2) throw new TooFewTextsError({ wanted: 2, found: group.length });
  return [group];
}

async function* validationViews(
  { corpus, tokenizer, length }: ContrastiveEvaluatorOptions,
): AsyncGenerator<Views> {
  const pairs = corpus.pairs?.("validation");
  if (pairs) {
    for (const pair of pairs) {
      const views = encodePair(pair, { tokenizer, length });
      if (views) yield views;
    }
    return;
  }
  const text = { corpus, part: "validation", purpose: "validate", tokenizer, pack: "line", words: true } as const;
  for await (const window of textWindows({ ...text, length })) {
    const views = viewsOf(window, { kind: "halves", tokenizer });
    if (views) yield views;
  }
}
