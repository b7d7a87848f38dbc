/**
 * What a model is: three architectures, four sizes, and the numbers that users may set one by one.
 *
 * @module
 */

import type { Activation } from "../ops/linear.ts";

/** The architectures by name. */
export const presets = ["modernbert", "bert", "labml"] as const;
/** Name of an architecture. */
export type Preset = typeof presets[number];

/** The sizes by name. */
export const sizes = ["tiny", "small", "mini", "base"] as const;
/** Name of a size. */
export type Size = typeof sizes[number];

/** Everything that determines a model's parameters and what it computes. */
export interface ModelConfig {
  /** Architecture. */
  readonly preset: Preset;
  /** Number of tokens. */
  readonly vocab: number;
  /** Number of encoder layers. */
  readonly layers: number;
  /** Width of the residual stream (d_model), a multiple of 4 · heads. */
  readonly width: number;
  /** Number of attention heads. */
  readonly heads: number;
  /** Width of the feed-forward layer (of each half, where it is gated), a multiple of 4. */
  readonly hidden: number;
  /** Longest sequence. */
  readonly maxLength: number;
  /** Share of activations dropped in training. */
  readonly dropout: number;
}

/** How the parts of an architecture fit together. */
export interface Architecture {
  /** Normalise before each block (and once at the end), or after each addition. */
  readonly norm: "before" | "after";
  /** Whether embeddings are normalised; the first layer then needs no norm of its own in front. */
  readonly embeddingNorm: boolean;
  /** Whether norms and projections have biases. */
  readonly biases: boolean;
  /** Added to the variance in norms. */
  readonly epsilon: number;
  /** How positions enter. */
  readonly positions: "rotary" | "learned" | "sinusoidal";
  /** Factor of token embeddings is √width instead of 1. */
  readonly scaledEmbedding: boolean;
  /** Number of segment (token type) embeddings. */
  readonly segments: number;
  /** The feed-forward layer: gated GELU, or a plain activation. */
  readonly feedForward: "geglu" | Activation;
  /** Whether dropout also applies between the two products of the feed-forward layer. */
  readonly innerDropout: boolean;
  /** Dense, GELU and norm before a decoder tied to the token embedding; or an untied decoder alone. */
  readonly head: "transformed" | "plain";
  /** Distribution of the initial weights. */
  readonly initialisation: "truncated" | "normal" | "uniform";
}

/** Base of the rotary frequencies (Su et al., 2021). */
export const ROTARY_BASE = 10_000;

/** The architectures: ModernBERT (Warner et al., 2024), BERT (Devlin et al., 2019) and labml.ai's annotated MLM. */
export const architectures: Readonly<Record<Preset, Architecture>> = {
  modernbert: {
    norm: "before",
    embeddingNorm: true,
    biases: false,
    epsilon: 1e-5,
    positions: "rotary",
    scaledEmbedding: false,
    segments: 0,
    feedForward: "geglu",
    innerDropout: false,
    head: "transformed",
    initialisation: "truncated",
  },
  bert: {
    norm: "after",
    embeddingNorm: true,
    biases: true,
    epsilon: 1e-12,
    positions: "learned",
    scaledEmbedding: false,
    segments: 2,
    feedForward: "gelu",
    innerDropout: false,
    head: "transformed",
    initialisation: "normal",
  },
  labml: {
    norm: "before",
    embeddingNorm: false,
    biases: true,
    epsilon: 1e-5,
    positions: "sinusoidal",
    scaledEmbedding: true,
    segments: 0,
    feedForward: "relu",
    innerDropout: true,
    head: "plain",
    initialisation: "uniform",
  },
};

/** Layers, width and heads of each size. */
const dimensions: Readonly<Record<Size, { layers: number; width: number; heads: number }>> = {
  tiny: { layers: 2, width: 64, heads: 4 },
  small: { layers: 4, width: 128, heads: 4 },
  mini: { layers: 6, width: 256, heads: 8 },
  base: { layers: 12, width: 768, heads: 12 },
};

/** labml.ai's model is of one size. */
const labmlDimensions = { layers: 6, width: 128, heads: 8, hidden: 256, dropout: 0.1 };

/** What {@linkcode modelConfig} takes: a vocabulary, and whatever should differ from the defaults. */
export type ModelOptions =
  & { vocab: number; preset?: Preset; size?: Size }
  & Partial<Omit<ModelConfig, "vocab" | "preset">>;

/**
 * A complete, checked configuration. A gated feed-forward layer is by default two thirds as wide as a plain one of
 * 4 · width, so that both have equally many parameters (Shazeer, 2020).
 *
 * @throws {RangeError} if a number is out of range or two do not go together.
 *
 * @example
 * ```ts
 * import { modelConfig } from "@cloze/mlm";
 *
 * console.log(modelConfig({ vocab: 70, size: "tiny" }).width); // 64
 * ```
 */
export function modelConfig(options: ModelOptions): ModelConfig {
  const { preset = "modernbert", size, vocab, ...rest } = options;
  const named = preset === "labml" && size === undefined ? labmlDimensions : dimensions[size ?? "small"];
  const width = rest.width ?? named.width;
  const gated = architectures[preset].feedForward === "geglu";
  const config: ModelConfig = {
    preset,
    vocab,
    layers: rest.layers ?? named.layers,
    width,
    heads: rest.heads ?? named.heads,
    hidden: rest.hidden ?? (preset === "labml" ? 2 * width : gated ? Math.floor(width * 8 / 12) * 4 : 4 * width),
    maxLength: rest.maxLength ?? 512,
    dropout: rest.dropout ?? (preset === "labml" ? labmlDimensions.dropout : 0),
  };
  checkConfig(config);
  return config;
}

/** Throws a RangeError that names what does not fit. */
export function checkConfig(config: ModelConfig): void {
  for (const name of ["vocab", "layers", "width", "heads", "hidden", "maxLength"] as const) {
    if (!Number.isInteger(config[name]) || config[name] < 1) {
      throw new RangeError(`Cannot make a model with ${name} ${config[name]}: it must be a whole number of at least 1`);
    }
  }
  const { width, heads, hidden, dropout } = config;
  if (width % heads !== 0) {
    throw new RangeError(`Cannot split width ${width} into ${heads} heads: width must be a multiple of heads`);
  }
  if (width / heads % 4 !== 0 || width / heads > 256) {
    throw new RangeError(
      `Cannot use heads of width ${width / heads} (${width} / ${heads}): it must be a multiple of 4 and at most 256`,
    );
  }
  if (hidden % 4 !== 0) throw new RangeError(`Cannot use a hidden width of ${hidden}: it must be a multiple of 4`);
  if (!(dropout >= 0 && dropout < 1)) {
    throw new RangeError(`Cannot drop a share of ${dropout}: dropout must be at least 0 and below 1`);
  }
}
