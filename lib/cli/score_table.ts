/**
 * How measurements of models look.
 *
 * @module
 */

import type { Difference, NextSentenceEvaluation, Score } from "../evaluate/score_totals.ts";
import { grouped, percent } from "./figures.ts";
import { fittedTable } from "./fitted_table.ts";
import { type LongWork, longWork, progressAside, type ProgressPlace, watchedCorpus } from "./long_work.ts";
import { type Masking, maskings, type MeasurePlan, type MeasureProgress, type ModelScores } from "./measure_models.ts";
import type { OpenedCorpus } from "./open_corpus.ts";
import { EVALUATION_LENGTH } from "../inference/load.ts";

const maskingNames: Readonly<Record<Masking, string>> = {
  masked: "15 % masked",
  pseudo: "each token in turn",
  pseudoWords: "each in turn, with its word",
};

/** A measurement whose progress is shown, each way to mask as work of its own. */
export function watchedMeasure(
  plan: MeasurePlan,
  { corpus, bytes }: Pick<OpenedCorpus, "corpus" | "bytes">,
  { place = progressAside(), now }: { place?: ProgressPlace; now?: () => number } = {},
): { readonly plan: MeasurePlan; readonly progress: MeasureProgress; end(): void } {
  const watched = watchedCorpus(plan.corpus);
  // of a run's text only what validates is read
  const total = bytes === undefined ? undefined : bytes - (plan.corpus === corpus ? corpus.trainingBytes ?? 0 : 0);
  let [current, work]: [Masking | undefined, LongWork | undefined] = [undefined, undefined];
  return {
    plan: { ...plan, corpus: watched.corpus },
    progress(masking, score) {
      if (masking !== current) {
        work?.end();
        work = longWork(place, `evaluating, ${maskingNames[masking]}`, now && { now });
      }
      current = masking;
      if (!score) return;
      const { windows, loss } = score;
      const most = masking === "masked" ? plan.tokens : plan.tokensInTurn;
      const length = plan.length ?? EVALUATION_LENGTH;
      // the end of the text or of what is to be read of it, whichever comes first
      const shares = [
        ...(most === undefined ? [] : [windows / Math.max(1, Math.floor(most / length))]),
        ...(total === undefined ? [] : [watched.bytes() / total]),
      ];
      const words = `${grouped(windows)} windows, loss ${loss.toFixed(4)}`;
      work!.at(Math.max(0, ...shares), { total: shares.length > 0 ? 1 : undefined, words });
    },
    end: () => work?.end(),
  };
}

/** Columns from left to right, and those that go where there is no room, the least needed first. */
const headings = ["model", "masking", "predicted", "loss", "accuracy", "perplexity", "bits a character"];
const leaving = ["predicted", "perplexity", "accuracy", "bits a character"];

/** A row for each model and way to mask, in lines of at most so many columns. */
export function scoreTable(models: readonly ModelScores[], width = Infinity): string {
  const rows = models.flatMap((scores) =>
    maskings.flatMap((masking) => {
      const score = scores[masking];
      return score ? [row(scores.model, masking, score)] : [];
    })
  );
  return fittedTable(headings.map((name, i) => [name, rows.map((row) => row[i]!)]), { width, leaving });
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
