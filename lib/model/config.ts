/**
 * What a model is: three architectures, four sizes, and the numbers that users may set one by one.
 *
 * @module
 */

import { WIDEST_HEAD } from "../ops/attention.ts";
import type { Activation } from "../tensor/activations.ts";

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
  /** Width of the residual stream (d_model), a multiple of 4 and of the number of heads. */
  readonly width: number;
  /** Number of attention heads, each up to 256 wide. */
  readonly heads: number;
  /** Width of the feed-forward layer (of each half, where it is gated), a multiple of 4. */
  readonly hidden: number;
  /** Longest sequence. */
  readonly maxLength: number;
  /** Share of activations dropped in training. */
  readonly dropout: number;
  /** Added to the variance in norms. */
  readonly epsilon: number;
  /** Number of token types that have embeddings; a text alone is of type 0. */
  readonly tokenTypes: number;
  /** Activation of a feed-forward layer that is not gated, and of the head. */
  readonly activation: Activation;
  /**
   * Activation of a gated feed-forward layer.
   *
   * @default {"gelu"}
   */
  readonly gate?: Activation | undefined;
  /** What has biases. */
  readonly biases: readonly BiasPlace[];
  /** Whether the decoder's weights are the token embedding. */
  readonly tied: boolean;
  /** Base of the rotary frequencies (Su et al., 2021), where positions are rotary. */
  readonly rotaryBase: number;
  /** Whether it has a head that tells whether one text follows another; BERT's architecture only. */
  readonly nextSentence: boolean;
  /** Layers that attend locally; undefined: none. */
  readonly local?: LocalAttention | undefined;
  /** A head that tells classes, in place of that for masked tokens; undefined: there is none. */
  readonly classification?: ClassificationConfig | undefined;
}

/** What classes are told of: texts, or each of their tokens. */
export type ClassifiedUnit = "text" | "token";

/** How a text becomes one vector: its first token's, or the mean of all of them. */
export type ClassifierPool = "cls" | "mean";

/** A head that tells classes. */
export interface ClassificationConfig {
  /** What has a class. */
  readonly of: ClassifiedUnit;
  /** Names of the classes, by number. */
  readonly classes: readonly string[];
  /** How ModernBERT makes a vector of a text; BERT takes the first token's. */
  readonly pool: ClassifierPool;
  /** Share of the activations before the last product that is dropped in training. */
  readonly dropout: number;
}

/** Parts of a model that may have biases. */
export const biasPlaces = ["norm", "attention", "feedForward", "head", "decoder"] as const;
/** A part of a model that may have biases. */
export type BiasPlace = typeof biasPlaces[number];

/** Layers whose tokens see only their neighbours (Warner et al., 2024). */
export interface LocalAttention {
  /** Tokens of a window, half of them to either side of its middle. */
  readonly window: number;
  /** Base of the rotary frequencies in these layers. */
  readonly rotaryBase: number;
  /** Numbers of the layers, ascending. */
  readonly layers: readonly number[];
}

/** How the parts of an architecture fit together. */
export interface Architecture {
  /** Normalise before each block (and once at the end), or after each addition. */
  readonly norm: "before" | "after";
  /** Whether embeddings are normalised; the first layer then needs no norm of its own in front. */
  readonly embeddingNorm: boolean;
  /** What has biases where nothing else is said. */
  readonly biases: readonly BiasPlace[];
  /** Added to the variance in norms where nothing else is said. */
  readonly epsilon: number;
  /** How positions enter. */
  readonly positionEncoding: "rotary" | "learned" | "sinusoidal";
  /** Factor of token embeddings is √width instead of 1. */
  readonly scaledEmbedding: boolean;
  /** Number of token types where nothing else is said. */
  readonly tokenTypes: number;
  /** Whether the feed-forward layer is gated (Shazeer, 2020). */
  readonly gated: boolean;
  /** Activation where nothing else is said. */
  readonly activation: Activation;
  /** Whether dropout also applies between the two products of the feed-forward layer. */
  readonly innerDropout: boolean;
  /** Dense, activation and norm before the decoder, or the decoder alone. */
  readonly head: "transformed" | "plain";
  /** Whether the decoder's weights are the token embedding where nothing else is said. */
  readonly tied: boolean;
  /** Distribution of the initial weights. */
  readonly initialisation: "truncated" | "normal" | "uniform";
}

/** Base of the rotary frequencies where nothing else is said. */
export const ROTARY_BASE = 10_000;

