/**
 * Validation in training: one text, masked once, on which a model is evaluated again and again.
 *
 * @module
 */

import type { Batch } from "../batch/batch.ts";
import type { MaskRule, Window } from "../batch/masking.ts";
import type { PackMode } from "../batch/block.ts";
import { textWindows } from "../batch/text_windows.ts";
import { stageTensors } from "../device/staged.ts";
import type { LastLayer, Model } from "../model/model.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Corpus } from "../text/corpus.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { mostProbable } from "./candidates.ts";
import { maskedBatches } from "./masked_batches.ts";
import {
  batchGroups,
  type EvaluationPrograms,
  evaluationPrograms,
  type LossFailure,
  overflow,
  type Predicted,
  type ShapedBatch,
  windowSums,
} from "./run_batches.ts";
import { addSums, type Evaluation, meansOf, NO_SUMS, type ScoreSums } from "./score_totals.ts";

/** A token of a sample, and how it was predicted where it was masked. */
export interface SampleToken {
  /** The token as it reads in the text. */
  readonly token: string;
  /** Prediction of the model, if the token was masked. */
  readonly predicted?: string;
  /** What the model finds most probable there, best first, if the token was masked. */
  readonly candidates?: readonly SampleCandidate[];
  /** Id of the token, by which neighbours are decoded together. */
  readonly id?: number;
  /** Id of the prediction. */
  readonly predictedId?: number;
}

/** What could stand in the place of a masked token. */
export interface SampleCandidate {
  /** The token as it reads in the text. */
  readonly token: string;
  /** Probability that the model gives it. */
  readonly probability: number;
}

/** Candidates for each masked token of a sample. */
const CANDIDATES = 5;

/** Tokens that are timed. */
const TIMED = 512;

/** A part of an evaluation that was submitted. */
export interface EvaluatedGroup {
  /** Begins to wait; called once, before more is submitted. */
  begin(): void;
  /** Waits; the share of the text that is done, and at its end what came of all of it. */
  result(): Promise<{ readonly share: number; readonly evaluation?: Evaluation }>;
}

/** Predictions that were submitted. */
export interface Sampling {
  /** Begins to wait; called once, before more is submitted. */
  begin(): void;
  /** Waits for them. */
  result(): Promise<SampleToken[][]>;
}

/** Evaluates one model on one validation text. */
export interface Evaluator {
  /** Tokens in a window. */
  readonly length: number;
  /** Tokens that are evaluated. */
  readonly tokens: number;
  /** Seconds that a token takes, by the first few windows again and again for `enough` seconds; compiling is not counted. */
  tokenSeconds(enough: number): Promise<number>;
  /** Uses only the first so many tokens from now on, in whole windows but at least one. */
  restrict(tokens: number): Promise<void>;
  /**
   * Runs the model on all of them: the same numbers to the bit as {@linkcode scoreMasked} on the same windows.
   *
   * @param failure Makes the error of a loss that is not finite.
   */
  evaluate(failure?: LossFailure): Promise<Evaluation>;
  /** The same in groups of batches, each submitted when it is asked for; their results are taken in order. */
  groups(failure?: LossFailure): AsyncGenerator<EvaluatedGroup>;
  /** Whether the model was compiled for the text as it is now. */
  readonly isCompiled: boolean;
  /** Compiles the model for the text, if it is not yet. */
  compile(): Promise<void>;
  /** Predictions for the masked tokens of the first windows. */
  sample(count: number): Promise<SampleToken[][]>;
  /** The same, submitted when this is called. */
  sampling(count: number): Promise<Sampling>;
  /** Bytes of device memory held by now. */
  bytes(): Promise<number>;
  /** Gives the memory back. */
  destroy(): Promise<void>;
}

/** Options of {@linkcode createEvaluator}. */
export interface EvaluatorOptions {
  /** The model. */
  model: Model;
  /** Its validation part is read. */
  corpus: Corpus;
  /** Turns text into ids. */
  tokenizer: Tokenizer;
  /** Tokens in a window. */
  length: number;
  /** Most tokens to evaluate, from the start of the validation part. */
  tokens: number;
  /**
   * How masked tokens are replaced.
   *
   * @default {"bert"}
   */
  rule?: MaskRule | undefined;
  /**
   * How windows are filled.
   *
   * @default {"none"}
   */
  pack?: PackMode | undefined;
  /**
   * What the last layer is computed for.
   *
   * @default {"masked"}
   */
  lastLayer?: LastLayer | undefined;
  /** Who evaluates with this process, each some of the batches. Default: it alone. */
  share?: EvaluationShare | undefined;
}

