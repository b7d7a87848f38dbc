/**
 * Multinomial logistic regression with L2, whose strength is chosen by cross-validation.
 *
 * @module
 */

import type { Device } from "../device/device.ts";
import { cholesky } from "../inference/cholesky.ts";
import { stratifiedFolds, stratifiedSample } from "./folds.ts";
import { type Matrix, selectRows } from "./matrix.ts";
import { minimize } from "./minimize.ts";
import { hostSoftmaxProblem } from "./host_softmax.ts";
import { rowSpace } from "./row_space.ts";
import { nonZeros, sparseSoftmaxProblem } from "./sparse_softmax.ts";
import { LEFT_OUT, type SoftmaxProblem, softmaxProblem } from "./softmax.ts";

/** Rows to learn from. */
export interface LogisticOptions {
  /** Features; the last column that is not zero is 1 throughout, for the bias, on which there is no L2: [rows, columns]. */
  readonly features: Matrix;
  /** Column of the bias. */
  readonly bias: number;
  /** Class of each row, 0 ... classes - 1. */
  readonly labels: Uint32Array<ArrayBuffer>;
  /** Rows of one group are in one fold. Default: each row is its own. */
  readonly groups?: Uint32Array | undefined;
  /** Number of classes. */
  readonly classes: number;
  /** Seed of the folds. */
  readonly seed: number;
  /**
   * Multiplications of a pass over the rows from which on the strength of L2 is chosen on some of them, or in one fold.
   *
   * @default {1e8}
   */
  readonly costly?: number | undefined;
  /**
   * Weakest L2 that may be chosen, for features whose squares sum to 100: from 1 to 1e-5.
   *
   * @default {1e-5}
   */
  readonly weakest?: number | undefined;
  /** Is told how far it is, from 0 to 1, at every pass over the rows; what it throws ends it. */
  readonly progress?: ((share: number) => void) | undefined;
}

/** A classifier. */
export interface Logistic {
  /** Weights: [classes, columns]. */
  readonly weights: Float64Array<ArrayBuffer>;
  /** Strength of L2 that was chosen, for the mean cross-entropy and features of deviation 1. */
  readonly l2: number;
  /** Mean cross-entropy in cross-validation in nats, by which it was chosen. */
  readonly loss: number;
}

/** Strengths of L2 for features whose squares sum to 100, from strong to weak: half powers of ten. */
const strengths = Array.from({ length: 11 }, (_, i) => 10 ** (-i / 2));
/** Folds of the cross-validation. */
const FOLDS = 3;
/** Features a row from which the rows' own space is smaller. */
const MANY_FEATURES = 4;
/** Multiplications of a pass that takes long. */
const COSTLY = 1e8;
/** Rows of each class at least, where only some are taken to choose the strength. */
const ROWS_A_CLASS = 3;
/** Times as many rows as are taken, from which on that is worth it. */
const WORTH_SAMPLING = 1.5;
/** Strengths before the best one of the first fold and after it that the other folds are measured at. */
const [BEFORE, AFTER] = [2, 1];
/** Share of the loss to which a weaker one must bring it so that the next is tried. */
const WORTHWHILE = 0.99;
/** Share of the loss that a step must still bring, while strengths are compared and in the end. */
const [ROUGH, FINE] = [1e-3, 1e-4];
/** Steps of a fit at most. */
const MOST_STEPS = 40;
/** Steps that a fit takes about, and share of the time that choosing the strength takes. */
const USUAL_PASSES = 25;
const MEASURED = 0.6;
/** Columns up to which the second derivatives are worth their inverse. */
const MOST_INVERTED = 800;

/** Multiplications of a pass over the rows up to which the host does it at once. */
const FEW_PRODUCTS = 1 << 21;

/** Share of the features that are not zero up to which the host, which leaves zeros out, is quicker than a device. */
const SPARSE = 1 / 16;

