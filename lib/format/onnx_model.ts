/**
 * A model as an ONNX graph: token ids and an attention mask in, logits out, for any number of texts of any length.
 *
 * @module
 */

import { architectures, type ClassificationConfig, type ModelConfig } from "../model/config.ts";
import { positionTables } from "../model/encoder.ts";
import { modelParameters } from "../model/parameters.ts";
import type { Activation } from "../tensor/activations.ts";
import type { ModelPooling } from "../model/pooling.ts";
import type { Parameters } from "./tensor_names.ts";
import { OnnxGraph, type OnnxValue } from "./onnx_graph.ts";

/** Options of {@linkcode toOnnx}. */
export interface OnnxOptions {
  /**
   * Type of the weights of products, and of the products. In 16 bits what adds up over layers, norms and the softmax are still
   * computed in 32, and products end at the largest number of 16 bits instead of beyond.
   *
   * @default {"f32"}
   */
  type?: "f32" | "f16" | undefined;
  /**
   * Give hidden states and sentence vectors: besides the logits, or only.
   *
   * @default {false}
   */
  embeddings?: boolean | "only" | undefined;
  /**
   * How sentence vectors are made.
   *
   * @default {{ pool: "mean", normalize: false }}
   */
  pooling?: ModelPooling | undefined;
}

/**
 * The model as an ONNX file, in pieces to be written one after the other; 32-bit weights are not copied.
 *
 * Inputs are `input_ids` and `attention_mask`, int64 [batch, length]. Outputs are `logits`, float32 [batch, length, vocab], of
 * a model that tells classes [batch, classes] or [batch, length, classes], and with `embeddings` also `last_hidden_state` [batch, length, width] and `sentence_embedding` [batch, width]; with "only" these
 * two alone, without the parameters of a head. All are finite for every mask: a text of which nothing is seen gets vectors that
 * mean nothing, and as the mean of its tokens zeros.
 *
 * @throws {RangeError} if a weight does not fit 16 bits, or the file is larger than 2 GiB.
 *
 * @example
 * ```ts
 * import { initialValues, toOnnx } from "@cloze/mlm/format";
 * import { modelConfig } from "@cloze/mlm";
 *
 * const config = modelConfig({ vocab: 100, size: "tiny" });
 * const pieces = toOnnx(config, initialValues(config, 1), { type: "f16" });
 * console.log((await new Blob([...pieces]).bytes()).length);
 * ```
 */
export function toOnnx(
  config: ModelConfig,
  parameters: Parameters,
  { type = "f32", embeddings = false, pooling }: OnnxOptions = {},
): readonly Uint8Array<ArrayBuffer>[] {
  const graph = new OnnxGraph();
  const ids = graph.input("input_ids", "i64", ["batch", "length"]);
  const mask = graph.input("attention_mask", "i64", ["batch", "length"]);
  const context = contextOf(graph, { config, parameters, type, ids, mask });
  const hidden = encoder(context, ids);
  const { vocab, width } = config;
  const outward = (rows: OnnxValue, size: number) => context.unflatten(rows, [size]);
  if (embeddings !== "only" && config.classification) {
    const { of, classes } = config.classification;
    const units = classLogits(context, hidden, { mask, head: config.classification });
    const logits = of === "token" ? outward(units, classes.length) : units;
    const shape = of === "token" ? ["batch", "length", classes.length] : ["batch", classes.length];
    graph.output("logits", logits, { type: "f32", shape });
  } else if (embeddings !== "only") {
    const logits = outward(head(context, hidden), vocab);
    graph.output("logits", logits, { type: "f32", shape: ["batch", "length", vocab] });
  }
  if (embeddings) {
    const states = outward(hidden, width);
    graph.output("last_hidden_state", states, { type: "f32", shape: ["batch", "length", width] });
    const vectors = sentenceVectors(graph, states, { mask, ...pooling });
    graph.output("sentence_embedding", vectors, { type: "f32", shape: ["batch", width] });
  }
  return graph.encode({ name: config.preset, producer: "cloze" });
}

/** Vectors of texts as sentence-transformers makes them, [batch, width], of states [batch, length, width]. */
function sentenceVectors(
  graph: OnnxGraph,
  states: OnnxValue,
  { mask, pool = "mean", normalize = false }: { mask: OnnxValue } & Partial<ModelPooling>,
): OnnxValue {
  const vectors = pool === "mean" ? meanOf(graph, states, mask) : firstOf(graph, states);
  if (!normalize) return vectors;
  const length = graph.call("ReduceL2", [vectors], { axes: [1], keepdims: 1 });
  // a vector of zeros stays
  return graph.call("Div", [vectors, graph.call("Max", [length, graph.float(SHORTEST, "f32")])]);
}

