/**
 * The head that tells whether the second text of a pair follows the first (Devlin et al., 2019): the hidden state of `[CLS]`
 * through the pooler, a dense layer with tanh, to two classes.
 *
 * @module
 */

import type { Batch } from "../../batch/batch.ts";
import type { Device } from "../../device/device.ts";
import type { StepTensors } from "../../optimizer/step.ts";
import { crossEntropy, NO_LABEL } from "../../ops/cross_entropy.ts";
import { gatherRows, NOT_SELECTED } from "../../ops/gather_rows.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { ModelConfig } from "../config.ts";
import { type EncoderContext, namedOperations } from "../encoder.ts";
import { type ModelParameter, ParameterList } from "../parameter_list.ts";

/** The classes as Hugging Face numbers them: 0, the second text follows the first; 1, it is from elsewhere. */
const PAIR_CLASSES = 2;

/** Whether a parameter is this head's. */
export function isNextSentenceParameter(name: string): boolean {
  return name.startsWith("pooler.") || name.startsWith("nextSentence.");
}

/** Parameters of the head; none where a configuration does not have it. */
export function nextSentenceParameters(config: ModelConfig): ModelParameter[] {
  if (!config.nextSentence) return [];
  const list = new ParameterList(config);
  list.linear("pooler", [config.width, config.width], "output", "head");
  list.linear("nextSentence", [PAIR_CLASSES, config.width], "output", "head");
  return list.parameters;
}

/** The head in a program. */
export interface NextSentenceHead {
  /** Cross-entropy of each pair in nats: f32 [windows]. */
  readonly losses: Tensor;
  /** More probable class of each pair: u32 [windows]. */
  readonly predictions: Tensor;
  /** Writes the classes of a batch's pairs. */
  write(batch: Pick<Batch, "pairClasses">): void;
  /** Writes what is the same for every batch. */
  writeConstants(): void;
}

/** Records the head and its loss; `step` gives the scale of its gradient and is told the sums, in training. */
export function recordNextSentenceHead(
  context: EncoderContext,
  hidden: Tensor,
  { device, windows, step }: { device: Device; windows: number; step: StepTensors | undefined },
): NextSentenceHead {
  const { graph, length } = context;
  const op = namedOperations(context);
  const index = (name: string, size: number) => graph.persistent(name, [size], "u32");
  const selection = { rows: index("first rows", windows), inverse: index("first rows, inverse", windows * length) };
  const labels = index("classes of pairs", windows);
  const pooled = op.linear(gatherRows(graph, hidden, selection), "pooler", { activation: "tanh" });
  const logits = op.linear(pooled, "nextSentence");
  const { losses, predictions } = crossEntropy(graph, logits, { vocab: PAIR_CLASSES, labels, ...step });
  return {
    losses,
    predictions,
    write({ pairClasses = new Uint32Array() }) {
      const all = new Uint32Array(windows).fill(NO_LABEL);
      all.set(pairClasses);
      device.write(labels, all);
    },
    writeConstants() {
      device.write(selection.rows, Uint32Array.from({ length: windows }, (_, window) => window * length));
      const inverse = new Uint32Array(windows * length).fill(NOT_SELECTED);
      for (let window = 0; window < windows; window++) inverse[window * length] = window;
      device.write(selection.inverse, inverse);
    },
  };
}