const problemOf = async (device: Device, features: Matrix, classes: number) => {
  const { rows, columns, values } = features;
  if (rows * columns * classes <= FEW_PRODUCTS) return hostSoftmaxProblem(features, classes);
  return nonZeros(features) <= SPARSE * values.length
    ? sparseSoftmaxProblem(features, classes)
    : await softmaxProblem(device, features, classes);
};

/** Fits a classifier; deterministic, on a CPU device for any number of threads. */
export async function fitLogistic(device: Device, options: LogisticOptions): Promise<Logistic> {
  const { features, bias, classes } = options;
  const scale = features.columns / 100;
  if (features.rows * MANY_FEATURES > features.columns) return await fitted(device, { ...options, scale });
  const space = rowSpace(features, bias);
  const { weights, ...rest } = await fitted(device, { ...options, features: space.features, bias: space.bias, scale });
  return { weights: space.original(weights, classes), ...rest };
}

/** Options with what strengths of L2 are multiplied by. */
type Scaled = LogisticOptions & { readonly scale: number };

/** Chooses the strength of L2, and fits all rows with it. */
async function fitted(device: Device, options: Scaled): Promise<Logistic> {
  const { features, labels, classes } = options;
  const { strengths, chosen, loss } = await chosenStrength(device, options);
  const problem = await problemOf(device, features, classes);
  try {
    let passes = 0;
    const solve = await solverOf(problem, options, () => {
      const share = Math.min(1, ++passes / (USUAL_PASSES * (1 + Math.floor(chosen / 3))));
      options.progress?.(MEASURED + (1 - MEASURED) * share);
    });
    let weights = new Float64Array(classes * features.columns);
    // stronger ones first: each solution is near the next
    for (let i = chosen % 3; i < chosen; i += 3) {
      weights = await solve(strengths[i]!, { labels, start: weights, tolerance: ROUGH });
    }
    weights = await solve(strengths[chosen]!, { labels, start: weights, tolerance: FINE });
    options.progress?.(1);
    return { weights, l2: strengths[chosen]!, loss };
  } finally {
    problem.destroy();
  }
}

/** Strengths for all rows and which of them is best; on some of the rows where all would take long. */
async function chosenStrength(device: Device, options: Scaled) {
  const some = sampled(options);
  const problem = await problemOf(device, some.features, some.classes);
  try {
    const { candidates, losses } = await measured(problem, some);
    const chosen = losses.reduce((best, loss, i) => loss < losses[best]! ? i : best, 0);
    // the penalty weighs as much as so many rows, of which there are more now
    const strengths = candidates.map((one) => one * some.features.rows / options.features.rows);
    return { strengths, chosen, loss: losses[chosen]! };
  } finally {
    problem.destroy();
  }
}

/** So many of the rows that a pass over them is quick, but some of each class; all where that is nearly as many. */
function sampled(options: Scaled): Scaled {
  const { features, labels, groups, classes, seed, costly = COSTLY } = options;
  const { rows, columns } = features;
  const count = Math.max(Math.floor(costly / (columns * classes)), ROWS_A_CLASS * classes);
  if (count * WORTH_SAMPLING > rows) return options;
  const chosen = stratifiedSample(labels, Array.from({ length: rows }, (_, i) => i), { count, seed });
  return {
    ...options,
    features: selectRows(features, chosen),
    labels: Uint32Array.from(chosen, (row) => labels[row]!),
    groups: groups && Uint32Array.from(chosen, (row) => groups[row]!),
  };
}

