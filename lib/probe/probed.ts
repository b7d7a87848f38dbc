/**
 * What a probe finds: results, which of them are best, and how they differ.
 *
 * @module
 */

import type { PoolMode } from "../inference/embed.ts";
import { differenceOf, type ProbeScore, type Resampled, type ScoreDifference } from "./scores.ts";

/** What is tried: on a model's vectors logistic regression, nearest neighbours, or the first on those of random weights; without a model the rest. */
export type ProbeKind = "regression" | "neighbours" | "random" | "ngrams" | "frequent" | "majority";

/** How well one way to tell the classes does. */
export interface ProbeResult {
  /** What was tried. */
  readonly kind: ProbeKind;
  /** Number of the model among those given; undefined where none took part. */
  readonly model?: number | undefined;
  /** The layer: 0 the embeddings, the model's number of layers the last one. */
  readonly layer?: number | undefined;
  /** How a text became one vector; of words undefined. */
  readonly pool?: PoolMode | undefined;
  /** Accuracy and macro F1 on what was not learned from. */
  readonly score: ProbeScore;
  /** Strength of L2, chosen by cross-validation. */
  readonly l2?: number | undefined;
  /** Mean cross-entropy in that cross-validation, in nats; the best layer is chosen by it, not by the test. */
  readonly loss?: number | undefined;
  /** Neighbours that were asked. */
  readonly neighbours?: number | undefined;
}

/** How much better one result is than another, on the same resamplings of the test. */
export interface ProbeDifference extends ScoreDifference {
  /** Number of the result that is taken away. */
  readonly less: number;
  /** Number of the result that it is taken away from. */
  readonly from: number;
}

/** What {@linkcode probe} finds. */
export interface Probed {
  /** Names of the classes. */
  readonly classes: readonly string[];
  /** What has a label. */
  readonly what: "texts" | "words";
  /** Texts or words that were learned from, in each round. */
  readonly learned: number;
  /** Texts or words that were tested, in all rounds. */
  readonly tested: number;
  /** How many of these differ from one another; errors are of so many. */
  readonly different: number;
  /** Rounds: 1, or where there are few examples as many as it takes to test each once. */
  readonly rounds: number;
  /** Results, models first. */
  readonly results: readonly ProbeResult[];
  /** Of each model the number of its best result, by cross-validation. */
  readonly best: readonly number[];
  /** Each model's best result against what does without it, and of two models the second against the first, like with like. */
  readonly differences: readonly ProbeDifference[];
  /** What the user should know. */
  readonly notes: readonly string[];
}

/** A result with its scores on resamplings, and what it is compared by. */
export interface Tried {
  readonly result: ProbeResult;
  readonly resampled: Resampled;
  /** Its place among those of its kind. */
  readonly position: number;
}

/** Number of a model's best regression, on its own vectors or those of random weights, by its loss in cross-validation. */
export function bestOf(results: readonly ProbeResult[], model: number, kind: ProbeKind = "regression"): number {
  return results.reduce((best, { kind: other, loss, model: own }, i) => {
    if (own !== model || other !== kind) return best;
    return best < 0 || loss! < results[best]!.loss! ? i : best;
  }, -1);
}

/** Each best result against what does without its model, and the second model's results against the first's. */
export function differencesOf(all: readonly Tried[], best: readonly number[]): ProbeDifference[] {
  const between = (less: number, from: number): ProbeDifference => ({
    less,
    from,
    ...differenceOf(all[less]!.resampled, all[from]!.resampled),
  });
  const results = all.map(({ result }) => result);
  const without = best.flatMap((from, model) => {
    const others = [
      bestOf(results, model, "random"),
      ...["ngrams", "frequent"].map((kind) => results.findIndex((result) => result.kind === kind)),
    ];
    return others.filter((less) => less >= 0).map((less) => between(less, from));
  });
  const others = all.flatMap(({ result: { kind, model, pool }, position }, from) => {
    if (model !== 1 || kind === "random") return [];
    const less = all.findIndex(({ result, position: other }) =>
      result.model === 0 && result.kind === kind && result.pool === pool && other === position
    );
    return less < 0 ? [] : [between(less, from)];
  });
  return [...without, ...others];
}