/** The architectures: ModernBERT (Warner et al., 2024), BERT (Devlin et al., 2019) and labml.ai's annotated MLM. */
export const architectures: Readonly<Record<Preset, Architecture>> = {
  modernbert: {
    norm: "before",
    embeddingNorm: true,
    biases: ["decoder"],
    epsilon: 1e-5,
    positionEncoding: "rotary",
    scaledEmbedding: false,
    tokenTypes: 0,
    gated: true,
    activation: "gelu",
    innerDropout: false,
    head: "transformed",
    tied: true,
    initialisation: "truncated",
  },
  bert: {
    norm: "after",
    embeddingNorm: true,
    biases: biasPlaces,
    epsilon: 1e-12,
    positionEncoding: "learned",
    scaledEmbedding: false,
    tokenTypes: 2,
    gated: false,
    activation: "gelu",
    innerDropout: false,
    head: "transformed",
    tied: true,
    initialisation: "normal",
  },
  labml: {
    norm: "before",
    embeddingNorm: false,
    biases: ["norm", "attention", "feedForward", "decoder"],
    epsilon: 1e-5,
    positionEncoding: "sinusoidal",
    scaledEmbedding: true,
    tokenTypes: 0,
    gated: false,
    activation: "relu",
    innerDropout: true,
    head: "plain",
    tied: false,
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
  & { vocab: number; preset?: Preset | undefined; size?: Size | undefined }
  & { readonly [Key in Exclude<keyof ModelConfig, "vocab" | "preset">]?: ModelConfig[Key] | undefined };

/**
 * A complete, checked configuration. A gated feed-forward layer is by default about two thirds as wide as a plain one of
 * 4 · width, so that both have nearly as many parameters (Shazeer, 2020).
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
  const { gated, ...architecture } = architectures[preset];
  const config: ModelConfig = {
    preset,
    vocab,
    layers: rest.layers ?? named.layers,
    width,
    heads: rest.heads ?? named.heads,
    hidden: rest.hidden ?? (preset === "labml" ? 2 * width : gated ? gatedHidden(width) : 4 * width),
    maxLength: rest.maxLength ?? 512,
    dropout: rest.dropout ?? (preset === "labml" ? labmlDimensions.dropout : 0),
    epsilon: rest.epsilon ?? architecture.epsilon,
    tokenTypes: rest.tokenTypes ?? architecture.tokenTypes,
    activation: rest.activation ?? architecture.activation,
    biases: rest.biases ?? architecture.biases,
    tied: rest.tied ?? architecture.tied,
    rotaryBase: rest.rotaryBase ?? ROTARY_BASE,
    nextSentence: rest.nextSentence ?? false,
    ...(rest.gate ? { gate: rest.gate } : {}),
    ...(rest.local ? { local: rest.local } : {}),
    ...(rest.classification ? { classification: rest.classification } : {}),
  };
  checkConfig(config);
  return config;
}

/** Tiles of products on graphics cards are so wide: what is no multiple of it leaves a part of them idle. */
const TILE = 64;

/** Width of each half of a gated layer: 8/3 of the width, of models as wide as a tile the nearest multiple of it. */
function gatedHidden(width: number): number {
  return width < TILE ? formerHidden(width) : TILE * Math.round(width * 8 / 3 / TILE);
}

/** The same in models of earlier versions. */
export const formerHidden = (width: number): number => 4 * Math.floor(width * 8 / 12);

/** Layers beyond which a number is taken for a mistake: each has parameters to be named before anything is checked. */
const MOST_LAYERS = 1000;

/** Throws a RangeError that names what does not fit. */
export function checkConfig(config: ModelConfig): void {
  for (const name of ["vocab", "layers", "width", "heads", "hidden", "maxLength"] as const) {
    if (!Number.isInteger(config[name]) || config[name] < 1) {
      throw new RangeError(`Cannot make a model with ${name} ${config[name]}: it must be a whole number of at least 1`);
    }
  }
  if (config.layers > MOST_LAYERS) {
    throw new RangeError(`Cannot make a model with ${config.layers} layers: it may have at most ${MOST_LAYERS}`);
  }
  const { width, heads, hidden, dropout } = config;
  if (width % heads !== 0) {
    throw new RangeError(`Cannot split width ${width} into ${heads} heads: width must be a multiple of heads`);
  }
  if (width % 4 !== 0) throw new RangeError(`Cannot use a width of ${width}: it must be a multiple of 4`);
  const headWidth = width / heads;
  const isRotary = architectures[config.preset].positionEncoding === "rotary";
  if (headWidth > WIDEST_HEAD || (isRotary && headWidth % 2 !== 0)) {
    const wish = headWidth > WIDEST_HEAD ? `at most ${WIDEST_HEAD}` : "even, for rotary positions turn halves of it";
    throw new RangeError(`Cannot use heads of width ${headWidth} (${width} / ${heads}): it must be ${wish}`);
  }
  if (hidden % 4 !== 0) throw new RangeError(`Cannot use a hidden width of ${hidden}: it must be a multiple of 4`);
  if (!(config.epsilon > 0)) {
    throw new RangeError(`Cannot normalise with epsilon ${config.epsilon}: it must be above 0`);
  }
  if (!Number.isInteger(config.tokenTypes) || config.tokenTypes < 0) {
    throw new RangeError(`Cannot make a model with ${config.tokenTypes} token types: it must be a whole number`);
  }
  if (config.nextSentence && (config.preset !== "bert" || config.tokenTypes < 2)) {
    throw new RangeError(
      `Cannot tell next sentences with ${config.tokenTypes} token types of preset ${config.preset}: it takes bert, with two`,
    );
  }
  if (!(config.rotaryBase > 0)) throw new RangeError(`Cannot turn positions with base ${config.rotaryBase}`);
  if (config.local) {
    const { window, rotaryBase, layers } = config.local;
    if (!(window >= 1) || !(rotaryBase > 0) || layers.some((layer) => !(layer >= 0 && layer < config.layers))) {
      throw new RangeError(
        `Cannot attend locally with a window of ${window} and base ${rotaryBase} in layers ${layers.join(", ")}: ` +
          `both must be above 0 and the layers among 0 to ${config.layers - 1}`,
      );
    }
  }
  if (!(dropout >= 0 && dropout < 1)) {
    throw new RangeError(`Cannot drop a share of ${dropout}: dropout must be at least 0 and below 1`);
  }
  if (config.classification) checkClassification(config.preset, config.classification);
}

function checkClassification(preset: Preset, { classes, dropout }: ClassificationConfig): void {
  if (preset === "labml") {
    throw new RangeError(
      "Cannot tell classes with labml.ai's model: no class of Hugging Face's holds it; use modernbert or bert",
    );
  }
  if (classes.length < 2) {
    throw new RangeError(`Cannot tell ${classes.length} classes apart: there must be two at least`);
  }
  if (!(dropout >= 0 && dropout < 1)) {
    throw new RangeError(`Cannot drop a share of ${dropout} before the classes: it must be at least 0 and below 1`);
  }
}
