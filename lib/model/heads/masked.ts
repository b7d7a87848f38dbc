/**
 * The head that predicts masked tokens: dense, activation and norm where the architecture has them, then the decoder, on the
 * masked rows alone.
 *
 * @module
 */

import type { Batch } from "../../batch/batch.ts";
import type { Device } from "../../device/device.ts";
import type { Graph } from "../../graph/graph.ts";
import type { StepTensors } from "../../optimizer/step.ts";
import { crossEntropy, NO_LABEL } from "../../ops/cross_entropy.ts";
import { gatherRows, NOT_SELECTED, type RowSelection } from "../../ops/gather_rows.ts";
import { linear } from "../../ops/linear.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { architectures, type ModelConfig } from "../config.ts";
import { type EncoderContext, namedOperations } from "../encoder.ts";
import { type ModelParameter, ParameterList } from "../parameter_list.ts";

/** Whether a parameter is the masked head's. */
export function isMaskedHeadParameter(name: string): boolean {
  return name.startsWith("head.") || name.startsWith("decoder.");
}

/** Parameters of the head, in the order in which a forward pass meets them. */
export function maskedHeadParameters(config: ModelConfig): ModelParameter[] {
  const { vocab, width, tied } = config;
  const list = new ParameterList(config);
  if (architectures[config.preset].head === "transformed") {
    list.linear("head.dense", [width, width], "output", "head");
    list.norm("head.norm");
  }
  if (!tied) list.put("decoder.weight", [vocab, width], "output", { inputs: width });
  if (config.biases.includes("decoder")) list.put("decoder.bias", [vocab], "decoderBias", { inputs: width });
  return list.parameters;
}

/** The head in a program. */
export interface MaskedHead {
  /** Logits: [capacity, vocab padded to a multiple of 4]; in training their gradient replaces them. */
  readonly logits: Tensor;
  /** Cross-entropy of each masked row in nats: f32 [capacity]. */
  readonly losses: Tensor;
  /** Most probable token of each masked row: u32 [capacity]. */
  readonly predictions: Tensor;
  /** Writes which rows are masked, and what they are. */
  write(batch: Pick<Batch, "maskedRows" | "labels">): void;
}

/** The rows that are masked, as many as there is room for: {@linkcode MaskedHead.write} says which. */
export function maskedRowSelection(graph: Graph, { rows, capacity }: { rows: number; capacity: number }): RowSelection {
  const index = (name: string, size: number) => graph.persistent(name, [size], "u32");
  return { rows: index("masked rows", capacity), inverse: index("masked rows, inverse", rows) };
}

/**
 * Records the head and its loss; `step` gives the scale of its gradient and is told the sums, in training.
 *
 * @param hidden The hidden states: of all rows, or where the encoder was recorded with this selection of those alone.
 */
export function recordMaskedHead(
  context: EncoderContext,
  hidden: Tensor,
  { device, selection, step }: { device: Device; selection: RowSelection; step: StepTensors | undefined },
): MaskedHead {
  const { graph, config } = context;
  const op = namedOperations(context);
  const [capacity, rows] = [selection.rows.size, selection.inverse.size];
  const labels = graph.persistent("labels", [capacity], "u32");
  let x = context.selection === selection ? hidden : gatherRows(graph, hidden, selection);
  if (op.architecture.head === "transformed") {
    x = op.norm(op.linear(x, "head.dense", { activation: config.activation }), "head.norm");
  }
  const weight = op.get(config.tied ? "embeddings.token" : "decoder.weight");
  const logits = linear(graph, x, weight, { bias: op.maybe("decoder.bias") });
  const { losses, predictions } = crossEntropy(graph, logits, { vocab: config.vocab, labels, ...step });
  return {
    logits,
    losses,
    predictions,
    write({ maskedRows, labels: correct }) {
      const taken = new Uint32Array(capacity);
      taken.set(maskedRows);
      const all = new Uint32Array(capacity).fill(NO_LABEL);
      all.set(correct);
      device.write(selection.rows, taken);
      device.write(labels, all);
      if (!graph.training) return;
      const inverse = new Uint32Array(rows).fill(NOT_SELECTED);
      for (const [i, row] of maskedRows.entries()) inverse[row] = i;
      device.write(selection.inverse, inverse);
    },
  };
}
