/**
 * The encoder and the masked-language-model head, recorded on a graph.
 *
 * @module
 */

import type { Parameter, Tensor } from "../device/device.ts";
import type { Graph } from "../graph/graph.ts";
import type { ParameterStore } from "../graph/parameters.ts";
import { attention } from "../ops/attention.ts";
import { type Dropout, dropout } from "../ops/dropout.ts";
import { embedding, type TokenInputs } from "../ops/embedding.ts";
import { gatherRows, type RowSelection } from "../ops/gather_rows.ts";
import { geglu } from "../ops/geglu.ts";
import { layerNorm } from "../ops/layer_norm.ts";
import { type Activation, linear } from "../ops/linear.ts";
import { rotary, rotaryAngles } from "../ops/rotary.ts";
import { type Architecture, architectures, type ModelConfig, ROTARY_BASE } from "./config.ts";

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
  /** (seed, step, micro-step) for dropout. */
  readonly clock: Tensor;
  /** Bounds of documents within windows: see {@linkcode attention}. */
  readonly segments?: Tensor | undefined;
  /** Position table, (cos, sin) or sinusoids: see {@linkcode positionTable}. */
  readonly positions: Tensor | undefined;
}

/**
 * The fixed numbers by which positions enter: rotary angles [length, headWidth / 2, 2], sinusoids [length, width]
 * (Vaswani et al., 2017), or none where positions are learned.
 */
export function positionTable(
  config: ModelConfig,
  length: number,
): { shape: number[]; values: Float32Array<ArrayBuffer> } | undefined {
  const { positions } = architectures[config.preset];
  const { width, heads } = config;
  if (positions === "rotary") {
    const headWidth = width / heads;
    return { shape: [length, headWidth / 2, 2], values: rotaryAngles({ length, headWidth, base: ROTARY_BASE }) };
  }
  if (positions === "learned") return undefined;
  const values = Float32Array.from({ length: length * width }, (_, i) => {
    const column = i % width;
    const angle = Math.floor(i / width) * 10_000 ** (-(column - column % 2) / width);
    return column % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
  });
  return { shape: [length, width], values };
}

/** Records the encoder: tokens [rows] to hidden states [rows, width]. */
export function encode(context: EncoderContext, tokens: TokenInputs): Tensor {
  const { graph, config, length } = context;
  const part = parts(context);
  const { architecture } = part;
  let x = embedding(graph, tokens, {
    token: part.get("embeddings.token"),
    position: architecture.positions === "learned"
      ? part.get("embeddings.position")
      : architecture.positions === "sinusoidal"
      ? context.positions
      : undefined,
    segment: architecture.segments > 0 ? part.get("embeddings.segment") : undefined,
    length,
    scale: architecture.scaledEmbedding ? Math.sqrt(config.width) : 1,
  });
  if (architecture.embeddingNorm) x = part.norm(x, "embeddings.norm");
  x = part.drop(x);
  for (let layer = 0; layer < config.layers; layer++) {
    x = block(part, x, `layers.${layer}.attention`, (input, name) => {
      const qkv = part.linear(input, `${name}.qkv`);
      if (architecture.positions === "rotary") {
        rotary(graph, qkv, { length, heads: config.heads, angles: context.positions! });
      }
      return attention(graph, qkv, {
        length,
        heads: config.heads,
        dropout: part.nextDropout(),
        segments: context.segments,
      });
    });
    x = block(part, x, `layers.${layer}.feedForward`, (input, name) => {
      const kind = architecture.feedForward;
      if (kind === "geglu") return geglu(graph, part.linear(input, `${name}.input`));
      const hidden = part.linear(input, `${name}.input`, { activation: kind });
      return architecture.innerDropout ? part.drop(hidden) : hidden;
    });
  }
  return architecture.norm === "before" ? part.norm(x, "finalNorm") : x;
}

/** Records the head on the selected rows only: logits [slots, vocab padded to a multiple of 4]. */
export function decode(context: EncoderContext, hidden: Tensor, selection: RowSelection): Tensor {
  const part = parts(context);
  let x = gatherRows(context.graph, hidden, selection);
  const bias = part.get("decoder.bias");
  if (part.architecture.head === "plain") return linear(context.graph, x, part.get("decoder.weight"), { bias });
  x = part.norm(part.linear(x, "head.dense", { activation: "gelu" }), "head.norm");
  return linear(context.graph, x, part.get("embeddings.token"), { bias });
}

/** x + output(inner(x)), normalised before or after. */
function block(part: Parts, x: Tensor, name: string, inner: (input: Tensor, name: string) => Tensor): Tensor {
  const before = part.architecture.norm === "before";
  const input = before && part.has(`${name}.norm.weight`) ? part.norm(x, `${name}.norm`) : x;
  const y = part.project(inner(input, name), `${name}.output`, x);
  return before ? y : part.norm(y, `${name}.norm`);
}

type Parts = ReturnType<typeof parts>;

/** Operations with their parameters looked up by name. */
function parts({ graph, store, config, clock }: EncoderContext) {
  const architecture: Architecture = architectures[config.preset];
  const names = new Set(store.specs.map((spec) => spec.name));
  const has = (name: string) => names.has(name);
  const get = (name: string): Parameter => store.get(name);
  const maybe = (name: string) => has(name) ? get(name) : undefined;
  let stream = 0;
  const nextDropout = (): Dropout | undefined =>
    graph.training && config.dropout > 0 ? { probability: config.dropout, stream: stream++, clock } : undefined;
  return {
    architecture,
    has,
    get,
    nextDropout,
    norm: (x: Tensor, name: string) =>
      layerNorm(graph, x, {
        weight: get(`${name}.weight`),
        bias: maybe(`${name}.bias`),
        epsilon: architecture.epsilon,
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
