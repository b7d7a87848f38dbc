/**
 * Configurations as Hugging Face's config.json: of BertForMaskedLM, of ModernBertForMaskedLM, and of labml.ai's model, which has
 * no class there.
 *
 * @module
 */

import {
  architectures,
  type BiasPlace,
  checkConfig,
  type LocalAttention,
  type ModelConfig,
  type Preset,
  presets,
  ROTARY_BASE,
} from "../model/config.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { classifierName, toClassificationJson } from "./classification_json.ts";
import { activationName, activationOf, knownActivations } from "./activation_names.ts";

/** Hugging Face's class of a BERT that also tells next sentences. */
const PAIRED_CLASS = "BertForPreTraining";

/** Hugging Face's class of a model with its heads, or of its encoder alone; labml.ai's model has none. */
export function classNameOf(
  { preset, nextSentence, classification }: Pick<ModelConfig, "preset" | "nextSentence" | "classification">,
  { head = true }: { head?: boolean | undefined } = {},
): string | undefined {
  if (preset === "labml") return undefined;
  if (classification) return classifierName(preset, classification.of);
  const kind = preset === "bert" ? "Bert" : "ModernBert";
  if (!head) return `${kind}Model`;
  return nextSentence ? PAIRED_CLASS : `${kind}ForMaskedLM`;
}

type Json = Readonly<Record<string, unknown>>;

/** Keys of ModernBERT's configuration that say where biases are. */
const biasKeys: Readonly<Record<BiasPlace, string>> = {
  norm: "norm_bias",
  attention: "attention_bias",
  feedForward: "mlp_bias",
  head: "classifier_bias",
  decoder: "decoder_bias",
};

/**
 * Content of config.json, for the model with its head or for the encoder alone; labml's model has no Hugging Face class and says
 * so by its model_type.
 */
export function toConfigJson(
  config: ModelConfig,
  special: Tokenizer["special"],
  { head = true }: { head?: boolean } = {},
): Record<string, unknown> {
  const { preset, vocab, layers, width, heads, hidden, maxLength, dropout } = config;
  const common = {
    vocab_size: vocab,
    hidden_size: width,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    intermediate_size: hidden,
    max_position_embeddings: maxLength,
    pad_token_id: special["[PAD]"],
    cls_token_id: special["[CLS]"],
    sep_token_id: special["[SEP]"],
    dtype: "float32",
    initializer_range: 0.02,
    tie_word_embeddings: config.tied,
    ...(config.classification ? toClassificationJson(preset, config.classification) : {}),
  };
  if (preset === "bert") {
    return {
      architectures: [classNameOf(config, { head })],
      model_type: "bert",
      ...common,
      hidden_act: activationName(config.activation),
      hidden_dropout_prob: dropout,
      attention_probs_dropout_prob: dropout,
      type_vocab_size: config.tokenTypes,
      layer_norm_eps: config.epsilon,
      position_embedding_type: "absolute",
    };
  }
  if (preset === "modernbert") {
    const biases = new Set(config.biases);
    return {
      architectures: [classNameOf(config, { head })],
      model_type: "modernbert",
      ...common,
      bos_token_id: special["[CLS]"],
      eos_token_id: special["[SEP]"],
      hidden_activation: activationName(config.gate ?? "gelu"),
      classifier_activation: activationName(config.activation),
      initializer_cutoff_factor: 2,
      norm_eps: config.epsilon,
      ...Object.fromEntries(Object.entries(biasKeys).map(([place, key]) => [key, biases.has(place as BiasPlace)])),
      attention_dropout: dropout,
      embedding_dropout: dropout,
      mlp_dropout: dropout,
      ...toAttentionJson(config),
    };
  }
  return {
    model_type: "labml",
    ...common,
    hidden_dropout_prob: dropout,
    hidden_act: activationName(config.activation),
    layer_norm_eps: config.epsilon,
  };
}

/** Which layers attend locally, for readers of both of the forms that there are. */
function toAttentionJson({ layers, rotaryBase, local }: ModelConfig): Record<string, unknown> {
  const window = local?.window ?? 128;
  const localBase = local?.rotaryBase ?? rotaryBase;
  const locals = new Set(local?.layers);
  const types = Array.from(
    { length: layers },
    (_, layer) => locals.has(layer) ? "sliding_attention" : "full_attention",
  );
  const every = Array.from({ length: layers }, (_, i) => i + 1).find((every) =>
    types.every((type, layer) => (layer % every === 0) === (type === "full_attention"))
  );
  return {
    local_attention: window,
    // other arrangements can only be said by the newer form
    ...(every === undefined ? {} : { global_attn_every_n_layers: every }),
    global_rope_theta: rotaryBase,
    local_rope_theta: localBase,
    layer_types: types,
    rope_parameters: {
      full_attention: { rope_type: "default", rope_theta: rotaryBase },
      sliding_attention: { rope_type: "default", rope_theta: localBase },
    },
  };
}

/**
 * The configuration that a config.json describes.
 *
 * @throws {SyntaxError} if it is of another kind of model, lacks a number, or wants what is not here.
 */
