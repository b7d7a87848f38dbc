/**
 * How well a model predicts a text: with a fixed share of it masked, or each token in turn.
 *
 * @module
 */

import type { Batch } from "../batch/batch.ts";
import { maskBatch } from "../batch/loader.ts";
import { capacityFor, type MaskRule, type Window } from "../batch/masking.ts";
import type { EvaluationProgram } from "../model/model.ts";
import { specialIds } from "../tokenizer/special_tokens.ts";
import { VALIDATION_MASKS } from "./evaluator.ts";
import { BATCH_TOKENS, mostMaskedRows, type TextModel } from "./text_model.ts";
import { ProgramCache } from "../model/program_cache.ts";

/** How a window was predicted: sums, not means. */
export interface WindowScore {
  /** Σ cross-entropy of the predicted tokens, in nats. */
  readonly loss: number;
  /** Tokens predicted as they were. */
  readonly correct: number;
  /** Tokens that were predicted. */
  readonly predicted: number;
  /** Characters of the window's text, without special tokens. */
  readonly characters: number;
}

/** Options of {@linkcode scoreMasked}. */
export interface ScoreOptions {
  /** How masked tokens are replaced. Default: "bert". */
  rule?: MaskRule;
  /** Share of tokens that is masked. Default: 0.15. */
  rate?: number;
  /** Seed of the masks. Default: that of validation in training. */
  seed?: number;
}

/**
 * Scores windows with fixed masks, a batch in memory at a time. The same windows, options and device give the same numbers to
 * the bit.
 *
 * @example
 * ```ts
 * import * as cloze from "@cloze/mlm";
 * import { textWindows } from "@cloze/mlm/text";
 *
 * const corpus = await cloze.textCorpus([cloze.stringSource("poem", "to be or not to be\n".repeat(50))]);
 * const tokenizer = cloze.characterTokenizer("abenort \n");
 * const { device } = await cloze.openDevice("cpu", { threads: 1 });
 * const model = cloze.createModel(device, cloze.modelConfig({ vocab: tokenizer.size, size: "tiny" }));
 * const windows = textWindows({ corpus, part: "training", tokenizer, length: 16 });
 * const total = new cloze.ScoreTotal();
 * for await (const score of cloze.scoreMasked({ model, tokenizer }, windows)) total.add(score);
 * console.log(total.score.perplexity);
 * model.destroy();
 * device.destroy();
 * ```
 */
export async function* scoreMasked(
  textModel: TextModel,
  windows: Iterable<Window> | AsyncIterable<Window>,
  options: ScoreOptions = {},
): AsyncGenerator<WindowScore> {
  const { tokenizer } = textModel;
  const { rule = "bert", rate = VALIDATION_MASKS.rate, seed = VALIDATION_MASKS.seed } = options;
  const programs = new ProgramCache<EvaluationProgram>();
  try {
    const { vocab } = textModel.model.config;
    // with a large vocabulary logits decide how many windows there are in a batch
    const windowsOf = (length: number) => atMost(Math.floor(mostMaskedRows(vocab) / (2 * rate)), length);
    for await (const group of groups(windows, windowsOf)) {
      const length = group[0]!.tokens.length;
      const { batch } = maskBatch(group, { tokenizer, rule, rate, seed, capacity: Infinity });
      const usual = capacityFor({ windows: windowsOf(length), length, rate });
      const scores = await runBatch(textModel, batch, {
        programs,
        windows: windowsOf(length),
        capacity: Math.max(usual, Math.ceil(batch.maskedRows.length / 64) * 64),
      });
      for (const [w, score] of scores.entries()) yield { ...score, characters: charactersOf(group[w]!, textModel) };
    }
  } finally {
    await programs.clear();
  }
}

/** Options of {@linkcode scoreEachToken}. */
export interface EachTokenOptions {
  /** Mask what is left of the token's word too; windows must know their words. Default: false. */
  restOfWord?: boolean;
}

/**
 * Scores windows by masking each of their tokens in turn, the others in sight: Σ loss is the negative pseudo-log-likelihood
 * (Salazar et al., Masked Language Model Scoring, 2020), and e^(Σ loss / tokens) the pseudo-perplexity. Words of several
 * tokens come off too well, for each of these gives the others away; with `restOfWord` those behind it are masked too (Kauf and
 * Ivanova, A Better Way to Do Masked Language Model Scoring, 2023), so that vocabularies can be compared.
 */
export async function* scoreEachToken(
  textModel: TextModel,
  windows: Iterable<Window> | AsyncIterable<Window>,
  { restOfWord = false }: EachTokenOptions = {},
): AsyncGenerator<WindowScore> {
  const { tokenizer, model: { config: { vocab } } } = textModel;
  const special = specialIds(tokenizer);
  const mask = tokenizer.special["[MASK]"];
  const programs = new ProgramCache<EvaluationProgram>();
  try {
    for await (const window of windows) {
      const { tokens, documents, continues } = window;
      if (restOfWord && !continues) {
        throw new TypeError("Cannot mask the rest of a word: the windows do not know their words");
      }
      const { length } = tokens;
      const places = [...tokens.keys()].filter((i) => !special.has(tokens[i]!));
      const total = { loss: 0, correct: 0, predicted: 0 };
      const most = Math.min(mostMaskedRows(vocab), atMost(BATCH_TOKENS, length));
      for (let first = 0; first < places.length; first += most) {
        const some = places.slice(first, first + most);
        const ids = new Uint32Array(some.length * length);
        const bounds = documents && new Uint32Array(2 * ids.length);
        for (const [w, place] of some.entries()) {
          ids.set(tokens, w * length);
          ids[w * length + place] = mask;
          for (let i = place + 1; restOfWord && continues![i]; i++) ids[w * length + i] = mask;
          bounds?.set(documents!, 2 * w * length);
        }
        const batch: Batch = {
          windows: some.length,
          length,
          ids,
          original: ids,
          maskedRows: Uint32Array.from(some, (place, w) => w * length + place),
          labels: Uint32Array.from(some, (place) => tokens[place]!),
          ...(bounds ? { documents: bounds } : {}),
        };
        const capacity = Math.ceil(most / 4) * 4;
        for (const score of await runBatch(textModel, batch, { programs, windows: most, capacity })) {
          total.loss += score.loss;
          total.correct += score.correct;
          total.predicted += score.predicted;
        }
      }
      yield { ...total, characters: charactersOf(window, textModel) };
    }
  } finally {
    await programs.clear();
  }
}

