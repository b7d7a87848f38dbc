import type { Tensor } from "../tensor/tensor.ts";
import type { Graph } from "../graph/graph.ts";

/** Label of a row that is not predicted. */
export const NO_LABEL = 0xffffffff;

/** Options of {@linkcode crossEntropy}. */
export interface CrossEntropyOptions {
  /** Size of the vocabulary; rows of the logits may be longer. */
  vocab: number;
  /** Correct token of each row, or {@linkcode NO_LABEL}: u32 [rows]. */
  labels: Tensor;
  /** Weight of each row's loss and gradient: f32 [rows]. Default: 1. */
  weights?: Tensor | undefined;
  /** In training: `scalars[0]` multiplies the gradient, 1 / number of labels for a mean. f32 [4]. */
  scalars?: Tensor | undefined;
  /** In training where activations are f16: a further factor of the gradient, (loss scale, ...): f32 [4]. */
  scaling?: Tensor | undefined;
  /** (Σ loss, correct predictions, labels, 0), which this batch is added to: f32 [4]. Default: nothing is added up. */
  totals?: Tensor | undefined;
}

/** What {@linkcode crossEntropy} computes besides the totals. */
export interface CrossEntropyResult {
  /** Loss of each row in nats, times its weight: f32 [rows]. */
  readonly losses: Tensor;
  /** Most probable token of each row: u32 [rows]. */
  readonly predictions: Tensor;
}

/**
 * Softmax cross-entropy of logits: [rows, ≥ vocab], and masked accuracy. In training the logits are replaced by
 * their gradient, where the backward pass starts.
 */
export function crossEntropy(graph: Graph, logits: Tensor, options: CrossEntropyOptions): CrossEntropyResult {
  const { vocab, labels, weights, scalars, scaling, totals } = options;
  const [rows, stride] = logits.shape as [number, number];
  const losses = graph.activation("losses", [rows], "f32");
  const predictions = graph.persistent("predictions", [rows], "u32");
  graph.call("cross_entropy", {
    tensors: { labels, weights, scalars, scaling, logits, losses, predictions },
    params: { rows, vocab, stride },
    choices: { gradient: graph.training },
  });
  if (totals) graph.call("sum_loss", { tensors: { labels, losses, predictions, totals }, params: { rows } });
  if (graph.training) graph.seed(logits, logits);
  return { losses, predictions };
}