/** Length below which vectors are not scaled to 1. */
const SHORTEST = 1e-12;

/** The first token of each text, [batch, width], of states [batch, length, width]. */
const firstOf = (graph: OnnxGraph, states: OnnxValue): OnnxValue =>
  graph.call("Gather", [states, graph.whole(0)], { axis: 1 });

/** The mean of each text's tokens, [batch, width], of states [batch, length, width]. */
function meanOf(graph: OnnxGraph, states: OnnxValue, mask: OnnxValue): OnnxValue {
  const weights = graph.call("Unsqueeze", [graph.cast(graph.cast(mask, "bool"), "f32"), graph.whole([2])]);
  const total = (values: OnnxValue) => graph.call("ReduceSum", [values, graph.whole([1])], { keepdims: 0 });
  // at least one, so that a text without tokens gives no 0 / 0
  const count = graph.call("Max", [total(weights), graph.float(1, "f32")]);
  return graph.call("Div", [total(graph.call("Mul", [states, weights])), count]);
}

type Context = ReturnType<typeof contextOf>;

/** Largest number of 16 bits. */
const MOST_HALF = 65_504;

/**
 * Operations with their parameters looked up by name. Hidden states are rows, [batch · length, width], and float32 in between;
 * products are of the graph's type.
 */
function contextOf(
  graph: OnnxGraph,
  { config, parameters, type, ids, mask }: {
    config: ModelConfig;
    parameters: Parameters;
    type: "f32" | "f16";
    ids: OnnxValue;
    mask: OnnxValue;
  },
) {
  const shapes = new Map(modelParameters(config).map(({ name, shape }) => [name, shape]));
  const has = (name: string) => shapes.has(name);
  const get = (name: string, as = type): OnnxValue => {
    const [shape, data] = [shapes.get(name), parameters.get(name)];
    if (!shape || !data) throw new TypeError(`Parameter "${name}" is missing`);
    return graph.weight(name, as, () => ({ shape, data }));
  };
  const high = (value: OnnxValue) => type === "f16" ? graph.cast(value, "f32") : value;
  const low = (value: OnnxValue) => type === "f16" ? graph.cast(value, "f16") : value;
  /** What has overflowed 16 bits becomes the largest number there is: infinities would become no numbers later. */
  const bounded = (value: OnnxValue) =>
    type === "f16" ? graph.call("Clip", [value, graph.float(-MOST_HALF, type), graph.float(MOST_HALF, type)]) : value;
  const sizes = graph.call("Shape", [ids]);
  const length = graph.call("Slice", [sizes, graph.whole([1]), graph.whole([2])]);
  const flatten = (value: OnnxValue, width: number) => graph.call("Reshape", [value, graph.whole([-1, width])]);
  const product = (x: OnnxValue, weight: string, bias: string) =>
    bounded(graph.call("Gemm", [x, get(weight), ...(has(bias) ? [get(bias)] : [])], { transB: 1 }));
  const linear = (x: OnnxValue, name: string) => product(x, `${name}.weight`, `${name}.bias`);
  return {
    graph,
    config,
    type,
    has,
    get,
    length,
    high,
    low,
    bounded,
    flatten,
    product,
    linear,
    visible: visible(graph, { config, mask, length }),
    tables: tables(graph, { config, type, length }),
    float: (value: number) => graph.float(value, type),
    tokenType: () =>
      graph.weight("embeddings.tokenType.first", "f32", () => ({
        shape: [config.width],
        data: parameters.get("embeddings.tokenType")!.subarray(0, config.width),
      })),
    unflatten: (rows: OnnxValue, shape: readonly number[]) =>
      graph.call("Reshape", [rows, graph.call("Concat", [sizes, graph.whole(shape)], { axis: 0 })]),
    norm: (x: OnnxValue, name: string) =>
      graph.call(
        "LayerNormalization",
        [x, get(`${name}.weight`, "f32"), ...(has(`${name}.bias`) ? [get(`${name}.bias`, "f32")] : [])],
        { axis: -1, epsilon: { float: config.epsilon } },
      ),
    /** The activation: x Φ(x) by the error function, or another. */
    activate(x: OnnxValue, kind: Activation): OnnxValue {
      if (kind === "relu") return graph.call("Relu", [x]);
      if (kind === "relu2") {
        const positive = graph.call("Relu", [x]);
        return graph.call("Mul", [positive, positive]);
      }
      if (kind === "tanh") return graph.call("Tanh", [x]);
      if (kind === "silu") return graph.call("Mul", [x, graph.call("Sigmoid", [x])]);
      if (kind === "gelu_tanh") {
        // beyond 10 the tangent is ±1, and the cube of large numbers has no room in 16 bits
        const near = graph.call("Clip", [x, this.float(-10), this.float(10)]);
        const square = graph.call("Mul", [near, near]);
        const factor = graph.call("Add", [graph.call("Mul", [square, this.float(0.044715)]), this.float(1)]);
        const inner = graph.call("Mul", [graph.call("Mul", [near, this.float(Math.sqrt(2 / Math.PI))]), factor]);
        const half = graph.call("Mul", [x, this.float(0.5)]);
        return graph.call("Mul", [half, graph.call("Add", [graph.call("Tanh", [inner]), this.float(1)])]);
      }
      const erf = graph.call("Erf", [graph.call("Mul", [x, this.float(Math.SQRT1_2)])]);
      const half = graph.call("Mul", [x, this.float(0.5)]);
      return graph.call("Mul", [half, graph.call("Add", [erf, this.float(1)])]);
    },
  };
}

