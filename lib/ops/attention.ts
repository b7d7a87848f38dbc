import type { Tensor } from "../tensor/tensor.ts";
import type { Graph } from "../graph/graph.ts";
import { type Dropout, dropoutParams } from "./dropout.ts";
import { padColumns } from "./pad_columns.ts";

/** Options of {@linkcode attention}. */
export interface AttentionOptions {
  /** Sequence length; rows of qkv are whole sequences one after the other. */
  length: number;
  /** Number of heads. */
  heads: number;
  /** Dropout of the attention probabilities. */
  dropout?: Dropout | undefined;
  /**
   * Several documents in a sequence, none of which attends to another: for each row the first position of its document and
   * the end, exclusive: u32 [rows, 2].
   */
  documents?: Tensor | undefined;
  /** How many positions to either side a row attends to (Beltagy et al., Longformer, 2020). Default: all. */
  window?: number | undefined;
}

/** Widest head that the kernels have room for. */
export const WIDEST_HEAD = 256;

/**
 * Multi-head self-attention, $softmax(Q Kᵀ / √headWidth) V$ (Vaswani et al., 2017), for qkv: [rows, 3 · width] with
 * queries, keys and values side by side. Returns [rows, width]. Memory grows with length, not with its square.
 */
export function attention(graph: Graph, qkv: Tensor, options: AttentionOptions): Tensor {
  const { heads } = options;
  const width = qkv.shape[1]! / 3;
  const headWidth = width / heads;
  if (!Number.isInteger(headWidth) || headWidth > WIDEST_HEAD) {
    throw new TypeError(
      `Cannot attend with ${heads} heads over width ${width}: a head's width must be whole and at most ${WIDEST_HEAD}`,
    );
  }
  const scale = 1 / Math.sqrt(headWidth);
  // the kernels read four floats at a time: zeros behind each head change no score, and their values are cut off again
  const padded = Math.ceil(headWidth / 4) * 4;
  if (padded === headWidth) return attend(graph, qkv, { ...options, scale });
  const wide = attend(graph, padColumns(graph, qkv, { from: headWidth, to: padded }), { ...options, scale });
  return padColumns(graph, wide, { from: padded, to: headWidth });
}

/** Attention with heads whose width is a multiple of four. */
function attend(graph: Graph, qkv: Tensor, options: AttentionOptions & { scale: number }): Tensor {
  const { length, heads, dropout, documents, window = length } = options;
  const [rows, columns] = qkv.shape as [number, number];
  const width = columns / 3;
  const headWidth = width / heads;
  const batch = rows / length;
  const { threshold, scale, stream } = dropoutParams(dropout);
  const params = {
    batch,
    length,
    heads,
    headWidth,
    scale: options.scale,
    dropout_threshold: threshold,
    dropout_scale: scale,
    dropout_stream: stream,
    window: Math.min(window, length),
  };
  const clock = dropout?.clock;
  // the backward pass has each probability again from its score and logsumexp, one number a query and head
  const output = graph.activation("attention", [rows, width]);
  const logsumexp = graph.activation("logsumexp", [batch, heads, length], "f32");
  graph.call("attention", { params, tensors: { qkv, clock, output, logsumexp, documents } });

  graph.onBackward(() => {
    const d_output = graph.gradientOf(output);
    const { tensor: d_qkv, accumulate } = graph.gradient(qkv);
    if (accumulate) throw new TypeError("Attention must be the only consumer of its queries, keys and values");
    graph.call("attention_backward", {
      params,
      tensors: { qkv, clock, output, logsumexp, d_output, d_qkv, documents },
    });
  });
  return output;
}