export function fromConfigJson(json: Readonly<Record<string, unknown>>, path = "config.json"): ModelConfig {
  const fail = (what: string) => new SyntaxError(`Cannot use ${path}: ${what}`);
  if (json === null || typeof json !== "object") throw fail("it is no JSON object");
  const preset = presetOf(json, fail);
  const { read, number } = reader(json, fail);
  const architecture = architectures[preset];
  const activationAt = (key: string, fallback: string) => {
    const found = activationOf(read(key, fallback));
    if (!found) throw fail(`its "${key}" is ${JSON.stringify(json[key])}, known are ${knownActivations}`);
    return found;
  };
  const activation = activationAt(
    preset === "modernbert" ? "classifier_activation" : "hidden_act",
    architecture.activation,
  );
  const gate = preset === "modernbert" ? activationAt("hidden_activation", "gelu") : "gelu";
  if (preset === "bert" && read("position_embedding_type", "absolute") !== "absolute") {
    throw fail(`its positions are ${JSON.stringify(json.position_embedding_type)}, only "absolute" ones are known`);
  }
  if (json.is_decoder === true) throw fail("it is a decoder, whose tokens see only those before them");
  if (read("rope_scaling") !== undefined) {
    throw fail("its rotary positions are scaled (rope_scaling), which is not known");
  }
  const headWidth = number("hidden_size") / number("num_attention_heads");
  if (read("head_dim", headWidth) !== headWidth) {
    throw fail(`its heads are ${json.head_dim} wide, only hidden_size / num_attention_heads is known`);
  }
  const tokenTypes = preset === "bert" ? number("type_vocab_size", architecture.tokenTypes) : 0;
  const config: ModelConfig = {
    preset,
    vocab: number("vocab_size"),
    layers: number("num_hidden_layers"),
    width: number("hidden_size"),
    heads: number("num_attention_heads"),
    hidden: number("intermediate_size"),
    maxLength: number("max_position_embeddings"),
    dropout: number(preset === "modernbert" ? "mlp_dropout" : "hidden_dropout_prob", 0),
    epsilon: number(preset === "modernbert" ? "norm_eps" : "layer_norm_eps", architecture.epsilon),
    tokenTypes,
    activation,
    ...(gate === "gelu" ? {} : { gate }),
    biases: preset === "modernbert"
      ? (Object.keys(biasKeys) as BiasPlace[]).filter((place) =>
        read(biasKeys[place], architecture.biases.includes(place)) === true
      )
      : architecture.biases,
    tied: read("tie_word_embeddings", architecture.tied) === true,
    nextSentence: classesIn(json).includes(PAIRED_CLASS) && tokenTypes > 1,
    rotaryBase: preset === "modernbert" ? rotaryBase(json, "full_attention", fail) : ROTARY_BASE,
  };
  const check = (config: ModelConfig) => {
    try {
      checkConfig(config);
      return config;
    } catch (error) {
      throw fail((error as Error).message);
    }
  };
  check(config);
  const local = preset === "modernbert" ? localAttention(json, config.layers, fail) : undefined;
  return local ? check({ ...config, local }) : config;
}

type Fail = (what: string) => SyntaxError;

/** The classes that a config.json names. */
export function classesIn(json: Readonly<Record<string, unknown>>): readonly string[] {
  const { architectures } = json;
  return Array.isArray(architectures) ? architectures.filter((name) => typeof name === "string") : [];
}

/** The kind of model that a configuration is of: by its model_type, which files of before 2020 lack, or by its class. */
function presetOf(json: Json, fail: Fail): Preset {
  const { model_type: type } = json;
  if (presets.includes(type as Preset)) return type as Preset;
  const known = `known are ${presets.join(", ")}`;
  if (typeof type === "string") throw fail(`its model_type is "${type}", ${known}`);
  const classes = classesIn(json);
  if (classes.some((name) => name.startsWith("ModernBert"))) return "modernbert";
  if (classes.some((name) => /^Bert(For|Model|LMHead)/.test(name))) return "bert";
  const named = classes.length > 0 ? ` and its class is ${classes.join(", ")}` : "";
  throw fail(`it has no model_type${named}, ${known}`);
}

/** Values of a configuration, which null leaves out. */
function reader(json: Json, fail: Fail) {
  const read = (key: string, fallback?: unknown) => json[key] ?? fallback;
  const number = (key: string, fallback?: number): number => {
    const value = read(key, fallback);
    if (typeof value !== "number") throw fail(`"${key}" is no number`);
    return value;
  };
  return { read, number };
}

/** Layers that attend locally, by layer_types or by global_attn_every_n_layers. */
function localAttention(json: Json, layers: number, fail: Fail): LocalAttention | undefined {
  const { number } = reader(json, fail);
  const every = number("global_attn_every_n_layers", 3);
  const types = (json.layer_types as unknown[] | undefined) ??
    Array.from({ length: layers }, (_, layer) => layer % every === 0 ? "full_attention" : "sliding_attention");
  const known = (type: unknown) => type === "full_attention" || type === "sliding_attention";
  if (!Array.isArray(types) || types.length !== layers || !types.every(known)) {
    throw fail(`its "layer_types" are not ${layers} times "full_attention" or "sliding_attention"`);
  }
  const locals = [...types.keys()].filter((layer) => types[layer] === "sliding_attention");
  if (locals.length === 0) return undefined;
  const window = number("local_attention", 128);
  return { window, rotaryBase: rotaryBase(json, "sliding_attention", fail), layers: locals };
}

/** Base of the rotary frequencies, by rope_parameters or by global_rope_theta and local_rope_theta. */
function rotaryBase(json: Json, kind: "full_attention" | "sliding_attention", fail: Fail): number {
  const { number } = reader(json, fail);
  const parameters = (json.rope_parameters as Record<string, Json> | null | undefined)?.[kind];
  if (parameters) {
    const type = parameters.rope_type ?? "default";
    if (type !== "default") throw fail(`its rotary positions are of type "${type}", only "default" is known`);
    if (typeof parameters.rope_theta === "number") return parameters.rope_theta;
  }
  const base = number("global_rope_theta", 160_000);
  if (kind === "full_attention") return base;
  // null says: the same as in global layers
  return json.local_rope_theta === null ? base : number("local_rope_theta", 10_000);
}
