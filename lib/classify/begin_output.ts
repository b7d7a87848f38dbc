/**
 * Where the last product of a new head begins: at the softmax regression on what it reads of the model as it is. Of words,
 * and of texts of many classes, there are enough for it, and steps that would learn it anew pull the encoder along (Kumar et
 * al., "Fine-tuning can distort pretrained features and underperform out-of-distribution", 2022).
 *
 * @module
 */

import type { TextModel } from "../evaluate/text_model.ts";
import { type ClassFeaturesProgram, compileClassFeatures } from "../model/classification_program.ts";
import { programCache } from "../model/program_cache.ts";
import type { TextShape } from "../model/text_inputs.ts";
import { shuffled } from "../probe/folds.ts";
import { fitLogistic } from "../probe/logistic.ts";
import { emptyMatrix, type Matrix, rowOf, scaled, scalingOf } from "../probe/matrix.ts";
import type { Example } from "./examples.ts";
import { pieceRows } from "./predict_pieces.ts";

/** Labels that are learned from about, and multiplications of a pass over them: more would take minutes. */
const MOST_LABELS = 20_000;
const MOST_PRODUCTS = 2e9;
/** Labels of each class at least, if there are so many. */
const LABELS_A_CLASS = 3;

/**
 * Weakest L2. What is best for the model as it is may have large weights, with which the encoder's first steps spoil more than they
 * mend: bench/RESULTS.md.
 */
const WEAKEST = 0.03;

/** Pieces whose features are made between two looks at the progress, and share of the time that all take, about. */
const CHUNK = 256;
const FEATURES = 0.2;

/** Options of the beginning. */
export interface BeginOutputOptions {
  /** Seed of the labels that are taken, where all would be too many, and of the folds by which L2 is chosen. */
  readonly seed: number;
  /** Weight of each class; those of the examples are not looked at. Default: all the same. */
  readonly weights?: Float32Array | undefined;
  /** Is told how far it is, from 0 to 1; what it throws ends it. */
  readonly progress?: ((share: number) => void) | undefined;
}

/**
 * Gives the last product of a model's head the weights of the regression. Classes without an example are as likely as the rarest one
 * at the mean of all features; with fewer than two classes that have some nothing changes.
 */
export async function beginOutput(
  { model, tokenizer }: TextModel,
  examples: readonly Example[],
  { seed, weights, progress }: BeginOutputOptions,
): Promise<void> {
  const { device, config: { width, classification } } = model;
  const some = sampled(examples, { seed, most: MOST_PRODUCTS / (width * classification!.classes.length) });
  const labels = some.flatMap((example) => [...example.labels]);
  const known = [...new Set(labels)].sort((a, b) => a - b);
  if (known.length < 2) return;
  progress?.(0);
  const matrix = await featuresOf({ model, tokenizer }, some, (share) => progress?.(FEATURES * share));
  const scaling = scalingOf(matrix);
  const features = scaled(matrix, scaling);
  const numbers = new Map(known.map((label, i) => [label, i]));
  const fit = await fitLogistic(device, {
    ...{ features, bias: width, classes: known.length, seed, weakest: WEAKEST },
    labels: Uint32Array.from(labels, (label) => numbers.get(label)!),
    groups: Uint32Array.from(some.flatMap(({ labels }, piece) => Array(labels.length).fill(piece))),
    progress: (share) => progress?.(FEATURES + (1 - FEATURES) * share),
  });
  const values = await model.readParameters();
  const output = { weight: values.get("classifier.output.weight")!, bias: values.get("classifier.output.bias")! };
  // what features of the mean have
  const logits = known.map((_, i) => fit.weights[i * features.columns + width]!);
  output.weight.fill(0);
  output.bias.fill(Math.min(...logits));
  for (const [i, label] of known.entries()) {
    // a class that counts for more is as much likelier
    output.bias[label] = logits[i]! + Math.log(weights?.[label] ?? 1);
    for (let column = 0; column < width; column++) {
      const weight = fit.weights[i * features.columns + column]! * scaling.factors[column]!;
      output.weight[label * width + column] = weight;
      output.bias[label]! -= weight * scaling.means[column]!;
    }
  }
  model.writeParameters(values);
}

/** So many labels in whole examples, and of those left out some of each class that would be missed. */
function sampled(
  examples: readonly Example[],
  { seed, most }: { seed: number; most: number },
): readonly Example[] {
  const limit = Math.min(MOST_LABELS, most);
  if (examples.reduce((sum, { labels }) => sum + labels.length, 0) <= limit) return examples;
  const counts = new Map<number, number>();
  const isMissed = (label: number) => (counts.get(label) ?? 0) < LABELS_A_CLASS;
  let taken = 0;
  return shuffled(examples.length, { seed }).map((i) => examples[i]!).map((example) => {
    const isWhole = taken + example.labels.length <= limit;
    const kept = Array.from(example.labels, (label) => {
      const isKept = isWhole || isMissed(label);
      if (isKept) counts.set(label, (counts.get(label) ?? 0) + 1);
      return isKept;
    });
    if (isWhole) taken += example.labels.length;
    return isWhole ? example : {
      ...example,
      rows: example.rows?.filter((_, at) => kept[at]),
      labels: example.labels.filter((_, at) => kept[at]),
    };
  }).filter(({ labels }) => labels.length > 0);
}

/** What the last product reads, a row for each label. */
async function featuresOf(
  { model, tokenizer }: TextModel,
  examples: readonly Example[],
  progress: (share: number) => void,
): Promise<Matrix> {
  const { width } = model.config;
  const programs = programCache((shape: TextShape) => compileClassFeatures(model, shape));
  const resultOf = ({ features }: ClassFeaturesProgram) => features;
  const matrix = emptyMatrix(examples.reduce((sum, { labels }) => sum + labels.length, 0), width);
  try {
    let row = 0;
    for (let at = 0; at < examples.length; at += CHUNK) {
      const chunk = examples.slice(at, at + CHUNK);
      for (const rows of await pieceRows(chunk, { model, tokenizer, programs, columns: width, resultOf })) {
        for (const features of rows) rowOf(matrix, row++).set(features);
      }
      progress(Math.min(1, (at + CHUNK) / examples.length));
    }
    return matrix;
  } finally {
    await programs.clear();
  }
}
