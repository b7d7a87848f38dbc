/**
 * One kind of features, tried in all rounds with a classifier.
 *
 * @module
 */

import type { Device } from "../device/device.ts";
import type { Round } from "./folds.ts";
import { fitLogistic, predictLogistic } from "./logistic.ts";
import { type Matrix, scaled, scalingOf, selectRows } from "./matrix.ts";
import { classesByNeighbours } from "./neighbours.ts";

/** What is learned and tested. */
export interface ProbeTask {
  /** Where the classifiers are fitted. */
  readonly device: Device;
  /** Rounds of learning and testing. */
  readonly rounds: readonly Round[];
  /** Class of each row. */
  readonly labels: Uint32Array;
  /** Rows of equal texts, or of one sentence, have the same number: none foretells another. Default: each row is its own. */
  readonly groups?: Uint32Array | undefined;
  /** Seed of whatever is drawn. */
  readonly seed: number;
}

/** Features of a round. */
export interface RoundFeatures {
  /** Of the rows to learn from. */
  readonly train: Matrix;
  /** Of the rows to be tested. */
  readonly test: Matrix;
  /** Column of ones. */
  readonly bias: number;
}

/** What a classifier says of all rows that are tested, round by round. */
export interface Classified {
  /** Classes. */
  readonly predictions: Uint32Array<ArrayBuffer>;
  /** Strength of L2, the mean over the rounds on a scale of powers. */
  readonly l2?: number;
  /** Mean cross-entropy in cross-validation on what was learned from, in nats. */
  readonly loss?: number;
  /** Neighbours that were asked, in the middle one of the rounds. */
  readonly neighbours?: number;
}

/** Vectors at the same size in each direction, as what is learned from has it. */
export function scaledFeatures(matrix: Matrix, width: number): (round: Round) => RoundFeatures {
  return ({ train, test }) => {
    const learned = selectRows(matrix, train);
    const scaling = scalingOf(learned);
    return { train: scaled(learned, scaling), test: scaled(selectRows(matrix, test), scaling), bias: width };
  };
}

/** Classes of the rows of a round that occur in what is learned from, numbered anew. */
function classesIn({ train }: Round, labels: Uint32Array) {
  const known = [...new Set(train.map((row) => labels[row]!))].sort((a, b) => a - b);
  const numberOf = new Map(known.map((label, i) => [label, i]));
  return { known, own: Uint32Array.from(train, (row) => numberOf.get(labels[row]!)!) };
}

/** Tries logistic regression. */
export async function byRegression(
  { device, rounds, labels, groups, seed }: ProbeTask,
  featuresOf: (round: Round) => RoundFeatures,
  progress?: (share: number) => void,
): Promise<Classified> {
  const predictions: number[] = [];
  let [powers, losses] = [0, 0];
  for (const [i, round] of rounds.entries()) {
    const { known, own } = classesIn(round, labels);
    if (known.length === 1) {
      for (const _ of round.test) predictions.push(known[0]!);
      continue;
    }
    const { train, test, bias } = featuresOf(round);
    const classes = known.length;
    const fit = await fitLogistic(device, {
      features: train,
      bias,
      labels: own,
      groups: groups && Uint32Array.from(round.train, (row) => groups[row]!),
      classes,
      seed,
      progress: (share) => progress?.((i + share) / rounds.length),
    });
    powers += Math.log(fit.l2) / rounds.length;
    losses += fit.loss / rounds.length;
    const found = await predictLogistic(device, test, { weights: fit.weights, classes });
    for (const label of found) predictions.push(known[label]!);
  }
  return { predictions: Uint32Array.from(predictions), l2: Math.exp(powers), loss: losses };
}

/** Tries the nearest neighbours. */
export async function byNeighbours(
  { device, rounds, labels, groups, seed }: ProbeTask,
  featuresOf: (round: Round) => RoundFeatures,
): Promise<Classified> {
  const predictions: number[] = [];
  const asked: number[] = [];
  for (const round of rounds) {
    const { known, own } = classesIn(round, labels);
    const { train, test, bias } = featuresOf(round);
    // the ones of the bias are no feature
    for (const { rows, columns, values } of [train, test]) {
      for (let row = 0; row < rows; row++) values[row * columns + bias] = 0;
    }
    const found = await classesByNeighbours(device, {
      features: train,
      labels: own,
      groups: groups && Uint32Array.from(round.train, (row) => groups[row]!),
      classes: known.length,
      wanted: test,
      seed,
    });
    asked.push(found.neighbours);
    for (const label of found.predictions) predictions.push(known[label]!);
  }
  asked.sort((a, b) => a - b);
  return { predictions: Uint32Array.from(predictions), neighbours: asked[asked.length >> 1]! };
}
