/**
 * Validation of training that compares texts: of each text of a batch, whether its other half, or the other text of its pair, is
 * the nearest.
 *
 * @module
 */

import { encodePair, TooFewTextsError, viewBatch, viewedLength, type Views, viewsOf } from "../batch/views.ts";
import { textWindows } from "../batch/text_windows.ts";
import type { BatchShape, Model } from "../model/model.ts";
import type { Corpus } from "../text/corpus.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { stageTensors } from "../device/staged.ts";
import type { EvaluatedGroup, Evaluator } from "./evaluator.ts";
import { evaluationPrograms, type LossFailure } from "./run_batches.ts";
import { type Evaluation, meansOf } from "./score_totals.ts";

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

/** Validation cuts halves by a seed of its own, whatever training uses. */
const VALIDATION_SEED = 1234;

/** Texts that are read for each one that validates. */
const SPREAD = 8;

/** Largest inverse of a temperature by which cosines are judged. */
const COLDEST = 100;

/** Times that the range of temperatures is narrowed down. */
const NARROWINGS = 40;

/** Why a loss is not finite. */
const overflow: LossFailure = (loss) =>
  new RangeError(`Cannot compare texts: the loss of one is ${loss}; the model's numbers overflow 32 bits`);

/**
 * Reads the validation texts: pairs, or the halves of documents, of which no two in a batch are the same. Only whole batches
 * count, for accuracy depends on how many texts there are to choose from. The loss is that at the temperature which suits the
 * vectors best: it is never above that of guessing, and can be compared between runs at other temperatures.
 *
 * @throws {TooFewTextsError} if there are not two.
 */
export async function createContrastiveEvaluator(options: ContrastiveEvaluatorOptions): Promise<Evaluator> {
  const { model, tokenizer, length, shape } = options;
  const padding = tokenizer.special["[PAD]"];
  const most = Math.max(1, Math.floor(options.tokens / (shape.windows * length)));
  let groups = await groupsOf(options, most);
  const programs = evaluationPrograms(model);
  let isCompiled = false;
  const clear = () => {
    isCompiled = false;
    return programs.clear();
  };
  const shapeOf = ({ length: pairs }: readonly Views[]): BatchShape => ({
    ...shape,
    windows: 2 * pairs,
    capacity: pairs,
    // at temperature 1 logits are cosines
    contrast: { temperature: 1 },
  });
  /** Submits a batch; its cosines are on their way. */
  const submitted = async (views: readonly Views[]): Promise<() => Promise<Cosines>> => {
    const program = await programs.get(shapeOf(views));
    program.write(viewBatch(views, { length, padding }));
    program.program.run();
    const staged = await stageTensors(model.device, [program.logits]);
    // where there is no memory for copies, they are read before anything else is submitted
    const early = staged ? undefined : await model.device.read([program.logits]);
    return async () => {
      const [bytes] = early ?? await staged!.read();
      const values = new Float32Array(bytes!);
      return { pairs: views.length, stride: values.length / views.length, values };
    };
  };
  const groupsOfResults = async function* (failure = overflow): AsyncGenerator<EvaluatedGroup> {
    const cosines: Cosines[] = [];
    for (const views of groups) {
      const read = await submitted(views);
      let reading: Promise<Cosines> | undefined;
      const begin = () => {
        reading ??= read();
        // an error is thrown where the result is waited for
        reading.catch(() => {});
      };
      yield {
        begin,
        async result() {
          begin();
          cosines.push(await reading!);
          const share = cosines.length / groups.length;
          return share < 1 ? { share } : { share, evaluation: meansOf(judged(cosines, failure)) };
        },
      };
    }
  };
  return {
    length,
    get tokens() {
      return groups.reduce((sum, views) => sum + 2 * views.length * length, 0);
    },
    groups: groupsOfResults,
    get isCompiled() {
      return isCompiled;
    },
    async compile() {
      for (const views of groups) await programs.get(shapeOf(views));
      isCompiled = true;
    },
    async evaluate(failure) {
      let evaluation: Evaluation | undefined;
      for await (const group of groupsOfResults(failure)) ({ evaluation } = await group.result());
      return evaluation!;
    },
    async tokenSeconds() {
      // the first run compiles
      await (await submitted(groups[0]!))();
      const start = performance.now();
      await (await submitted(groups[0]!))();
      const seconds = (performance.now() - start) / 1000;
      await clear();
      return seconds / (2 * groups[0]!.length * length);
    },
    async restrict(tokens) {
      await clear();
      groups = groups.slice(0, Math.max(1, Math.floor(tokens / (shape.windows * length))));
    },
    sample: () => Promise.resolve([]),
    sampling: () => Promise.resolve({ begin: () => {}, result: () => Promise.resolve([]) }),
    bytes: async () => (await programs.all()).reduce((sum, { bytes }) => sum + bytes, 0),
    destroy: clear,
  };
}

