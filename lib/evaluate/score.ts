/**
 * How well a model predicts a text: with a fixed share of it masked, or each token in turn.
 *
 * @module
 */

import type { Window } from "../batch/masking.ts";
import { specialIds } from "../tokenizer/special_tokens.ts";
import { maskedBatches, type ScoreOptions } from "./masked_batches.ts";
import { evaluationPrograms, type Predicted, runBatches, type ShapedBatch, windowSums } from "./run_batches.ts";
import { addSums, NO_SUMS, type WindowScore } from "./score_totals.ts";
import type { TextModel } from "./text_model.ts";
import { type EachTokenOptions, tokenBatches } from "./token_batches.ts";

/**
 * Scores windows with fixed masks, a few batches in memory at a time. The same windows, options and device give the same
 * numbers to the bit, those of validation in training.
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
  for await (const predicted of predict(textModel, maskedBatches(textModel, windows, options))) {
    for (const [w, sums] of windowSums(predicted).entries()) {
      yield { ...sums, characters: charactersOf(predicted.given.windows[w]!, textModel) };
    }
  }
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
  options: EachTokenOptions = {},
): AsyncGenerator<WindowScore> {
  let total = NO_SUMS;
  for await (const predicted of predict(textModel, tokenBatches(textModel, windows, options))) {
    const { window, isLast } = predicted.given;
    total = windowSums(predicted).reduce(addSums, total);
    if (!isLast) continue;
    yield { ...total, characters: charactersOf(window, textModel) };
    total = NO_SUMS;
  }
}

/** Runs batches in programs that are given back at the end. */
async function* predict<Shaped extends ShapedBatch>(
  { model }: TextModel,
  batches: AsyncIterable<Shaped>,
): AsyncGenerator<Predicted<Shaped>> {
  const programs = evaluationPrograms(model);
  try {
    yield* runBatches(model, batches, programs);
  } finally {
    await programs.clear();
  }
}

function charactersOf({ tokens }: Window, { tokenizer }: TextModel): number {
  const special = specialIds(tokenizer);
  return [...tokenizer.decode(tokens.filter((id) => !special.has(id)))].length;
}