/** Which tokens may be seen, [batch, 1, 1 or length, length]. */
function visible(
  graph: OnnxGraph,
  { config, mask, length }: { config: ModelConfig; mask: OnnxValue; length: OnnxValue },
) {
  const present = graph.call("Unsqueeze", [graph.cast(mask, "bool"), graph.whole([1, 2])]);
  if (!config.local) return { global: present, local: undefined };
  const end = graph.call("Squeeze", [length]);
  const positions = graph.call("Range", [graph.whole(0), end, graph.whole(1)]);
  const [rows, columns] = [1, 0].map((axis) => graph.call("Unsqueeze", [positions, graph.whole([axis])]));
  const distance = graph.call("Abs", [graph.call("Sub", [rows!, columns!])]);
  const near = graph.call("LessOrEqual", [distance, graph.whole(Math.floor(config.local.window / 2))]);
  return { global: present, local: graph.call("And", [present, near]) };
}

/** Rows 0 ... length - 1 of the position tables; of rotary ones the cosines and sines, each [length, headWidth]. */
function tables(
  graph: OnnxGraph,
  { config, type, length }: { config: ModelConfig; type: "f32" | "f16"; length: OnnxValue },
) {
  const first = (table: OnnxValue) => graph.call("Slice", [table, graph.whole([0]), length, graph.whole([0])]);
  const { maxLength } = config;
  const rotary: Record<string, { cos: OnnxValue; sin: OnnxValue }> = {};
  let sinusoids: OnnxValue | undefined;
  for (const [name, { shape, values }] of Object.entries(positionTables(config, maxLength))) {
    if (name === "sinusoids") {
      sinusoids = first(graph.weight(name, "f32", () => ({ shape, data: values })));
      continue;
    }
    const half = shape[1]!;
    const table = (which: 0 | 1) => ({
      shape: [maxLength, 2 * half],
      data: Float32Array.from({ length: maxLength * 2 * half }, (_, i) => {
        const [row, column] = [Math.floor(i / (2 * half)), i % half];
        return values[(row * half + column) * 2 + which]!;
      }),
    });
    rotary[name] = {
      cos: first(graph.weight(`rotary.${name}.cos`, type, () => table(0))),
      sin: first(graph.weight(`rotary.${name}.sin`, type, () => table(1))),
    };
  }
  return { rotary, sinusoids, first };
}

/** The encoder: see lib/model/encoder.ts, of which this is the twin. */
function encoder(context: Context, ids: OnnxValue): OnnxValue {
  const { graph, config, get, has } = context;
  const { norm, embeddingNorm, positionEncoding, scaledEmbedding, gated } = architectures[config.preset];
  const { width } = config;
  const { tables } = context;
  let x = context.high(graph.call("Gather", [get("embeddings.token"), ids]));
  if (scaledEmbedding) x = graph.call("Mul", [x, graph.float(Math.sqrt(width), "f32")]);
  if (positionEncoding === "learned") {
    x = graph.call("Add", [x, context.high(tables.first(get("embeddings.position")))]);
  }
  if (positionEncoding === "sinusoidal") x = graph.call("Add", [x, tables.sinusoids!]);
  if (config.tokenTypes > 0) x = graph.call("Add", [x, context.tokenType()]);
  x = context.flatten(x, width);
  if (embeddingNorm) x = context.norm(x, "embeddings.norm");
  const locals = new Set(config.local?.layers);
  const block = (name: string, inner: (input: OnnxValue) => OnnxValue) => {
    const isBefore = norm === "before";
    const input = isBefore && has(`${name}.norm.weight`) ? context.norm(x, `${name}.norm`) : x;
    const sum = graph.call("Add", [x, context.high(context.linear(inner(context.low(input)), `${name}.output`))]);
    x = isBefore ? sum : context.norm(sum, `${name}.norm`);
  };
  for (let layer = 0; layer < config.layers; layer++) {
    block(`layers.${layer}.attention`, (input) => attention(context, input, { layer, isLocal: locals.has(layer) }));
    block(`layers.${layer}.feedForward`, (input) => {
      const wide = context.linear(input, `layers.${layer}.feedForward.input`);
      if (!gated) return context.activate(wide, config.activation);
      const [left, right] = graph.calls("Split", [wide], { attributes: { axis: -1 }, outputs: 2 });
      return context.bounded(graph.call("Mul", [context.activate(left!, config.gate ?? "gelu"), right!]));
    });
  }
  return norm === "before" ? context.norm(x, "finalNorm") : x;
}