/** Cosines of each first view of a batch with each second one. */
export interface Cosines {
  /** Texts. */
  readonly pairs: number;
  /** Numbers of a row, those that pad it included. */
  readonly stride: number;
  /** Row after row: [pairs, stride]. */
  readonly values: Float32Array;
}

/** Sums over all first views: cross-entropy at the best temperature, and how many find their own second view. */
export function judged(
  cosines: readonly Cosines[],
  failure: LossFailure = overflow,
): { loss: number; correct: number; predicted: number } {
  let [correct, predicted] = [0, 0];
  for (const { pairs, stride, values } of cosines) {
    predicted += pairs;
    for (let i = 0; i < pairs; i++) {
      // what pads a row was written by nobody
      const row = values.subarray(i * stride, i * stride + pairs);
      const odd = row.find((value) => !Number.isFinite(value));
      if (odd !== undefined) throw failure(odd);
      if (row.indexOf(row.reduce((a, b) => Math.max(a, b))) === i) correct++;
    }
  }
  // convex in the inverse of the temperature, so thirds narrow it down
  let [low, high] = [0, COLDEST];
  for (let i = 0; i < NARROWINGS; i++) {
    const [a, b] = [low + (high - low) / 3, high - (high - low) / 3];
    if (lossAt(cosines, a) < lossAt(cosines, b)) high = b;
    else low = a;
  }
  return { loss: lossAt(cosines, (low + high) / 2), correct, predicted };
}

/** Sum of the cross-entropies where cosines are multiplied by a factor. */
function lossAt(cosines: readonly Cosines[], factor: number): number {
  let loss = 0;
  for (const { pairs, stride, values } of cosines) {
    for (let i = 0; i < pairs; i++) {
      let sum = 0;
      // cosines are at most 1, so nothing overflows
      for (let j = 0; j < pairs; j++) sum += Math.exp(factor * (values[i * stride + j]! - 1));
      loss += Math.log(sum) - factor * (values[i * stride + i]! - 1);
    }
  }
  return loss;
}

/**
 * Views in whole batches, at most so many; where there is not one, a smaller one. The texts of a batch come from all over what is
 * read, for those that stand beside one another are alike.
 */
async function groupsOf(options: ContrastiveEvaluatorOptions, most: number): Promise<Views[][]> {
  const { capacity } = options.shape;
  const all: Views[] = [];
  const seen = new Set<string>();
  for await (const views of validationViews(options)) {
    const keys = [String(views.first), String(views.second)];
    if (keys.some((key) => seen.has(key))) continue;
    for (const key of keys) seen.add(key);
    if (all.push(views) === SPREAD * most * capacity) break;
  }
  if (all.length < 2) throw new TooFewTextsError({ wanted: 2, found: all.length });
  const step = Math.floor(all.length / capacity);
  if (step === 0) return [all];
  return Array.from(
    { length: Math.min(most, step) },
    (_, group) => Array.from({ length: capacity }, (_, i) => all[i * step + group]!),
  );
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
  const kind = "halves";
  for await (const window of textWindows({ ...text, length: viewedLength(length, { kind, tokenizer }) })) {
    const views = viewsOf(window, { kind, tokenizer, seed: VALIDATION_SEED, length });
    if (views) yield views;
  }
}
