/**
 * How right predictions are, and how sure that is.
 *
 * @module
 */

import { leastError } from "../evaluate/few.ts";
import { randomSequence } from "../random/philox.ts";

/** A figure with its standard error. */
export interface Measure {
  /** The figure. */
  readonly value: number;
  /** Its standard error, from resampling what was tested on, and never less than so few examples allow. */
  readonly error: number;
}

/** How right predictions are. */
export interface ProbeScore {
  /** Share of the tested that is predicted right. */
  readonly accuracy: Measure;
  /** F1 of each class that is there or predicted, averaged with equal weights. */
  readonly macroF1: Measure;
}

/** Which of two predictions are better. */
export interface ScoreDifference {
  /** Of the accuracies, second less first. */
  readonly accuracy: Measure;
  /** Of the macro F1s, second less first. */
  readonly macroF1: Measure;
}

/** What was tested: in clusters that are drawn together, as the words of a sentence are, and equal texts. */
export interface Tested {
  /** Right class of each. */
  readonly truth: Uint32Array;
  /** Cluster of each, 0 ... clusters - 1. */
  readonly clusters: Uint32Array;
  /** How many differ from one another. Default: all. */
  readonly different?: number | undefined;
  /** Number of classes. */
  readonly classes: number;
  /** Seed of the resampling. */
  readonly seed: number;
}

/** Scores of predictions: on all that was tested, and on each resampling of it. */
export interface Resampled {
  /** With their errors. */
  readonly score: ProbeScore;
  /** Accuracy of each resampling. */
  readonly accuracies: Float64Array;
  /** Macro F1 of each resampling. */
  readonly macroF1s: Float64Array;
  /** The least error that so many different examples allow. */
  readonly least: number;
}

/** Resamplings. */
const RESAMPLINGS = 300;

/** Makes a scorer of what was tested: all its scores are of the same resamplings, so that differences are paired. */
export function scorer(
  { truth, clusters, different = truth.length, classes, seed }: Tested,
): (predictions: Uint32Array) => Resampled {
  const least = leastError(different);
  const count = clusters.reduce((most, cluster) => Math.max(most, cluster + 1), 0);
  // how often each cluster is in each resampling
  const draws = Array.from({ length: RESAMPLINGS }, (_, i) => {
    const random = randomSequence({ seed, purpose: "shuffling", at: [0xb007, i] });
    const drawn = new Uint16Array(count);
    for (let k = 0; k < count; k++) drawn[random.below(count)]!++;
    return drawn;
  });
  const ones = new Uint16Array(count).fill(1);
  return (predictions) => {
    const measure = (drawn: Uint16Array) => measured({ truth, predictions, clusters, classes, drawn });
    const whole = measure(ones);
    const resampled = draws.map(measure);
    const accuracies = Float64Array.from(resampled, ({ accuracy }) => accuracy);
    const macroF1s = Float64Array.from(resampled, ({ macroF1 }) => macroF1);
    return {
      score: {
        accuracy: { value: whole.accuracy, error: Math.max(least, deviation(accuracies)) },
        macroF1: { value: whole.macroF1, error: Math.max(least, deviation(macroF1s)) },
      },
      accuracies,
      macroF1s,
      least,
    };
  };
}

/** Second less first, each resampling for itself. */
export function differenceOf(first: Resampled, second: Resampled): ScoreDifference {
  const less = (a: Float64Array, b: Float64Array) =>
    Math.max(first.least, deviation(b.map((value, i) => value - a[i]!)));
  const value = (name: "accuracy" | "macroF1") => second.score[name].value - first.score[name].value;
  return {
    accuracy: { value: value("accuracy"), error: less(first.accuracies, second.accuracies) },
    macroF1: { value: value("macroF1"), error: less(first.macroF1s, second.macroF1s) },
  };
}

/** Accuracy and macro F1, each cluster as often as it was drawn. */
function measured(
  { truth, predictions, clusters, classes, drawn }: Omit<Tested, "seed" | "different"> & {
    predictions: Uint32Array;
    drawn: Uint16Array;
  },
): { readonly accuracy: number; readonly macroF1: number } {
  const [right, actual, predicted] = [0, 1, 2].map(() => new Float64Array(classes)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  let [total, correct] = [0, 0];
  for (let i = 0; i < truth.length; i++) {
    const weight = drawn[clusters[i]!]!;
    if (weight === 0) continue;
    const [is, said] = [truth[i]!, predictions[i]!];
    total += weight;
    actual[is]! += weight;
    predicted[said]! += weight;
    if (is !== said) continue;
    correct += weight;
    right[is]! += weight;
  }
  let [sum, present] = [0, 0];
  for (let c = 0; c < classes; c++) {
    const both = actual[c]! + predicted[c]!;
    if (both === 0) continue;
    sum += 2 * right[c]! / both;
    present++;
  }
  return { accuracy: correct / Math.max(1, total), macroF1: sum / Math.max(1, present) };
}

function deviation(values: Float64Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, values.length - 1));
}
