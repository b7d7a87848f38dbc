/**
 * The encoder: its parameters, and what it records on a graph.
 *
 * @module
 */

import type { Parameter, Tensor } from "../tensor/tensor.ts";
import type { Graph } from "../graph/graph.ts";
import type { ParameterStore } from "../optimizer/parameter_store.ts";
import { attention } from "../ops/attention.ts";
import { type Dropout, dropout } from "../ops/dropout.ts";
import { embedding, type TokenInputs } from "../ops/embedding.ts";
import { gatherRows, type RowSelection } from "../ops/gather_rows.ts";
import { geglu } from "../ops/geglu.ts";
import { layerNorm } from "../ops/layer_norm.ts";
import { linear } from "../ops/linear.ts";
import type { Activation } from "../tensor/activations.ts";
import { rotary, rotaryAngles } from "../ops/rotary.ts";
import { type Architecture, architectures, type ModelConfig } from "./config.ts";
import { type ModelParameter, ParameterList } from "./parameter_list.ts";

/** What the encoder is recorded with. */
export interface EncoderContext {
  /** Where the calls go. */
  readonly graph: Graph;
  /** The model's parameters. */
  readonly store: ParameterStore;
  /** The model's configuration. */
  readonly config: ModelConfig;
  /** Sequence length. */
  readonly length: number;
  /** (seed, step, micro-step) for dropout, in training. */
  readonly clock: Tensor | undefined;
  /** Bounds of documents within windows: see {@linkcode attention}. */
  readonly documents?: Tensor | undefined;
  /** Positions of the rows within their documents, where there are several in a window. */
  readonly rowPositions?: TokenInputs | undefined;
  /** Token types of the rows, where texts come in pairs; without them every token is of type 0. */
  readonly tokenTypes?: TokenInputs | undefined;
  /** Whether each layer's activations are computed anew for its gradient instead of kept. */
  readonly recomputes?: boolean | undefined;
  /** Position tables: see {@linkcode positionTables}. */
  readonly positionTables: Readonly<Record<string, Tensor>>;
  /**
   * The rows that the head reads. What the last layer does to each row by itself, which is all behind its attention, is done to
   * these alone, and the result has only them. Default: all rows.
   */
  readonly selection?: RowSelection | undefined;
  /** Takes the hidden states as they come: the embeddings, then what each layer makes of them; the last ones are the result. */
  readonly states?: Tensor[] | undefined;
}

/** Parameters of the encoder, in the order in which a forward pass meets them. */
export function encoderParameters(config: ModelConfig): ModelParameter[] {
  const { vocab, layers, width, hidden, maxLength, tokenTypes } = config;
  const { norm, embeddingNorm, positionEncoding, gated } = architectures[config.preset];
  const list = new ParameterList(config);
  list.put("embeddings.token", [vocab, width], "embedding");
  if (positionEncoding === "learned") list.put("embeddings.position", [maxLength, width], "embedding");
  if (tokenTypes > 0) list.put("embeddings.tokenType", [tokenTypes, width], "embedding");
  if (embeddingNorm) list.norm("embeddings.norm");
  for (let layer = 0; layer < layers; layer++) {
    const prefix = `layers.${layer}`;
    // embeddings that are normalised already enter the first layer as they are
    if (norm === "after" || layer > 0 || !embeddingNorm) list.norm(`${prefix}.attention.norm`);
    list.linear(`${prefix}.attention.qkv`, [3 * width, width], "input", "attention");
    list.linear(`${prefix}.attention.output`, [width, width], "output", "attention");
    list.norm(`${prefix}.feedForward.norm`);
    list.linear(`${prefix}.feedForward.input`, [gated ? 2 * hidden : hidden, width], "input", "feedForward");
    list.linear(`${prefix}.feedForward.output`, [width, hidden], "output", "feedForward");
  }
  if (norm === "before") list.norm("finalNorm");
  return list.parameters;
}

/** A fixed table of numbers. */
export interface Table {
  /** Sizes, outermost first. */
  readonly shape: readonly number[];
  /** Values in row-major order. */
  readonly values: Float32Array<ArrayBuffer>;
}

/**
 * The fixed numbers by which positions enter: rotary angles [length, headWidth / 2, 2], "global" and where layers attend
 * locally "local"; "sinusoids" [length, width] (Vaswani et al., 2017); none where positions are learned.
 */
export function positionTables(config: ModelConfig, length: number): Record<string, Table> {
  const { width, heads, rotaryBase, local } = config;
  const { positionEncoding } = architectures[config.preset];
  if (positionEncoding === "rotary") {
    const headWidth = width / heads;
    const angles = (base: number) => ({
      shape: [length, headWidth / 2, 2],
      values: rotaryAngles({ length, headWidth, base }),
    });
    return { global: angles(rotaryBase), ...(local ? { local: angles(local.rotaryBase) } : {}) };
  }
  if (positionEncoding === "learned") return {};
  const values = Float32Array.from({ length: length * width }, (_, i) => {
    const column = i % width;
    const angle = Math.floor(i / width) * 10_000 ** (-(column - column % 2) / width);
    return column % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
  });
  return { sinusoids: { shape: [length, width], values } };
}

