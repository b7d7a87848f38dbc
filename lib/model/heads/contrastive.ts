/**
 * The head that compares texts by their vectors: means of the hidden states, brought to length one, and of each text the softmax
 * of its cosines with the second views of all texts of the batch (van den Oord et al., Contrastive Predictive Coding, 2018; Gao et
 * al., SimCSE, 2021). It has no parameters: the vectors are those that `embed` gives.
 *
 * @module
 */

import type { Batch } from "../../batch/batch.ts";
import type { Device } from "../../device/device.ts";
import type { StepTensors } from "../../optimizer/step.ts";
import { crossEntropy, NO_LABEL } from "../../ops/cross_entropy.ts";
import { gatherRows, NOT_SELECTED, type RowSelection } from "../../ops/gather_rows.ts";
import { l2Normalise } from "../../ops/l2_normalise.ts";
import { meanPool } from "../../ops/mean_pool.ts";
import { similarities } from "../../ops/similarities.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { EncoderContext } from "../encoder.ts";

/** What cosines are divided by where nothing else is said (SimCSE). */
export const TEMPERATURE = 0.05;

/** The head in a program. */
export interface ContrastiveHead {
  /** Cosines of each first view with each second one, divided by the temperature: [pairs, pairs padded to a multiple of 4]. */
  readonly logits: Tensor;
  /** Cross-entropy of each first view in nats: f32 [pairs]. */
  readonly losses: Tensor;
  /** The nearest second view of each first one: u32 [pairs]. */
  readonly predictions: Tensor;
  /** Writes which second view belongs to each first one. */
  write(batch: Pick<Batch, "labels">): void;
  /** Writes what is the same for every batch. */
  writeConstants(): void;
}

/**
 * Records the head and its loss on windows of which the first half holds one view of each text and the second half the other;
 * `step` gives the scale of its gradient and is told the sums, in training.
 *
 * @throws {RangeError} if the number of windows is odd, or a temperature is not above 0.
 */
export function recordContrastiveHead(
  { graph, documents }: EncoderContext,
  hidden: Tensor,
  { device, windows, temperature, step }: {
    device: Device;
    windows: number;
    temperature: number;
    step: StepTensors | undefined;
  },
): ContrastiveHead {
  if (windows % 2 !== 0 || !documents) {
    throw new RangeError(
      `Cannot compare the texts of ${windows} windows: there must be two for each, with their bounds`,
    );
  }
  if (!(temperature > 0)) throw new RangeError(`Cannot compare at a temperature of ${temperature}: it must be above 0`);
  const pairs = windows / 2;
  const index = (name: string, size: number) => graph.persistent(name, [size], "u32");
  const halves = ["first", "second"].map((name): RowSelection => ({
    rows: index(`${name} views`, pairs),
    inverse: index(`${name} views, inverse`, windows),
  }));
  const labels = index("partners", pairs);
  // both factors of a product carry a half of the temperature
  const vectors = l2Normalise(graph, meanPool(graph, hidden, { documents, windows }), { scale: temperature ** -0.5 });
  const [first, second] = halves.map((half) => gatherRows(graph, vectors, half)) as [Tensor, Tensor];
  const logits = similarities(graph, first, second);
  const { losses, predictions } = crossEntropy(graph, logits, { vocab: pairs, labels, ...step });
  return {
    logits,
    losses,
    predictions,
    write({ labels: partners }) {
      const all = new Uint32Array(pairs).fill(NO_LABEL);
      all.set(partners);
      device.write(labels, all);
    },
    writeConstants() {
      for (const [half, { rows, inverse }] of halves.entries()) {
        const begin = half * pairs;
        device.write(rows, Uint32Array.from({ length: pairs }, (_, i) => begin + i));
        const places = Uint32Array.from({ length: windows }, (_, row) => row - begin);
        device.write(inverse, places.map((place) => place < pairs ? place : NOT_SELECTED));
      }
    },
  };
}