/** Windows of a batch of at most so many tokens. */
const atMost = (tokens: number, length: number) => Math.max(1, Math.floor(Math.min(BATCH_TOKENS, tokens) / length));

/** Windows of equal length in groups that fit a batch. */
async function* groups(
  windows: Iterable<Window> | AsyncIterable<Window>,
  windowsOf: (length: number) => number,
): AsyncGenerator<Window[]> {
  let group: Window[] = [];
  for await (const window of windows) {
    const length = group[0]?.tokens.length ?? window.tokens.length;
    if (group.length === windowsOf(length) || window.tokens.length !== length) {
      yield group;
      group = [];
    }
    group.push(window);
  }
  if (group.length > 0) yield group;
}

/** Runs a batch; returns the sums of each window. */
async function runBatch(
  { model }: TextModel,
  batch: Batch,
  { programs, windows, capacity }: { programs: ProgramCache<EvaluationProgram>; windows: number; capacity: number },
): Promise<Omit<WindowScore, "characters">[]> {
  const { length, documents, maskedRows, labels } = batch;
  const shape = { windows, length, capacity, documents: documents !== undefined };
  const program = await programs.get(JSON.stringify(shape), () => model.compileEvaluation(shape));
  model.writeEvaluationStep(0);
  program.write(batch);
  program.program.run();
  const [lossBytes, predictionBytes] = await model.device.read([program.losses, program.predictions]);
  const [losses, predictions] = [new Float32Array(lossBytes!), new Uint32Array(predictionBytes!)];
  const scores = Array.from({ length: batch.windows }, () => ({ loss: 0, correct: 0, predicted: 0 }));
  for (const [index, row] of maskedRows.entries()) {
    const score = scores[Math.floor(row / length)]!;
    if (!Number.isFinite(losses[index]!)) {
      throw new RangeError(
        `Cannot score the text: the loss of a token is ${losses[index]}; the model's numbers overflow 32 bits`,
      );
    }
    score.loss += losses[index]!;
    score.correct += predictions[index] === labels[index] ? 1 : 0;
    score.predicted++;
  }
  return scores;
}

function charactersOf({ tokens }: Window, { tokenizer }: TextModel): number {
  const special = specialIds(tokenizer);
  return [...tokenizer.decode(tokens.filter((id) => !special.has(id)))].length;
}

/** A model's result on a text. */
export interface Score {
  /** Mean cross-entropy of the predicted tokens, in nats. */
  readonly loss: number;
  /** Share of them predicted as they were. */
  readonly accuracy: number;
  /** e^loss. */
  readonly perplexity: number;
  /** Tokens that were predicted. */
  readonly predicted: number;
  /** Windows that were read. */
  readonly windows: number;
  /** Characters that were read. */
  readonly characters: number;
}

/** Adds windows up, in memory that does not grow. */
export class ScoreTotal {
  #loss = 0;
  #correct = 0;
  #predicted = 0;
  #windows = 0;
  #characters = 0;

  /** Adds a window. */
  add({ loss, correct, predicted, characters }: WindowScore): void {
    this.#loss += loss;
    this.#correct += correct;
    this.#predicted += predicted;
    this.#windows++;
    this.#characters += characters;
  }

  /** The result so far. */
  get score(): Score {
    const loss = this.#loss / this.#predicted;
    return {
      loss,
      accuracy: this.#correct / this.#predicted,
      perplexity: Math.exp(loss),
      predicted: this.#predicted,
      windows: this.#windows,
      characters: this.#characters,
    };
  }
}

/** Difference of two models on the same windows. */
export interface Difference {
  /** Mean loss of the second less that of the first, in nats: below 0 the second is better. */
  readonly loss: number;
  /** Standard error of it, windows taken for independent (ratio estimator; Cochran, Sampling Techniques, 1977). */
  readonly error: number;
}

/** Adds up differences of windows, in memory that does not grow. */
export class DifferenceTotal {
  #count = 0;
  #d = 0;
  #n = 0;
  #dd = 0;
  #dn = 0;
  #nn = 0;

  /** Adds a window that both have scored. */
  add(first: WindowScore, second: WindowScore): void {
    const d = second.loss - first.loss;
    const n = first.predicted;
    this.#count++;
    this.#d += d;
    this.#n += n;
    this.#dd += d * d;
    this.#dn += d * n;
    this.#nn += n * n;
  }

  /** The result so far. */
  get difference(): Difference {
    const loss = this.#d / this.#n;
    const squares = this.#dd - 2 * loss * this.#dn + loss * loss * this.#nn;
    const correction = this.#count > 1 ? this.#count / (this.#count - 1) : NaN;
    return { loss, error: Math.sqrt(Math.max(0, squares) * correction) / this.#n };
  }
}
