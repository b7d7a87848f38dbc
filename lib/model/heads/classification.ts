/**
 * The head that tells classes, of texts or of each token, as in Hugging Face's classes for these tasks: of BERT's texts the
 * pooler, a dense layer with tanh on `[CLS]`; of ModernBERT's the first row or the mean, then dense, activation and norm, which
 * its tokens go through too; at last a product to the classes.
 *
 * @module
 */

import type { Device } from "../../device/device.ts";
import type { StepTensors } from "../../optimizer/step.ts";
import { crossEntropy, NO_LABEL } from "../../ops/cross_entropy.ts";
import { dropout } from "../../ops/dropout.ts";
import { gatherRows, NOT_SELECTED } from "../../ops/gather_rows.ts";
import { meanPool } from "../../ops/mean_pool.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { ClassificationConfig, ModelConfig } from "../config.ts";
import { type EncoderContext, namedOperations } from "../encoder.ts";
import { type ModelParameter, ParameterList } from "../parameter_list.ts";
import type { Texts, TextShape } from "../text_inputs.ts";

/** Whether a parameter is this head's. */
export function isClassificationParameter(name: string): boolean {
  return name.startsWith("classifier.");
}

/** Parameters of the head, in the order in which a forward pass meets them; none where a configuration does not have it. */
export function classificationParameters(config: ModelConfig): ModelParameter[] {
  const { classification, preset, width } = config;
  if (!classification) return [];
  const list = new ParameterList(config);
  if (preset === "modernbert") {
    list.linear("classifier.dense", [width, width], "output", "head");
    list.norm("classifier.norm");
  } else if (classification.of === "text") list.linear("classifier.pooler", [width, width], "output", "head");
  const classes = classification.classes.length;
  list.put("classifier.output.weight", [classes, width], "output", { inputs: width });
  list.put("classifier.output.bias", [classes], "bias", { inputs: width });
  return list.parameters;
}

/** Texts with what is known of them. */
export interface ClassifiedTexts extends Texts {
  /** In training: class of each window, or of each row, or {@linkcode NO_LABEL}. */
  readonly labels?: Uint32Array<ArrayBuffer> | undefined;
  /** In training: weight of each label. */
  readonly weights?: Float32Array<ArrayBuffer> | undefined;
}

/** A stream of random numbers that no layer of an encoder has. */
const HEAD_STREAM = 1 << 16;

/** What the head is recorded with. */
export interface ClassificationHeadOptions {
  /** What it tells. */
  readonly classification: ClassificationConfig;
  /** Sizes of the texts. */
  readonly shape: TextShape;
  /** In training: the scale of its gradient, and what is told the sums. */
  readonly step: StepTensors | undefined;
}

/** The head in a program. */
export interface ClassificationHead {
  /** Logits, [windows or rows, classes padded to a multiple of 4]; in training their gradient replaces them. */
  readonly logits: Tensor;
  /** Writes what is the same for every batch. */
  writeConstants(device: Device): void;
  /** Writes what is known of a batch. */
  write(device: Device, texts: ClassifiedTexts): void;
}

/** What the head's last product reads, in a program. */
export interface ClassFeatures {
  /** A vector of each window or row: [windows or rows, width]. */
  readonly features: Tensor;
  /** Writes what is the same for every batch. */
  writeConstants(device: Device): void;
}

/** Records the head without its last product. */
export function recordClassFeatures(
  context: EncoderContext,
  hidden: Tensor,
  { classification, shape }: Omit<ClassificationHeadOptions, "step">,
): ClassFeatures {
  const { config: { preset, activation } } = context;
  const op = namedOperations(context);
  const pooling = classification.of === "text" ? recordPooling(context, hidden, { classification, shape }) : undefined;
  let features = pooling?.pooled ?? hidden;
  if (preset === "modernbert") {
    features = op.norm(op.linear(features, "classifier.dense", { activation }), "classifier.norm");
  } else if (pooling) features = op.linear(features, "classifier.pooler", { activation: "tanh" });
  return { features, writeConstants: (device) => pooling?.writeConstants(device) };
}

/** Records the head, and in training its loss. */
export function recordClassificationHead(
  context: EncoderContext,
  hidden: Tensor,
  { classification, shape, step }: ClassificationHeadOptions,
): ClassificationHead {
  const { graph, clock } = context;
  const op = namedOperations(context);
  const { features, writeConstants } = recordClassFeatures(context, hidden, { classification, shape });
  const { dropout: probability, classes } = classification;
  const x = step && clock && probability > 0
    ? dropout(graph, features, { probability, stream: HEAD_STREAM, clock })
    : features;
  const logits = op.linear(x, "classifier.output");
  const units = logits.shape[0]!;
  const loss = step && {
    labels: graph.persistent("classes", [units], "u32"),
    weights: graph.persistent("weights of classes", [units]),
  };
  if (loss) crossEntropy(graph, logits, { vocab: classes.length, ...loss, scalars: step.scalars, totals: step.totals });
  else graph.keep(logits);
  return {
    logits,
    writeConstants,
    write(device: Device, { labels = new Uint32Array(), weights }: ClassifiedTexts) {
      if (!loss) return;
      const all = new Uint32Array(units).fill(NO_LABEL);
      all.set(labels);
      device.write(loss.labels, all);
      const ones = new Float32Array(units).fill(1);
      if (weights) ones.set(weights);
      device.write(loss.weights, ones);
    },
  };
}

/** Records how a text becomes one vector. */
function recordPooling(
  { graph, config, documents }: EncoderContext,
  hidden: Tensor,
  { classification, shape: { windows, length } }: Omit<ClassificationHeadOptions, "step">,
) {
  const rows = windows * length;
  if (config.preset === "modernbert" && classification.pool === "mean") {
    if (!documents) throw new RangeError("Cannot take the mean of texts without their bounds");
    return { pooled: meanPool(graph, hidden, { documents, windows }), writeConstants: () => {} };
  }
  const index = (name: string, size: number) => graph.persistent(name, [size], "u32");
  const selection = { rows: index("first rows", windows), inverse: index("first rows, inverse", rows) };
  return {
    pooled: gatherRows(graph, hidden, selection),
    writeConstants(device: Device) {
      device.write(selection.rows, Uint32Array.from({ length: windows }, (_, window) => window * length));
      const inverse = new Uint32Array(rows).fill(NOT_SELECTED);
      for (let window = 0; window < windows; window++) inverse[window * length] = window;
      device.write(selection.inverse, inverse);
    },
  };
}
