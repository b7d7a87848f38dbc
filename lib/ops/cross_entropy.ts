import type { Tensor } from "../tensor/tensor.ts";
import type { Graph } from "../graph/graph.ts";
import { lanesFor } from "./lanes.ts";

/** Label of a slot that holds no masked position. */
export const NO_LABEL = 0xffffffff;

/** Options of {@linkcode crossEntropy}. */
export interface CrossEntropyOptions {
  /** Size of the vocabulary; rows of the logits may be longer. */
  vocab: number;
  /** Right token of each slot, or {@linkcode NO_LABEL}: u32 [slots]. */
  labels: Tensor;
  /** `scalars[0]` multiplies the gradient: 1 / number of labels for a mean. f32 [4]. */
  scalars: Tensor;
  /** (Σ loss, right predictions, labels, 0), which this batch is added to: f32 [4]. */
  totals: Tensor;
}

/** What {@linkcode crossEntropy} computes besides the totals. */
export interface CrossEntropyResult {
  /** Loss of each slot in nats: f32 [slots]. */
  readonly losses: Tensor;
  /** Most probable token of each slot: u32 [slots]. */
  readonly predictions: Tensor;
}

/**
 * Softmax cross-entropy of logits: [slots, ≥ vocab], and masked accuracy. In training the logits are replaced by
 * their gradient, and the backward pass starts here.
 */
export function crossEntropy(graph: Graph, logits: Tensor, options: CrossEntropyOptions): CrossEntropyResult {
  const { vocab, labels, scalars, totals } = options;
  const [slots, stride] = logits.shape as [number, number];
  const losses = graph.activation("losses", [slots]);
  const predictions = graph.persistent("predictions", [slots], "u32");
  graph.call("cross_entropy", {
    tensors: { labels, scalars, logits, losses, predictions },
    params: { slots, vocab, stride },
    constants: { LANES: lanesFor(vocab / 4), GRADIENT: graph.training },
    grid: [slots],
  });
  graph.call("sum_loss", { tensors: { labels, losses, predictions, totals }, params: { slots }, grid: [1] });
  if (graph.training) graph.backward(logits, logits);
  return { losses, predictions };
}