/** Processes that evaluate together. */
export interface EvaluationShare {
  /** Number of this one. */
  readonly rank: number;
  /** How many there are. */
  readonly size: number;
  /** A value of each, told to all, in order. */
  gather<T>(what: string, own: T): Promise<T[]>;
}

/**
 * Reads and masks the validation text; the model is compiled for it when it is first evaluated.
 *
 * @throws {TooShortError} if the text is shorter than one window.
 * @throws {RangeError} if nothing of it can be masked.
 */
export async function createEvaluator(options: EvaluatorOptions): Promise<Evaluator> {
  const { model, length } = options;
  const text = await maskedText(options);
  const programs = evaluationPrograms(model);
  let isCompiled = false;
  const clear = () => {
    isCompiled = false;
    return programs.clear();
  };
  const { share } = options;
  const groups = async function* (failure?: LossFailure): AsyncGenerator<EvaluatedGroup> {
    if (share) return yield* sharedGroups(text.batches, { model, programs, share, failure });
    let [total, done] = [NO_SUMS, 0];
    const { batches } = text;
    for await (const group of batchGroups(model, batches, programs)) {
      yield {
        begin: group.begin,
        async result() {
          for (const predicted of await group.results()) {
            total = windowSums(predicted, failure).reduce(addSums, total);
            done++;
          }
          return done < batches.length ? { share: done / batches.length } : { share: 1, evaluation: meansOf(total) };
        },
      };
    }
  };
  return {
    length,
    get tokens() {
      return text.windows * length;
    },
    bytes: async () => (await programs.all()).reduce((sum, { bytes }) => sum + bytes, 0),
    destroy: clear,
    async tokenSeconds(enough) {
      const batch = await text.first(Math.max(1, Math.floor(TIMED / length)));
      const seconds = await timedToken(batch, { model, programs, enough });
      await clear();
      return seconds;
    },
    async restrict(tokens) {
      if (tokens >= text.windows * length) return;
      await clear();
      await text.restrict(Math.max(1, Math.floor(tokens / length)));
    },
    get isCompiled() {
      return isCompiled;
    },
    async compile() {
      for (const { shape } of text.batches) await programs.get(shape);
      isCompiled = true;
    },
    groups,
    async evaluate(failure) {
      let evaluation: Evaluation | undefined;
      for await (const group of groups(failure)) ({ evaluation } = await group.result());
      return evaluation!;
    },
    sampling: (count) => sampling(text.batches[0]!, { ...options, programs, count }),
    sample: async (count) => await (await sampling(text.batches[0]!, { ...options, programs, count })).result(),
  };
}

/** What a process found in one of its batches: sums of windows, or the first loss that is not finite, as text. */
type BatchSums = { readonly sums: readonly ScoreSums[] } | { readonly bad: string };

/**
 * Batches that processes take in turn, and at the end one group without any, in which they tell each other. Sums are added in the
 * order of the text, which gives the same numbers as one process.
 */
async function* sharedGroups(
  batches: readonly ShapedBatch[],
  { model, programs, share: { rank, size, gather }, failure = overflow }: {
    model: Model;
    programs: EvaluationPrograms;
    share: EvaluationShare;
    failure: LossFailure | undefined;
  },
): AsyncGenerator<EvaluatedGroup> {
  const own: BatchSums[] = [];
  const turn = batches.filter((_, i) => i % size === rank);
  for await (const group of batchGroups(model, turn, programs)) {
    yield {
      begin: group.begin,
      async result() {
        own.push(...(await group.results()).map(sumsOf));
        return { share: own.length / turn.length };
      },
    };
  }
  yield {
    begin: () => {},
    async result() {
      const all = await gather("validation", own);
      let total = NO_SUMS;
      for (const i of batches.keys()) {
        const found = all[i % size]![Math.floor(i / size)]!;
        if ("bad" in found) throw failure(Number(found.bad));
        total = found.sums.reduce(addSums, total);
      }
      return { share: 1, evaluation: meansOf(total) };
    },
  };
}

function sumsOf(predicted: Predicted<ShapedBatch>): BatchSums {
  let bad: string | undefined;
  const noted: LossFailure = (loss) => {
    bad = String(loss);
    return new RangeError(bad);
  };
  try {
    return { sums: windowSums(predicted, noted) };
  } catch (error) {
    if (bad === undefined) throw error;
    return { bad };
  }
}

/** Seconds that a token of a batch takes, by the batch again and again. */
async function timedToken(
  { batch, shape }: ShapedBatch,
  { model, programs, enough }: { model: Model; programs: EvaluationPrograms; enough: number },
): Promise<number> {
  const program = await programs.get(shape);
  const once = async () => {
    const start = performance.now();
    program.write(batch);
    program.program.run();
    await model.device.read([program.losses]);
    return (performance.now() - start) / 1000;
  };
  // the first finds cold caches, and counts only where there is no time for another
  const cold = await once();
  let [seconds, count] = [0, 0];
  // a mean, for other work on a machine slows validation down too
  for (; cold + seconds < enough; count++) seconds += await once();
  return (count > 0 ? seconds / count : cold) / (batch.windows * batch.length);
}

