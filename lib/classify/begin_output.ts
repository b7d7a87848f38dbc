/**
 * Where the last product of a new head begins: at the softmax regression on what it reads of the model as it is. Of words there are
 * enough for it, and steps that would learn it anew pull the encoder along (Kumar et al., "Fine-tuning can distort pretrained features
 * and underperform out-of-distribution", 2022).
 *
 * @module
 */

import type { TextModel } from "../evaluate/text_model.ts";
import { compileClassFeatures } from "../model/classification_program.ts";
import { programCache } from "../model/program_cache.ts";
import type { TextShape } from "../model/text_inputs.ts";
import { shuffled } from "../probe/folds.ts";
import { fitLogistic, type Logistic } from "../probe/logistic.ts";
import { emptyMatrix, type Matrix, rowOf, scaled, type Scaling, scalingOf } from "../probe/matrix.ts";
import type { Example } from "./examples.ts";
import { pieceRows } from "./predict_pieces.ts";

/** Labels that are learned from at most, and multiplications of a pass over them: more would take minutes. */
const MOST_ROWS = 20_000;
const MOST_PRODUCTS = 2e9;

/** Options of the beginning. */
export interface BeginOutputOptions {
  /** Seed of the examples that are taken, where all would be too many, and of the folds by which L2 is chosen. */
  readonly seed: number;
  /** Weight of each class; those of the examples are not looked at. Default: all the same. */
  readonly weights?: Float32Array | undefined;
  /** Is told how far it is, from 0 to 1; what it throws ends it. */
  readonly progress?: ((share: number) => void) | undefined;
}

/**
 * Gives the last product of a model's head the weights of the regression. Classes that no example has keep theirs, and the least bias;
 * with fewer than two that some have nothing changes.
 */
export async function beginOutput(
  { model, tokenizer }: TextModel,
  examples: readonly Example[],
  { seed, weights, progress }: BeginOutputOptions,
): Promise<void> {
  const { device, config: { width, classification } } = model;
  const some = sampled(examples, { seed, products: width * classification!.classes.length });
  const labels = some.flatMap((example) => [...example.labels]);
  const known = [...new Set(labels)].sort((a, b) => a - b);
  if (known.length < 2) return;
  progress?.(0);
  const matrix = await featuresOf({ model, tokenizer }, some);
  const scaling = scalingOf(matrix);
  const numbers = new Map(known.map((label, i) => [label, i]));
  const fit = await fitLogistic(device, {
    ...{ features: scaled(matrix, scaling), bias: width, classes: known.length, seed, progress },
    labels: Uint32Array.from(labels, (label) => numbers.get(label)!),
    groups: Uint32Array.from(some.flatMap(({ labels }, sentence) => Array(labels.length).fill(sentence))),
  });
  const values = await model.readParameters();
  const output = { weight: values.get("classifier.output.weight")!, bias: values.get("classifier.output.bias")! };
  const biases = writeRows(output.weight, fit, { known, scaling, width });
  // a class that counts for more is as much likelier
  const shifted = biases.map((bias, i) => bias + Math.log(weights?.[known[i]!] || 1));
  output.bias.fill(Math.min(...shifted));
  for (const [i, label] of known.entries()) output.bias[label] = shifted[i]!;
  model.writeParameters(values);
}

/** Examples in random order until there are enough labels. */
function sampled(
  examples: readonly Example[],
  { seed, products }: { seed: number; products: number },
): readonly Example[] {
  const most = Math.min(MOST_ROWS, MOST_PRODUCTS / products);
  if (examples.reduce((sum, { labels }) => sum + labels.length, 0) <= most) return examples;
  let rows = 0;
  const chosen = shuffled(examples.length, { seed }).filter((i) => {
    const isTaken = rows < most;
    if (isTaken) rows += examples[i]!.labels.length;
    return isTaken;
  });
  return chosen.sort((a, b) => a - b).map((i) => examples[i]!);
}

/** What the last product reads, a row for each label. */
async function featuresOf({ model, tokenizer }: TextModel, examples: readonly Example[]): Promise<Matrix> {
  const { width } = model.config;
  const programs = programCache((shape: TextShape) => compileClassFeatures(model, shape));
  try {
    const resultOf = ({ features }: Awaited<ReturnType<typeof compileClassFeatures>>) => features;
    const rows = (await pieceRows(examples, { model, tokenizer, programs, columns: width, resultOf })).flat();
    const matrix = emptyMatrix(rows.length, width);
    for (const [i, row] of rows.entries()) rowOf(matrix, i).set(row);
    return matrix;
  } finally {
    await programs.clear();
  }
}

/** Writes the regression's weights for features that are not scaled, as rows of classes; returns its biases. */
function writeRows(
  weight: Float32Array,
  { weights }: Pick<Logistic, "weights">,
  { known, scaling, width }: { known: readonly number[]; scaling: Scaling; width: number },
): number[] {
  const columns = weights.length / known.length;
  return known.map((label, i) => {
    let bias = weights[i * columns + width]!;
    for (let column = 0; column < width; column++) {
      const own = weights[i * columns + column]! * scaling.factors[column]!;
      weight[label * width + column] = own;
      bias -= own * scaling.means[column]!;
    }
    return bias;
  });
}