function attention(
  context: Context,
  input: OnnxValue,
  { layer, isLocal }: { layer: number; isLocal: boolean },
): OnnxValue {
  const { graph, config, visible, tables } = context;
  const { heads, width } = config;
  const headWidth = width / heads;
  const qkv = context.unflatten(context.linear(input, `layers.${layer}.attention.qkv`), [3, heads, headWidth]);
  // [3, batch, heads, length, headWidth]
  const thirds = graph.call("Transpose", [qkv], { perm: [2, 0, 3, 1, 4] });
  const [q, k, v] = [0, 1, 2].map((third) => graph.call("Gather", [thirds, graph.whole(third)], { axis: 0 }));
  const angles = tables.rotary[isLocal ? "local" : "global"];
  const turned = (x: OnnxValue) => angles ? context.bounded(rotated(graph, x, angles)) : x;
  const scaled = graph.call("Mul", [turned(q!), context.float(headWidth ** -0.5)]);
  const keys = graph.call("Transpose", [turned(k!)], { perm: [0, 1, 3, 2] });
  const all = context.high(context.bounded(graph.call("MatMul", [scaled, keys])));
  // finite, so that a row that sees nothing gives no 0 / 0
  const scores = graph.call("Where", [isLocal ? visible.local! : visible.global, all, graph.float(-1e30, "f32")]);
  const probabilities = context.low(graph.call("Softmax", [scores], { axis: -1 }));
  const mixed = graph.call("MatMul", [probabilities, v!]);
  return context.flatten(graph.call("Transpose", [mixed], { perm: [0, 2, 1, 3] }), width);
}

/** x · cos + (-x₂, x₁) · sin for the halves x₁ and x₂ of each head. */
function rotated(graph: OnnxGraph, x: OnnxValue, { cos, sin }: { cos: OnnxValue; sin: OnnxValue }): OnnxValue {
  const [first, second] = graph.calls("Split", [x], { attributes: { axis: -1 }, outputs: 2 });
  const across = graph.call("Concat", [graph.call("Neg", [second!]), first!], { axis: -1 });
  return graph.call("Add", [graph.call("Mul", [x, cos]), graph.call("Mul", [across, sin])]);
}

/** The head on every row: [batch · length, vocab]. */
function head(context: Context, hidden: OnnxValue): OnnxValue {
  const { config } = context;
  let x = hidden;
  if (architectures[config.preset].head === "transformed") {
    const dense = context.activate(context.linear(context.low(x), "head.dense"), config.activation);
    x = context.norm(context.high(dense), "head.norm");
  }
  const weight = config.tied ? "embeddings.token" : "decoder.weight";
  return context.high(context.product(context.low(x), weight, "decoder.bias"));
}

/** Logits of classes: [batch, classes] of texts, [batch · length, classes] of tokens; see lib/model/heads/classification.ts. */
function classLogits(
  context: Context,
  hidden: OnnxValue,
  { mask, head: { of, pool } }: { mask: OnnxValue; head: ClassificationConfig },
): OnnxValue {
  const { graph, config } = context;
  const isModern = config.preset === "modernbert";
  let x = hidden;
  if (of === "text") {
    const states = context.unflatten(hidden, [config.width]);
    x = isModern && pool === "mean" ? meanOf(graph, states, mask) : firstOf(graph, states);
  }
  if (isModern) {
    const dense = context.activate(context.linear(context.low(x), "classifier.dense"), config.activation);
    x = context.norm(context.high(dense), "classifier.norm");
  } else if (of === "text") {
    x = context.high(context.activate(context.linear(context.low(x), "classifier.pooler"), "tanh"));
  }
  return context.high(context.linear(context.low(x), "classifier.output"));
}
