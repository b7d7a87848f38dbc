/**
 * Examples in batches: texts of like length together, in few shapes, shuffled anew in every pass.
 *
 * @module
 */

import type { Batch } from "../batch/batch.ts";
import { padTexts } from "../inference/texts.ts";
import type { ModelConfig } from "../model/config.ts";
import type { ClassifiedTexts } from "../model/heads/classification.ts";
import { randomSequence } from "../random/philox.ts";
import type { Example } from "./examples.ts";
import { shuffle } from "./split.ts";

/** Batches whose texts are sorted by length together. */
const SORTED_BATCHES = 16;

/** Lengths that programs are made for, at most. */
const MOST_SHAPES = 4;

/** Bytes of activations of a part of a batch, about, and most tokens of one. */
const PART_BYTES = 2 ** 30;
const PART_TOKENS = 4096;
/** Floats kept for the gradient, of each token and layer, in widths. */
const KEPT_WIDTHS = 20;

/** Label of a row that has none. */
const NO_LABEL = 0xffffffff;

/** Some examples side by side, in the shape of a program. */
export interface Part extends ClassifiedTexts, Pick<Batch, "windows" | "length"> {
  /** Room of the program. */
  readonly shape: { readonly windows: number; readonly length: number; readonly documents: true };
  /** Sum of the weights of the labels. */
  readonly weight: number;
}

/** Makes batches of examples. */
export interface Batcher {
  /** The examples of a step, in parts whose gradients are added up. */
  parts(examples: readonly Example[]): Part[];
}

/** A batcher for examples like these, with few shapes. */
export function batcher(
  examples: readonly Example[],
  { config, padding, batch }: {
    config: Pick<ModelConfig, "layers" | "width" | "maxLength">;
    padding: number;
    batch: number;
  },
): Batcher {
  const lengths = lengthsOf(examples, config.maxLength);
  const tokens = Math.min(PART_TOKENS, PART_BYTES / (config.layers * config.width * 4 * KEPT_WIDTHS));
  const roomOf = (length: number) => Math.max(1, Math.min(batch, Math.floor(tokens / length)));
  return {
    parts(examples) {
      const sorted = [...examples].sort((a, b) => b.ids.length - a.ids.length);
      const parts: Part[] = [];
      for (let at = 0; at < sorted.length;) {
        const length = lengths.find((length) => length >= sorted[at]!.ids.length)!;
        const windows = roomOf(length);
        parts.push(partOf(sorted.slice(at, at + windows), { windows, length, padding }));
        at += windows;
      }
      return parts;
    },
  };
}

/** Few lengths, ascending, that hold all examples with little padding. */
function lengthsOf(examples: readonly Example[], longest: number): number[] {
  const sorted = examples.map(({ ids }) => ids.length).sort((a, b) => a - b);
  const at = [0.5, 0.8, 0.95, 1].slice(-MOST_SHAPES).map((share) => sorted[Math.ceil(share * sorted.length) - 1]!);
  return [...new Set(at.map((length) => Math.max(length, Math.min(longest, Math.ceil(length / 8) * 8))))];
}

function partOf(
  examples: readonly Example[],
  { windows, length, padding }: { windows: number; length: number; padding: number },
): Part {
  const texts = padTexts(examples.map(({ ids }) => ids), { length, padding });
  const areRows = examples[0]!.rows !== undefined;
  const units = areRows ? examples.length * length : examples.length;
  const labels = new Uint32Array(units).fill(NO_LABEL);
  const weights = new Float32Array(units);
  let weight = 0;
  for (const [w, { rows, labels: own, weights: ownWeights }] of examples.entries()) {
    for (const [i, label] of own.entries()) {
      const at = rows ? w * length + rows[i]! : w;
      labels[at] = label;
      weights[at] = ownWeights[i]!;
      weight += ownWeights[i]!;
    }
  }
  return { ...texts, labels, weights, weight, shape: { windows, length, documents: true } };
}

/** The batches of a pass over the examples: in another order in each, and for each seed. */
export function* passBatches(
  examples: readonly Example[],
  { batch, seed, epoch }: { batch: number; seed: number; epoch: number },
): Generator<readonly Example[]> {
  const random = randomSequence({ seed, purpose: "shuffling", at: [0xe90c, epoch] });
  const order = shuffle(examples, random.below);
  for (let from = 0; from < order.length; from += SORTED_BATCHES * batch) {
    const pool = order.slice(from, from + SORTED_BATCHES * batch).sort((a, b) => a.ids.length - b.ids.length);
    const batches = Array.from(
      { length: Math.ceil(pool.length / batch) },
      (_, i) => pool.slice(i * batch, (i + 1) * batch),
    );
    yield* shuffle(batches, random.below);
  }
}