/** The windows of a validation text, masked and in batches. */
interface MaskedText {
  /** A batch of the first windows alone, so many. */
  first(count: number): Promise<ShapedBatch>;
  /** Its batches. */
  readonly batches: readonly ShapedBatch[];
  /** How many windows it has. */
  readonly windows: number;
  /** Leaves only the first windows, so many or as many more as it takes for one to have a token that can be masked. */
  restrict(count: number): Promise<void>;
}

async function maskedText(
  { model, corpus, tokenizer, length, tokens, rule, pack, lastLayer }: EvaluatorOptions,
): Promise<MaskedText> {
  const masked = (windows: readonly Window[]) =>
    Array.fromAsync(maskedBatches({ model, tokenizer }, windows, { rule, lastLayer }));
  const canMask = () => batches.some(({ batch }) => batch.maskedRows.length > 0);
  const text = { corpus, part: "validation", purpose: "validate", tokenizer, length, tokens, pack } as const;
  let windows = await Array.fromAsync(textWindows(text));
  let batches = await masked(windows);
  if (!canMask()) {
    throw new RangeError(
      "Cannot validate: no token of the validation text can be masked, for all of them are special or unknown",
    );
  }
  return {
    get batches() {
      return batches;
    },
    get windows() {
      return windows.length;
    },
    first: async (count) => (await masked(windows.slice(0, count)))[0]!,
    async restrict(count) {
      const all = windows;
      // a text may begin with windows of which nothing can be masked
      for (; windows === all || !canMask(); count *= 2) {
        windows = all.slice(0, count);
        batches = await masked(windows);
      }
    },
  };
}

/** Predictions for the first windows of a batch, submitted. */
async function sampling(
  { batch, shape }: ShapedBatch,
  { model, tokenizer, length, programs, count }: Pick<EvaluatorOptions, "model" | "tokenizer" | "length"> & {
    programs: ReturnType<typeof evaluationPrograms>;
    count: number;
  },
): Promise<Sampling> {
  const program = await programs.get(shape);
  program.write(batch);
  program.program.run();
  const samples = Math.min(count, batch.windows);
  const rows = batch.maskedRows.filter((row) => row < samples * length).length;
  const own = firstRows(program.logits, rows);
  const tensors = [program.predictions, own];
  const staged = await stageTensors(model.device, tensors);
  // where there is no memory for copies, they are read before anything else is submitted
  let result = staged ? undefined : Promise.resolve(await model.device.read(tensors));
  const begin = () => {
    result ??= staged!.read();
    // an error is thrown where the result is waited for
    result.catch(() => {});
  };
  return {
    begin,
    async result() {
      begin();
      const [bytes, logitBytes] = await result!;
      const [predictions, logits] = [new Uint32Array(bytes!), new Float32Array(logitBytes!)];
      const stride = own.shape[1]!;
      const rowLogits = (index: number) => logits.subarray(index * stride, index * stride + model.config.vocab);
      return Array.from({ length: samples }, (_, w) => sampleOf(w, { batch, predictions, rowLogits, tokenizer }));
    },
  };
}

/** The first rows of a matrix that has a place in memory. */
function firstRows(matrix: Tensor, rows: number): Tensor {
  const columns = matrix.shape[1]!;
  return { ...matrix, shape: [rows, columns], size: rows * columns };
}

/** The tokens of a window of a batch, without padding. */
function sampleOf(
  window: number,
  { batch: { length, original, maskedRows }, predictions, rowLogits, tokenizer }: {
    batch: Batch;
    predictions: Uint32Array;
    rowLogits: (index: number) => Float32Array;
    tokenizer: Tokenizer;
  },
): SampleToken[] {
  const indexOf = new Map([...maskedRows].map((row, index) => [row, index]));
  const rows = Array.from({ length }, (_, i) => window * length + i);
  return rows.filter((row) => original[row] !== tokenizer.special["[PAD]"]).map((row) => {
    const id = original[row]!;
    const token = tokenizer.piece(id);
    const index = indexOf.get(row);
    if (index === undefined) return { token, id };
    // what is not finite stops training elsewhere
    const best = mostProbable(rowLogits(index), { count: CANDIDATES }) ?? [];
    const candidates = best.map(({ id, probability }) => ({ token: tokenizer.piece(id), probability }));
    const predictedId = predictions[index]!;
    return { token, id, predicted: tokenizer.piece(predictedId), predictedId, candidates };
  });
}
