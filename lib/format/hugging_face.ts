/**
 * Models as Hugging Face keeps them: config.json and the names of tensors, for BertForMaskedLM and ModernBertForMaskedLM.
 *
 * @module
 */

import { architectures, checkConfig, type ModelConfig, type Preset, presets, ROTARY_BASE } from "../model/config.ts";
import { modelParameters } from "../model/parameters.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { HostTensor } from "./safetensors.ts";

/** Parameters by this project's names. */
export type Parameters = ReadonlyMap<string, Float32Array<ArrayBuffer>>;

/** Content of config.json; labml's model has no Hugging Face class and says so by its model_type. */
export function toConfigJson(config: ModelConfig, special: Tokenizer["special"]): Record<string, unknown> {
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
  };
  if (preset === "bert") {
    return {
      architectures: ["BertForMaskedLM"],
      model_type: "bert",
      ...common,
      hidden_act: "gelu",
      hidden_dropout_prob: dropout,
      attention_probs_dropout_prob: dropout,
      type_vocab_size: architectures.bert.segments,
      layer_norm_eps: architectures.bert.epsilon,
      tie_word_embeddings: true,
      position_embedding_type: "absolute",
    };
  }
  if (preset === "modernbert") {
    return {
      architectures: ["ModernBertForMaskedLM"],
      model_type: "modernbert",
      ...common,
      bos_token_id: special["[CLS]"],
      eos_token_id: special["[SEP]"],
      hidden_activation: "gelu",
      initializer_cutoff_factor: 2,
      norm_eps: architectures.modernbert.epsilon,
      norm_bias: false,
      attention_bias: false,
      mlp_bias: false,
      decoder_bias: true,
      classifier_bias: false,
      attention_dropout: dropout,
      embedding_dropout: dropout,
      mlp_dropout: dropout,
      local_attention: 128,
      global_attn_every_n_layers: 1,
      global_rope_theta: ROTARY_BASE,
      local_rope_theta: ROTARY_BASE,
      tie_word_embeddings: true,
    };
  }
  return { model_type: "labml", ...common, hidden_dropout_prob: dropout };
}

/**
 * The configuration that a config.json of this project describes.
 *
 * @throws {SyntaxError} if it is of another kind of model or lacks a number.
 */
export function fromConfigJson(json: Readonly<Record<string, unknown>>, name = "config.json"): ModelConfig {
  const preset = json.model_type as Preset;
  if (!presets.includes(preset)) {
    throw new SyntaxError(`Cannot use ${name}: its model_type is "${preset}", known are ${presets.join(", ")}`);
  }
  const number = (key: string) => {
    const value = json[key];
    if (typeof value !== "number") throw new SyntaxError(`Cannot use ${name}: "${key}" is no number`);
    return value;
  };
  const config: ModelConfig = {
    preset,
    vocab: number("vocab_size"),
    layers: number("num_hidden_layers"),
    width: number("hidden_size"),
    heads: number("num_attention_heads"),
    hidden: number("intermediate_size"),
    maxLength: number("max_position_embeddings"),
    dropout: number(preset === "modernbert" ? "mlp_dropout" : "hidden_dropout_prob"),
  };
  checkConfig(config);
  return config;
}

/** Hugging Face's name for one of this project's; query, key and value of BERT are apart there. */
function tensorNames(config: ModelConfig): (name: string) => string | readonly [string, string, string] {
  if (config.preset === "labml") return (name) => name;
  const replace = (name: string, pairs: readonly (readonly [RegExp, string])[]) =>
    pairs.reduce((text, [pattern, replacement]) => text.replace(pattern, replacement), name);
  if (config.preset === "modernbert") {
    return (name) =>
      replace(name, [
        [/^embeddings\.token$/, "model.embeddings.tok_embeddings.weight"],
        [/^embeddings\.norm/, "model.embeddings.norm"],
        [/^layers\./, "model.layers."],
        [/\.attention\.norm/, ".attn_norm"],
        [/\.attention\.qkv/, ".attn.Wqkv"],
        [/\.attention\.output/, ".attn.Wo"],
        [/\.feedForward\.norm/, ".mlp_norm"],
        [/\.feedForward\.input/, ".mlp.Wi"],
        [/\.feedForward\.output/, ".mlp.Wo"],
        [/^finalNorm/, "model.final_norm"],
      ]);
  }
  return (name) => {
    const renamed = replace(name, [
      [/^embeddings\.token$/, "bert.embeddings.word_embeddings.weight"],
      [/^embeddings\.position$/, "bert.embeddings.position_embeddings.weight"],
      [/^embeddings\.segment$/, "bert.embeddings.token_type_embeddings.weight"],
      [/^embeddings\.norm/, "bert.embeddings.LayerNorm"],
      [/^layers\./, "bert.encoder.layer."],
      [/\.attention\.norm/, ".attention.output.LayerNorm"],
      [/(bert\..*)\.attention\.output\.(weight|bias)$/, "$1.attention.output.dense.$2"],
      [/\.feedForward\.norm/, ".output.LayerNorm"],
      [/\.feedForward\.input/, ".intermediate.dense"],
      [/\.feedForward\.output/, ".output.dense"],
      [/^head\.dense/, "cls.predictions.transform.dense"],
      [/^head\.norm/, "cls.predictions.transform.LayerNorm"],
      [/^decoder\.bias$/, "cls.predictions.bias"],
    ]);
    if (!renamed.includes(".attention.qkv")) return renamed;
    const part = (which: string) => renamed.replace(".attention.qkv", `.attention.self.${which}`);
    return [part("query"), part("key"), part("value")];
  };
}

/** Parameters under Hugging Face's names and with its shapes. */
export function toHuggingFace(config: ModelConfig, parameters: Parameters): Map<string, HostTensor> {
  const nameOf = tensorNames(config);
  const tensors = new Map<string, HostTensor>();
  for (const { name, shape } of modelParameters(config)) {
    const data = parameters.get(name);
    if (!data) throw new TypeError(`Parameter "${name}" is missing`);
    const names = nameOf(name);
    if (typeof names === "string") tensors.set(names, { shape, data });
    else {
      const third = data.length / 3;
      names.forEach((key, i) =>
        tensors.set(key, { shape: [shape[0]! / 3, ...shape.slice(1)], data: data.subarray(i * third, (i + 1) * third) })
      );
    }
  }
  return tensors;
}

/**
 * The reverse of {@linkcode toHuggingFace}.
 *
 * @throws {SyntaxError} that names the tensor if one is missing or of another shape.
 */
export function fromHuggingFace(
  config: ModelConfig,
  tensors: ReadonlyMap<string, HostTensor>,
  file = "model.safetensors",
): Map<string, Float32Array<ArrayBuffer>> {
  const nameOf = tensorNames(config);
  const take = (name: string, shape: readonly number[]) => {
    const tensor = tensors.get(name);
    if (!tensor) throw new SyntaxError(`Cannot use ${file}: it lacks tensor "${name}" of shape [${shape}]`);
    if (String(tensor.shape) !== String(shape)) {
      throw new SyntaxError(`Cannot use ${file}: tensor "${name}" has shape [${tensor.shape}], expected [${shape}]`);
    }
    return tensor.data;
  };
  return new Map(
    modelParameters(config).map(({ name, shape }) => {
      const names = nameOf(name);
      if (typeof names === "string") return [name, take(names, shape)];
      const parts = names.map((key) => take(key, [shape[0]! / 3, ...shape.slice(1)]));
      const data = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
      parts.forEach((part, i) => data.set(part, i * part.length));
      return [name, data];
    }),
  );
}
