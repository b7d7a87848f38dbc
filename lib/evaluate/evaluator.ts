/**
 * Validation with fixed masks: the same tokens masked the same way every time, so that losses can be compared.
 *
 * @module
 */

import type { Batch } from "../batch/batch.ts";
import { maskBatch } from "../batch/loader.ts";
import type { MaskRule, Window } from "../batch/masking.ts";
import type { PackMode } from "../batch/packing.ts";
import { textWindows } from "../batch/text_windows.ts";
import type { EvaluationProgram, Model } from "../model/model.ts";
import { RING_SIZE } from "../optimizer/step.ts";
import { TooShortError } from "../batch/windows.ts";
import type { Corpus } from "../text/corpus.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";

/** Masks of the validation text have a seed of their own and a rate of 15 %, whatever training uses. */
export const VALIDATION_MASKS = { seed: 1234, rate: 0.15 } as const;

/** Tokens of an evaluation batch. */
const BATCH_TOKENS = 4096;

/** Result of an evaluation. */
export interface Evaluation {
  /** Mean cross-entropy of the masked tokens, in nats. */
  readonly loss: number;
  /** Share of masked tokens predicted as they were. */
  readonly accuracy: number;
  /** e^loss. */
  readonly perplexity: number;
  /** Number of masked tokens. */
  readonly masked: number;
}

/** A token of a sample, and how it was predicted where it was masked. */
export interface SampleToken {
  /** The token as it reads in the text. */
  readonly token: string;
  /** Prediction of the model, if the token was masked. */
  readonly predicted?: string;
}

/** Evaluates one model on one validation text. */
export interface Evaluator {
  /** Tokens in a window. */
  readonly length: number;
  /** Tokens that are evaluated. */
  readonly tokens: number;
  /** Uses only the first so many tokens from now on, in whole windows but at least one. */
  restrict(tokens: number): void;
  /** Runs the model on all of them. */
  evaluate(): Promise<Evaluation>;
  /** Predictions for the masked tokens of the first windows. */
  sample(count: number): Promise<SampleToken[][]>;
  /** Gives the memory back. */
  destroy(): void;
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
  /** How masked tokens are replaced. Default: "bert". */
  rule?: MaskRule;
  /** How windows are filled. Default: "none". */
  pack?: PackMode;
}

/**
 * Reads and masks the validation text; the model is compiled for it when it is first evaluated.
 *
 * @throws {TooShortError} if the text is shorter than one window.
 * @throws {RangeError} if nothing of it can be masked.
 */
export async function createEvaluator(options: EvaluatorOptions): Promise<Evaluator> {
  const { model, length, tokenizer, rule = "bert" } = options;
  let windows = await validationWindows(options);
  const mask = { ...VALIDATION_MASKS, tokenizer, rule, capacity: Infinity };
  const batchesOf = (windows: readonly Window[]) => {
    const perBatch = Math.min(windows.length, Math.max(1, Math.floor(BATCH_TOKENS / length)));
    return Array.from(
      { length: Math.ceil(windows.length / perBatch) },
      (_, i) => maskBatch(windows.slice(i * perBatch, (i + 1) * perBatch), mask).batch,
    );
  };
  let batches = batchesOf(windows);
  const isEmpty = () => batches.every((batch) => batch.maskedRows.length === 0);
  if (isEmpty()) {
    throw new RangeError(
      "Cannot validate: no token of the validation text can be masked, for all of them are special or unknown",
    );
  }
  let program: EvaluationProgram | undefined;
  const compile = async () => {
    const capacity = Math.ceil(Math.max(...batches.map((batch) => batch.maskedRows.length)) / 4) * 4;
    const documents = batches[0]!.documents !== undefined;
    return program ??= await model.compileEvaluation({ windows: batches[0]!.windows, length, capacity, documents });
  };
  const run = (program: EvaluationProgram, batch: Batch, step: number) => {
    model.writeEvaluationStep(step);
    program.write(batch);
    program.program.run();
  };
  const discard = () => {
    program?.destroy();
    program = undefined;
  };
  return {
    length,
    get tokens() {
      return windows.length * length;
    },
    destroy: discard,
    restrict(tokens) {
      if (tokens >= windows.length * length) return;
      discard();
      const all = windows;
      // a text may begin with windows of which nothing can be masked
      for (let count = Math.max(1, Math.floor(tokens / length)); windows === all || isEmpty(); count *= 2) {
        windows = all.slice(0, count);
        batches = batchesOf(windows);
      }
    },
    async evaluate() {
      const program = await compile();
      const sums = { loss: 0, correct: 0, masked: 0 };
      for (let first = 0; first < batches.length; first += RING_SIZE) {
        const part = batches.slice(first, first + RING_SIZE);
        part.forEach((batch, step) => run(program, batch, step));
        for (const { masked } of await model.readRecords({ first: 0, end: part.length, evaluation: true })) {
          sums.loss += masked.lossSum;
          sums.correct += masked.correct;
          sums.masked += masked.labels;
        }
      }
      const loss = sums.loss / sums.masked;
      return { loss, accuracy: sums.correct / sums.masked, perplexity: Math.exp(loss), masked: sums.masked };
    },
    async sample(count) {
      const batch = batches[0]!;
      const program = await compile();
      run(program, batch, 0);
      const [bytes] = await model.device.read([program.predictions]);
      const predictions = new Uint32Array(bytes!);
      const indexOf = new Map([...batch.maskedRows].map((row, index) => [row, index]));
      const padding = tokenizer.special["[PAD]"];
      return Array.from(
        { length: Math.min(count, batch.windows) },
        (_, w) =>
          Array.from({ length }, (_, i) => w * length + i).filter((row) => batch.original[row] !== padding).map(
            (row) => {
              const token = tokenizer.piece(batch.original[row]!);
              const index = indexOf.get(row);
              return index === undefined ? { token } : { token, predicted: tokenizer.piece(predictions[index]!) };
            },
          ),
      );
    },
  };
}

/** The first windows of the validation text, in order. */
async function validationWindows(options: EvaluatorOptions): Promise<Window[]> {
  const { corpus, tokenizer, length, tokens, pack } = options;
  const part = "validation";
  try {
    return await Array.fromAsync(
      textWindows({ corpus, part, tokenizer, length, tokens, ...(pack === undefined ? {} : { pack }) }),
    );
  } catch (error) {
    throw error instanceof TooShortError ? new TooShortError("validate", error) : error;
  }
}
