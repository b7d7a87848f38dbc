/**
 * Weights under Hugging Face's names, those of BertForMaskedLM, BertForPreTraining, ModernBertForMaskedLM and the
 * classes of both that tell classes.
 *
 * @module
 */

import { sizeOf } from "../tensor/tensor.ts";
import type { ModelConfig } from "../model/config.ts";
import { modelParameters } from "../model/parameters.ts";
import type { HostTensor } from "./safetensors.ts";

/** Parameters by this project's names. */
export type Parameters = ReadonlyMap<string, Float32Array<ArrayBuffer>>;

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
        [/^classifier\.(dense|norm)/, "head.$1"],
        [/^classifier\.output/, "classifier"],
      ]);
  }
  return (name) => {
    const renamed = replace(name, [
      [/^embeddings\.token$/, "bert.embeddings.word_embeddings.weight"],
      [/^embeddings\.position$/, "bert.embeddings.position_embeddings.weight"],
      [/^embeddings\.tokenType$/, "bert.embeddings.token_type_embeddings.weight"],
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
      [/^decoder\.weight$/, "cls.predictions.decoder.weight"],
      [/^pooler/, "bert.pooler.dense"],
      [/^nextSentence/, "cls.seq_relationship"],
      [/^classifier\.pooler/, "bert.pooler.dense"],
      [/^classifier\.output/, "classifier"],
    ]);
    if (!renamed.includes(".attention.qkv")) return renamed;
    const third = (which: string) => renamed.replace(".attention.qkv", `.attention.self.${which}`);
    return [third("query"), third("key"), third("value")];
  };
}

/** Where a tensor of a file belongs. */
export interface Placement {
  /** This project's name of the parameter. */
  readonly parameter: string;
  /** First element of the parameter that the tensor is. */
  readonly offset: number;
  /** Shape of the tensor. */
  readonly shape: readonly number[];
}

/** Where each tensor of a configuration, or of its encoder alone, belongs, by Hugging Face's names. */
export function placements(config: ModelConfig, { head = true }: { head?: boolean } = {}): Map<string, Placement> {
  const nameOf = tensorNames(config);
  const found = new Map<string, Placement>();
  for (const { name, shape } of modelParameters(config, { head })) {
    const names = nameOf(name);
    if (typeof names === "string") found.set(names, { parameter: name, offset: 0, shape });
    else {
      const third = [shape[0]! / 3, ...shape.slice(1)];
      names.forEach((key, i) => found.set(key, { parameter: name, offset: i * sizeOf(third), shape: third }));
    }
  }
  return found;
}

/** Parameters, or those of the encoder alone, under Hugging Face's names and with its shapes. */
export function toHuggingFace(
  config: ModelConfig,
  parameters: Parameters,
  { head = true }: { head?: boolean } = {},
): Map<string, HostTensor> {
  return new Map([...placements(config, { head })].map(([name, { parameter, offset, shape }]) => {
    const data = parameters.get(parameter);
    if (!data) throw new TypeError(`Parameter "${parameter}" is missing`);
    return [name, { shape, data: data.subarray(offset, offset + sizeOf(shape)) }];
  }));
}
