/**
 * Weights under Hugging Face's names, those of BertForMaskedLM and ModernBertForMaskedLM.
 *
 * @module
 */

import { sizeOf } from "../device/device.ts";
import type { ModelConfig } from "../model/config.ts";
import { emptyValues, modelParameters } from "../model/parameters.ts";
import type { HostTensor, TensorEntry } from "./safetensors.ts";

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
      [/^decoder\.weight$/, "cls.predictions.decoder.weight"],
    ]);
    if (!renamed.includes(".attention.qkv")) return renamed;
    const part = (which: string) => renamed.replace(".attention.qkv", `.attention.self.${which}`);
    return [part("query"), part("key"), part("value")];
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

/** Where each tensor of a configuration belongs, by Hugging Face's names. */
export function placements(config: ModelConfig): Map<string, Placement> {
  const nameOf = tensorNames(config);
  const places = new Map<string, Placement>();
  for (const { name, shape } of modelParameters(config)) {
    const names = nameOf(name);
    if (typeof names === "string") places.set(names, { parameter: name, offset: 0, shape });
    else {
      const third = [shape[0]! / 3, ...shape.slice(1)];
      names.forEach((key, i) => places.set(key, { parameter: name, offset: i * sizeOf(third), shape: third }));
    }
  }
  return places;
}

/** Parameters under Hugging Face's names and with its shapes. */
export function toHuggingFace(config: ModelConfig, parameters: Parameters): Map<string, HostTensor> {
  return new Map([...placements(config)].map(([name, { parameter, offset, shape }]) => {
    const data = parameters.get(parameter);
    if (!data) throw new TypeError(`Parameter "${parameter}" is missing`);
    return [name, { shape, data: data.subarray(offset, offset + sizeOf(shape)) }];
  }));
}

/** The name under which a tensor is looked for: files differ in prefixes, and older ones in the names of norms. */
export function usualName(name: string, { preset }: Pick<ModelConfig, "preset">): string {
  if (preset === "modernbert") return /^(embeddings|layers|final_norm)\./.test(name) ? `model.${name}` : name;
  if (preset === "labml") return name;
  const renamed = name.replace(/LayerNorm\.gamma$/, "LayerNorm.weight").replace(/LayerNorm\.beta$/, "LayerNorm.bias");
  if (renamed === "cls.predictions.decoder.bias") return "cls.predictions.bias";
  return /^(embeddings|encoder)\./.test(renamed) ? `bert.${renamed}` : renamed;
}

/** Tensors that a masked language model does not need: buffers, and what other tasks were trained with. */
const unneeded = /(position_ids|token_type_ids|inv_freq|^cls\.seq_relationship\..*|(^|\.)pooler\..*)$/;

/** What {@linkcode placeTensors} finds. */
export interface PlacedTensors<Entry> {
  /** Tensors that are read, with where they belong. */
  readonly placed: readonly { readonly entry: Entry; readonly place: Placement }[];
  /** Names of tensors that mean nothing here. */
  readonly strange: readonly string[];
}

/**
 * Finds every tensor that a configuration needs among those of one or several files.
 *
 * @throws {SyntaxError} that names the tensor, both shapes and the file if one is missing or of another shape.
 */
export function placeTensors<Entry extends Pick<TensorEntry, "name" | "shape"> & { readonly path: string }>(
  config: ModelConfig,
  entries: readonly Entry[],
  place: string,
): PlacedTensors<Entry> {
  const places = placements(config);
  const found = new Map<string, Entry>();
  const strange: string[] = [];
  for (const entry of entries) {
    const name = usualName(entry.name, config);
    if (!places.has(name)) {
      const isTied = /(^|\.)decoder\.weight$/.test(name) && config.tied;
      if (!isTied && !unneeded.test(name)) strange.push(entry.name);
    } else if (!found.has(name) || entry.name === name) found.set(name, entry);
  }
  const placed = [...places].map(([name, where]) => {
    const entry = found.get(name);
    if (!entry) {
      throw new SyntaxError(`Cannot use ${place}: it lacks tensor "${name}" of shape [${where.shape}]`);
    }
    if (String(entry.shape) !== String(where.shape)) {
      throw new SyntaxError(
        `Cannot use ${entry.path}: tensor "${entry.name}" has shape [${entry.shape}], expected [${where.shape}]`,
      );
    }
    return { entry, place: where };
  });
  return { placed, strange };
}

/**
 * The reverse of {@linkcode toHuggingFace}, with everything in memory.
 *
 * @throws {SyntaxError} that names the tensor if one is missing or of another shape.
 */
export function fromHuggingFace(
  config: ModelConfig,
  tensors: ReadonlyMap<string, HostTensor>,
  path = "model.safetensors",
): Map<string, Float32Array<ArrayBuffer>> {
  const entries = [...tensors].map(([name, tensor]) => ({ name, ...tensor, path }));
  const { placed } = placeTensors(config, entries, path);
  const parameters = emptyValues(config);
  for (const { entry, place: { parameter, offset } } of placed) parameters.get(parameter)!.set(entry.data, offset);
  return parameters;
}