/** Mean cross-entropies at strengths of L2, of rows that were not learned from. */
async function measured(
  problem: SoftmaxProblem,
  options: Scaled,
): Promise<{ readonly candidates: readonly number[]; readonly losses: readonly number[] }> {
  const { features: { rows, columns }, labels, groups, classes, seed, progress, scale } = options;
  const { costly = COSTLY, weakest = 0 } = options;
  const isCostly = rows * columns * classes > costly;
  const allowed = strengths.filter((one) => one > 0.99 * weakest);
  const candidates = allowed.filter((_, i) => !isCostly || i % 2 === 0).map((one) => one * scale);
  let share = 0;
  const solve = await solverOf(problem, options, () => progress?.(share));
  const isParted = groups && new Set(groups).size > 1;
  const foldOf = stratifiedFolds(labels, { folds: FOLDS, seed, groups: isParted ? groups : undefined });
  const folds = isCostly ? 1 : FOLDS;
  const sums = candidates.map(() => 0);
  let [first, end] = [0, candidates.length];
  for (let fold = 0; fold < folds; fold++) {
    const [inside, outside] = [labels.slice(), labels.slice()];
    for (const [row, own] of foldOf.entries()) (own === fold ? inside : outside)[row] = LEFT_OUT;
    let weights = new Float64Array(classes * columns);
    for (let i = first; i < end; i++) {
      weights = await solve(candidates[i]!, { labels: inside, start: weights, tolerance: ROUGH });
      const { value } = await problem.evaluate(weights, outside);
      sums[i]! += value;
      share = MEASURED * (fold + (i - first + 1) / (end - first)) / folds;
      progress?.(share);
      // weaker ones would bring nothing, or fit what is chance
      if (fold === 0 && i > 0 && value > WORTHWHILE * sums[i - 1]!) end = i + 1;
    }
    if (fold > 0) continue;
    const best = sums.slice(0, end).reduce((best, loss, i) => loss < sums[best]! ? i : best, 0);
    [first, end] = [Math.max(0, best - BEFORE), Math.min(end, best + AFTER + 1)];
  }
  const losses = sums.map((sum, i) => i >= first && i < end ? sum / folds : Infinity);
  return { candidates, losses };
}

/** Likeliest class of each row. */
export async function predictLogistic(
  device: Device,
  features: Matrix,
  { weights, classes }: { weights: Float64Array<ArrayBuffer>; classes: number },
): Promise<Uint32Array<ArrayBuffer>> {
  const problem = await problemOf(device, features, classes);
  try {
    const labels = new Uint32Array(features.rows).fill(LEFT_OUT);
    return (await problem.evaluate(weights, labels)).predictions;
  } finally {
    problem.destroy();
  }
}

/** Makes of a problem what finds the best weights for a strength of L2; `passed`: before each pass over the rows. */
async function solverOf(
  problem: SoftmaxProblem,
  { features: { columns }, bias, classes }: LogisticOptions,
  passed: () => void,
) {
  const gram = columns <= MOST_INVERTED ? await problem.gram() : undefined;
  return async (
    l2: number,
    { labels, start, tolerance }: {
      labels: Uint32Array<ArrayBuffer>;
      start: Float64Array<ArrayBuffer>;
      tolerance: number;
    },
  ): Promise<Float64Array<ArrayBuffer>> => {
    const { x } = await minimize({
      start,
      tolerance,
      steps: MOST_STEPS,
      precondition: gram && inverseOf(gram, { columns, bias, classes, l2 }),
      at: async (weights) => {
        passed();
        const { value, gradient } = await problem.gradient(weights, labels);
        let squares = 0;
        for (let i = 0; i < weights.length; i++) {
          if (i % columns === bias) continue;
          squares += weights[i]! ** 2;
          gradient[i]! += l2 * weights[i]!;
        }
        return { value: value + l2 * squares / 2, gradient };
      },
    });
    return x;
  };
}

/** Inverse of the second derivatives where all classes are equally likely: (Xᵀ X / (rows · classes) + L2)⁻¹ for each class. */
function inverseOf(
  gram: Float64Array<ArrayBuffer>,
  { columns, bias, classes, l2 }: { columns: number; bias: number; classes: number; l2: number },
): (gradient: Float64Array<ArrayBuffer>) => Float64Array<ArrayBuffer> {
  const second = gram.map((value) => value / classes);
  for (let i = 0; i < columns; i++) second[i * columns + i]! += i === bias ? 1e-6 : l2 + 1e-9;
  const { solve } = cholesky(second, columns);
  return (gradient) => {
    const result = gradient.slice();
    for (let at = 0; at < result.length; at += columns) solve(result.subarray(at, at + columns));
    return result;
  };
}