/** Records the encoder: tokens [rows] to hidden states [rows, width], or with a selection [selected rows, width]. */
export function encode(context: EncoderContext, tokens: TokenInputs): Tensor {
  const { graph, config, length } = context;
  const op = namedOperations(context);
  const { architecture } = op;
  let x = embedding(graph, tokens, {
    token: op.get("embeddings.token"),
    position: architecture.positionEncoding === "learned"
      ? op.get("embeddings.position")
      : architecture.positionEncoding === "sinusoidal"
      ? context.positionTables.sinusoids
      : undefined,
    tokenType: config.tokenTypes > 0 ? op.get("embeddings.tokenType") : undefined,
    tokenTypes: context.tokenTypes,
    length,
    rowPositions: context.rowPositions,
    scale: architecture.scaledEmbedding ? Math.sqrt(config.width) : 1,
  });
  if (architecture.embeddingNorm) x = op.norm(x, "embeddings.norm");
  x = op.drop(x);
  context.states?.push(x);
  const locals = new Set(config.local?.layers);
  for (let layer = 0; layer < config.layers; layer++) {
    const input = x;
    const selection = layer === config.layers - 1 ? context.selection : undefined;
    const record = () =>
      encoderLayer(context, op, { x: input, name: `layers.${layer}`, isLocal: locals.has(layer), selection });
    x = context.recomputes ? graph.recomputed(record) : record();
    context.states?.push(x);
  }
  if (architecture.norm !== "before") return x;
  x = op.norm(x, "finalNorm");
  context.states?.splice(-1, 1, x);
  return x;
}

/** What a layer is recorded with. */
interface LayerOptions {
  readonly x: Tensor;
  readonly name: string;
  readonly isLocal: boolean;
  /** Rows that are wanted of it. */
  readonly selection: RowSelection | undefined;
}

/** Attention, then the feed-forward block. */
function encoderLayer(
  { graph, config, length, positionTables, documents }: EncoderContext,
  op: NamedOperations,
  { x, name, isLocal, selection }: LayerOptions,
): Tensor {
  const { architecture } = op;
  const { heads } = config;
  const local = isLocal ? config.local : undefined;
  const selected = (all: Tensor) => selection ? gatherRows(graph, all, selection) : all;
  const attended = block(op, { x, name: `${name}.attention`, selected }, (input, name) => {
    const qkv = op.linear(input, `${name}.qkv`);
    if (architecture.positionEncoding === "rotary") {
      rotary(graph, qkv, { length, heads, angles: positionTables[local ? "local" : "global"]! });
    }
    const window = local && Math.floor(local.window / 2);
    return attention(graph, qkv, { length, heads, dropout: op.nextDropout(), documents, window });
  });
  return block(op, { x: attended, name: `${name}.feedForward` }, (input, name) => {
    if (architecture.gated) return geglu(graph, op.linear(input, `${name}.input`), config.gate);
    const hidden = op.linear(input, `${name}.input`, { activation: config.activation });
    return architecture.innerDropout ? op.drop(hidden) : hidden;
  });
}

/** x + output(inner(x)), normalised before or after; behind `inner` of the selected rows alone. */
function block(
  op: NamedOperations,
  { x, name, selected = (all) => all }: { x: Tensor; name: string; selected?: (all: Tensor) => Tensor },
  inner: (input: Tensor, name: string) => Tensor,
): Tensor {
  const before = op.architecture.norm === "before";
  const input = before && op.has(`${name}.norm.weight`) ? op.norm(x, `${name}.norm`) : x;
  const y = op.project(selected(inner(input, name)), `${name}.output`, selected(x));
  return before ? y : op.norm(y, `${name}.norm`);
}

type NamedOperations = ReturnType<typeof namedOperations>;

/** Operations with their parameters looked up by name. */
export function namedOperations({ graph, store, config, clock }: EncoderContext) {
  const architecture: Architecture = architectures[config.preset];
  const names = new Set(store.specs.map((spec) => spec.name));
  const has = (name: string) => names.has(name);
  const get = (name: string): Parameter => store.get(name);
  const maybe = (name: string) => has(name) ? get(name) : undefined;
  let stream = 0;
  const nextDropout = (): Dropout | undefined =>
    graph.training && clock && config.dropout > 0
      ? { probability: config.dropout, stream: stream++, clock }
      : undefined;
  return {
    architecture,
    has,
    get,
    maybe,
    nextDropout,
    norm: (x: Tensor, name: string) =>
      layerNorm(graph, x, {
        weight: get(`${name}.weight`),
        bias: maybe(`${name}.bias`),
        epsilon: config.epsilon,
      }),
    linear: (x: Tensor, name: string, options: { activation?: Activation; residual?: Tensor | undefined } = {}) =>
      linear(graph, x, get(`${name}.weight`), { bias: maybe(`${name}.bias`), ...options }),
    drop: (x: Tensor) => {
      const layer = nextDropout();
      return layer ? dropout(graph, x, layer) : x;
    },
    /** residual + dropout(x · Wᵀ + bias), in one product where nothing is dropped. */
    project(x: Tensor, name: string, residual: Tensor): Tensor {
      const layer = nextDropout();
      if (!layer) return this.linear(x, name, { residual });
      return dropout(graph, this.linear(x, name), { ...layer, residual });
    },
  };
}
