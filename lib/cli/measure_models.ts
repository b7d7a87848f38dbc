/**
 * How well models predict a text, measured in one or several ways.
 *
 * @module
 */

import type { MaskRule } from "../batch/masking.ts";
import type { PackMode } from "../batch/block.ts";
import { textWindows } from "../batch/text_windows.ts";
import { scoreEachToken, scoreMasked } from "../evaluate/score.ts";
import {
  type Difference,
  DifferenceTotal,
  type Score,
  ScoreTotal,
  type WindowScore,
} from "../evaluate/score_totals.ts";
import { toTokenizerJson } from "../format/tokenizer_writer.ts";
import { EVALUATION_LENGTH, type MaskedLanguageModel } from "../inference/load.ts";
import type { Corpus } from "../text/corpus.ts";

/** Ways to mask: a fixed share of the tokens, each token in turn, each in turn with the rest of its word. */
export const maskings = ["masked", "pseudo", "pseudoWords"] as const;
/** A way to mask. */
export type Masking = typeof maskings[number];

/** What is measured, and how. */
export interface MeasurePlan {
  /** Its validation part is read. */
  readonly corpus: Corpus;
  /** Tokens of a window; undefined: as many as usual, if the models can read them. */
  readonly length: number | undefined;
  /** Most tokens to read; undefined: all. */
  readonly tokens: number | undefined;
  /** Most tokens that are masked in turn. */
  readonly tokensInTurn: number;
  /** How windows are filled. */
  readonly pack: PackMode;
  /** How masked tokens are replaced. */
  readonly rule: MaskRule;
  /** Ways to mask, one after the other. */
  readonly maskings: readonly Masking[];
}

/** A model's results. */
export interface ModelScores extends Partial<Record<Masking, Score>> {
  /** Where it came from. */
  readonly model: string;
  /** With a fixed share masked, which is always measured. */
  readonly masked: Score;
}

/** Results of one model or two. */
export interface Measured {
  /** In order. */
  readonly models: readonly ModelScores[];
  /** Of the second less the first, where both read the same tokens. */
  readonly difference?: Partial<Record<Masking, Difference>>;
  /** What the user should know. */
  readonly note?: string;
}

/** Is told how far a measurement is; without a score that one begins. */
export type MeasureProgress = (masking: Masking, score?: Score) => void;

/** Measures one model or two; where two read the same tokens, window by window. */
export async function measureModels(
  models: readonly MaskedLanguageModel[],
  plan: MeasurePlan,
  progress: MeasureProgress,
): Promise<Measured> {
  const lengths = models.map(({ config }) => config.maxLength);
  const same = { ...plan, length: plan.length ?? Math.min(EVALUATION_LENGTH, ...lengths) };
  if (haveSameTokens(models)) return await measureTogether(models, same, progress);
  const results = [];
  for (const model of models) results.push(...(await measureTogether([model], same, progress)).models);
  const note = "the models cut text into different tokens, so losses of a token cannot be compared; " +
    "bits a character can (--pseudo-words)";
  return { models: results, note };
}

function haveSameTokens(models: readonly MaskedLanguageModel[]): boolean {
  const areEqual = (told: (model: MaskedLanguageModel) => unknown) => new Set(models.map(told)).size === 1;
  if (models.length === 1) return true;
  return areEqual(({ tokenizer }) => tokenizer.size) &&
    areEqual(({ tokenizer }) => JSON.stringify(toTokenizerJson(tokenizer)));
}

async function measureTogether(
  models: readonly MaskedLanguageModel[],
  plan: MeasurePlan & { readonly length: number },
  progress: MeasureProgress,
): Promise<Measured> {
  const results: Partial<Record<Masking, Score>>[] = models.map(() => ({}));
  const difference: Partial<Record<Masking, Difference>> = {};
  for (const masking of plan.maskings) {
    const totals = models.map(() => new ScoreTotal());
    const between = new DifferenceTotal();
    progress(masking);
    for await (const scores of inStep(models.map((model) => windowScores(model, plan, masking)))) {
      for (const [i, score] of scores.entries()) totals[i]!.add(score);
      const [first, second] = scores;
      if (second) between.add(first!, second);
      progress(masking, totals.at(-1)!.score);
    }
    for (const [i, total] of totals.entries()) results[i]![masking] = total.score;
    difference[masking] = between.difference;
  }
  const named = models.map(({ place }, i) => ({ model: place, ...results[i] }) as ModelScores);
  return { models: named, ...(models.length > 1 ? { difference } : {}) };
}

/** Items of equally long streams side by side. */
async function* inStep<T>(streams: readonly AsyncGenerator<T>[]): AsyncGenerator<T[]> {
  try {
    while (true) {
      const items = [];
      for (const stream of streams) items.push(await stream.next());
      if (items.some(({ done }) => done)) return;
      yield items.map(({ value }) => value);
    }
  } finally {
    for (const stream of streams) await stream.return(undefined);
  }
}

/** The scores of a model's windows, one by one. */
function windowScores(
  model: MaskedLanguageModel,
  { corpus, length, tokens, tokensInTurn, pack, rule }: MeasurePlan & { readonly length: number },
  masking: Masking,
): AsyncGenerator<WindowScore> {
  const windows = textWindows({
    corpus,
    part: "validation",
    tokenizer: model.tokenizer,
    length,
    tokens: masking === "masked" ? tokens : tokensInTurn,
    pack,
    words: masking === "pseudoWords",
  });
  if (masking === "masked") return scoreMasked(model, windows, { rule });
  return scoreEachToken(model, windows, { restOfWord: masking === "pseudoWords" });
}
