/**
 * How measurements of models look.
 *
 * @module
 */

import type { Difference, NextSentenceEvaluation, Score } from "../evaluate/score_totals.ts";
import { grouped, percent } from "./figures.ts";
import { type Masking, maskings, type ModelScores } from "./measure_models.ts";
import { table } from "./terminal.ts";

const maskingNames: Readonly<Record<Masking, string>> = {
  masked: "15 % masked",
  pseudo: "each token in turn",
  pseudoWords: "each in turn, with its word",
};

/** How far a measurement is. */
export function scoreProgress(masking: Masking, { windows, loss }: Score): string {
  return `${maskingNames[masking]}: ${grouped(windows)} windows, loss ${loss.toFixed(4)}`;
}

/** A row for each model and way to mask. */
export function scoreTable(models: readonly ModelScores[]): string {
  const rows = models.flatMap((scores) =>
    maskings.flatMap((masking) => {
      const score = scores[masking];
      return score ? [row(scores.model, masking, score)] : [];
    })
  );
  return table([["model", "masking", "predicted", "loss", "accuracy", "perplexity", "bits a character"], ...rows]);
}

function row(
  model: string,
  masking: Masking,
  { loss, accuracy, perplexity, predicted, characters }: Score,
): string[] {
  const figures = [grouped(predicted), loss.toFixed(4), percent(accuracy), perplexity.toFixed(3)];
  // where only a share of the tokens is predicted, characters mean nothing
  const bits = masking === "masked" ? "" : (loss * predicted / characters / Math.LN2).toFixed(4);
  return [model, maskingNames[masking], ...figures, bits];
}

/** How well a model tells which text follows which. */
export function nextSentenceLine(model: string, { loss, accuracy }: NextSentenceEvaluation): string {
  return `${model}, next sentence: loss ${loss.toFixed(4)}, accuracy ${percent(accuracy)} of the pairs`;
}

/** Which of two models is better, a line for each way to mask. */
export function differenceLines(difference: Partial<Record<Masking, Difference>>): string {
  return Object.entries(difference).map(([masking, { loss, error }]) => {
    const which = Math.abs(loss) < 2 * error ? "no clear difference" : `the ${loss < 0 ? "second" : "first"} is better`;
    const sign = loss < 0 ? "−" : "+";
    const size = `${sign}${Math.abs(loss).toFixed(4)} ± ${error.toFixed(4)} nats`;
    return `second less first, ${maskingNames[masking as Masking]}: ${size}: ${which}`;
  }).join("\n");
}
