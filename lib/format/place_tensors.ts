/**
 * Finding the tensors of a model among those of a folder, whatever names the program that wrote them gave them.
 *
 * @module
 */

import type { ModelConfig, Preset } from "../model/config.ts";
import { isMaskedHeadParameter } from "../model/heads/masked.ts";
import { isNextSentenceParameter } from "../model/heads/next_sentence.ts";
import { emptyValues } from "../model/parameters.ts";
import { checkFinite } from "./finite.ts";
import { type Placement, placements } from "./tensor_names.ts";
import type { HostTensor, TensorEntry } from "./safetensors.ts";

/** What is known of a tensor before it is read. */
export type FoundTensor = Pick<TensorEntry, "name" | "shape"> & {
  /** File that it is in. */
  readonly path: string;
  /** Other names of the same tensor, which the file's header tells. */
  readonly aliases?: readonly string[] | undefined;
};

/** What {@linkcode placeTensors} finds. */
export interface PlacedTensors<Entry> {
  /** Tensors that are read, with where they belong; one may belong to several parameters. */
  readonly placed: readonly { readonly entry: Entry; readonly placement: Placement }[];
  /** Tensors that are there under two names, and must be the same. */
  readonly copies: readonly { readonly entry: Entry; readonly of: Entry }[];
  /** Names of tensors that mean nothing here. */
  readonly unused: readonly string[];
  /** Whether there is a head that predicts masked tokens. */
  readonly head: boolean;
  /** Whether there is a head that tells next sentences too. */
  readonly nextSentence: boolean;
}

/** Options of {@linkcode placeTensors}. */
export interface PlaceOptions {
  /** For messages: where the tensors are. */
  place: string;
  /** Classes that the configuration names. Default: none. */
  classes?: readonly string[] | undefined;
}

/** The name under which a tensor is looked for: files differ in prefixes, and older ones in the names of norms. */
function usualName(name: string, { preset }: Pick<ModelConfig, "preset">): string {
  if (preset === "modernbert") return /^(embeddings|layers|final_norm)\./.test(name) ? `model.${name}` : name;
  if (preset === "labml") return name;
  const renamed = name.replace(/LayerNorm\.gamma$/, "LayerNorm.weight").replace(/LayerNorm\.beta$/, "LayerNorm.bias");
  if (renamed === "cls.predictions.decoder.bias") return "cls.predictions.bias";
  return /^(embeddings|encoder|pooler)\./.test(renamed) ? `bert.${renamed}` : renamed;
}

/** The decoder's weights and the embedding that stands for them where the two are tied. */
const tiedNames: Readonly<Record<Preset, readonly [decoder: string, embedding: string]>> = {
  bert: ["cls.predictions.decoder.weight", "bert.embeddings.word_embeddings.weight"],
  modernbert: ["decoder.weight", "model.embeddings.tok_embeddings.weight"],
  labml: ["decoder.weight", "embeddings.token"],
};

/** What stands before the names of the encoder's tensors. */
const ownPrefix: Readonly<Record<Preset, RegExp>> = { bert: /^bert\./, modernbert: /^model\./, labml: /^$/ };

/** A tensor that every model has, in front of whose name stands what a wrapper has put before all names. */
const anchors: Readonly<Record<Preset, RegExp>> = {
  bert: /^((?:.*?\.)??)(?:bert\.)?embeddings\.LayerNorm\.(?:weight|gamma)$/,
  modernbert: /^((?:.*?\.)??)(?:model\.)?embeddings\.norm\.weight$/,
  labml: /^((?:.*?\.)??)embeddings\.token$/,
};

/** What stands before the names of kindred models, whose layers are called like BERT's but compute something else. */
const kindred =
  /(?:^|\.)(roberta|xlm_roberta|roberta_prelayernorm|electra|camembert|deberta|albert|distilbert|mpnet|mobilebert|squeezebert|ernie|nezha|layoutlm|data2vec_text|megatron_bert|rembert|convbert|esm|markuplm|splinter|lilt)\.$/;

/** Tensors that a masked language model does not need: buffers, and what other tasks were trained with. */
const unneeded = /(position_ids|token_type_ids|inv_freq|^cls\.seq_relationship\..*|(^|\.)pooler\..*)$/;

/** Classes that have a head for masked tokens. */
const headed = /ForMaskedLM|ForPreTraining|LMHeadModel/;

/**
 * Finds every tensor that a configuration needs among those of one or several files: under the names of old and new versions,
 * behind a prefix that a wrapper gave to all, under an alias, and a tied one under either of its names.
 *
 * @throws {SyntaxError} that names the tensor, both shapes and the file if one is missing or of another shape.
 */
export function placeTensors<Entry extends FoundTensor>(
  config: ModelConfig,
  entries: readonly Entry[],
  { place, classes = [] }: PlaceOptions,
): PlacedTensors<Entry> {
  const targets = placements(config);
  const prefix = prefixOf(config, entries, place);
  const { found, unused } = candidates({ config, entries, targets, prefix });
  const missing = [...targets.keys()].filter((name) => !found.has(name));
  const head = !config.classification && hasHead({ config, targets, missing, classes, place });
  const isPaired = ([, { parameter }]: [string, Placement]) => isNextSentenceParameter(parameter);
  const nextSentence = head && config.nextSentence && [...targets].filter(isPaired).every(([name]) => found.has(name));
  const needed = [...targets].filter((entry) =>
    isPaired(entry) ? nextSentence : head || !isMaskedHeadParameter(entry[1].parameter)
  );
  const [lacking, ...others] = needed.filter(([name]) => !found.has(name));
  if (lacking) {
    const [name, { shape }] = lacking;
    const more = others.length > 0 ? `, and ${others.length} others` : "";
    const some = entries.slice(0, 3).map((entry) => `"${entry.name}"`).join(", ");
    const called = found.size > 0 ? "" : some === "" ? "; it has none" : `; those that it has are called ${some}`;
    throw new SyntaxError(`Cannot use ${place}: it lacks tensor "${name}" of shape [${shape}]${more}${called}`);
  }
  const placed: { entry: Entry; placement: Placement }[] = [];
  const copies: { entry: Entry; of: Entry }[] = [];
  for (const [name, where] of needed) {
    const [first, ...rest] = found.get(name)!;
    for (const entry of [first!, ...rest]) {
      if (String(entry.shape) !== String(where.shape)) {
        throw new SyntaxError(
          `Cannot use ${entry.path}: tensor "${entry.name}" has shape [${entry.shape}], expected [${where.shape}]`,
        );
      }
    }
    placed.push({ entry: first!, placement: where });
    for (const entry of rest) copies.push({ entry, of: first! });
  }
  const used = new Set([...placed, ...copies].map(({ entry }) => entry.name));
  const left = head
    ? []
    : [...found].flatMap(([name, list]) =>
      isMaskedHeadParameter(targets.get(name)!.parameter)
        ? list.map((entry) => entry.name).filter((own) => !used.has(own))
        : []
    );
  return { placed, copies, unused: [...unused, ...left], head, nextSentence };
}

/**
 * What stands in front of all names: "_orig_mod." of compiled models, "module." of those trained in parallel, or any other
 * attribute of a wrapper.
 */
function prefixOf(config: ModelConfig, entries: readonly FoundTensor[], place: string): string {
  const anchor = anchors[config.preset];
  const found = new Set(entries.flatMap(({ name }) => anchor.exec(name)?.[1] ?? []));
  if (found.has("")) return "";
  const [prefix = "", ...others] = found;
  if (others.length === 0) {
    const kin = kindred.exec(prefix)?.[1];
    if (kin === undefined) return prefix;
    throw new SyntaxError(
      `Cannot use ${place}: its tensors are called "${prefix}…", as those of another kind of model, ${kin}, ` +
        `but its config.json says ${config.preset}`,
    );
  }
  const list = [...found].map((prefix) => `"${prefix}"`).join(" and ");
  throw new SyntaxError(`Cannot use ${place}: it holds several models, under names that begin with ${list}`);
}

/** The tensors that may be what is looked for, by the name under which it is looked for; the one of that name first. */
function candidates<Entry extends FoundTensor>(
  { config, entries, targets, prefix }: {
    config: ModelConfig;
    entries: readonly Entry[];
    targets: ReadonlyMap<string, Placement>;
    prefix: string;
  },
): { found: Map<string, Entry[]>; unused: string[] } {
  const found = new Map<string, Entry[]>();
  const unused: string[] = [];
  const [decoder, embedding] = tiedNames[config.preset];
  const targetOf = (name: string) => {
    const inner = name.startsWith(prefix) ? name.slice(prefix.length) : name;
    const usual = usualName(inner, config);
    // a wrapper may be called as the encoder is within it: then the head has its prefix too
    const found = targets.has(usual) ? usual : usualName(inner.replace(ownPrefix[config.preset], ""), config);
    return config.tied && found === decoder ? embedding : found;
  };
  const own = new Set(entries.map(({ name }) => name));
  for (const entry of entries) {
    // a tensor that is there itself is no alias of another
    const names = [entry.name, ...(entry.aliases ?? []).filter((alias) => !own.has(alias))];
    const possible = new Set(names.map(targetOf).filter((name) => targets.has(name)));
    for (const target of possible) {
      const list = found.get(target);
      if (!list) found.set(target, [entry]);
      else if (prefix + target === entry.name) list.unshift(entry);
      else list.push(entry);
    }
    if (possible.size === 0 && !unneeded.test(targetOf(entry.name))) unused.push(entry.name);
  }
  return { found, unused };
}

/** Whether there is a head for masked tokens; a part of one is a mistake. */
function hasHead(
  { config, targets, missing, classes, place }: {
    config: ModelConfig;
    targets: ReadonlyMap<string, Placement>;
    missing: readonly string[];
    classes: readonly string[];
    place: string;
  },
): boolean {
  const hasDecoder = [...targets].some(([name, { parameter }]) =>
    parameter.startsWith("decoder.") && !missing.includes(name)
  );
  // what ModernBERT's classes for other tasks call head was trained for these, and no decoder is behind it
  const isOther = classes.length > 0 && !classes.some((name) => headed.test(name));
  if (config.preset === "modernbert" && isOther && !hasDecoder) return false;
  const lacking = missing.filter((name) => isMaskedHeadParameter(targets.get(name)!.parameter));
  const size = [...targets.values()].filter(({ parameter }) => isMaskedHeadParameter(parameter)).length;
  if (lacking.length === 0) return true;
  if (lacking.length === size) return false;
  const names = lacking.map((name) => `"${name}" of shape [${targets.get(name)!.shape}]`).join(", ");
  throw new SyntaxError(
    `Cannot use ${place}: it has only a part of the head for masked tokens; it lacks tensor ${names}`,
  );
}

/** What is said of two names of one tensor with different numbers. */
export function notTheSame(place: string, ...names: readonly [string, string]): SyntaxError {
  const isDecoder = names.some((name) => name.endsWith("decoder.weight"));
  return new SyntaxError(
    `Cannot use ${place}: "${names[0]}" and "${names[1]}" are names of one tensor, but hold different numbers` +
      (isDecoder ? '; if they are two, config.json must say "tie_word_embeddings": false' : ""),
  );
}

/**
 * The reverse of {@linkcode toHuggingFace}, with everything in memory.
 *
 * @throws {SyntaxError} that names the tensor if one is missing, of another shape, or not finite.
 */
export function fromHuggingFace(
  config: ModelConfig,
  tensors: ReadonlyMap<string, HostTensor>,
  path = "model.safetensors",
): Map<string, Float32Array<ArrayBuffer>> {
  const entries = [...tensors].map(([name, tensor]) => ({ name, ...tensor, path }));
  const { placed, copies, head } = placeTensors(config, entries, { place: path });
  if (!head) throw new SyntaxError(`Cannot use ${path}: it has no head for masked tokens`);
  for (const { entry, of } of copies) {
    if (entry.data.some((value, i) => value !== of.data[i])) throw notTheSame(path, entry.name, of.name);
  }
  const parameters = emptyValues(config);
  for (const { entry, placement: { parameter, offset } } of placed) {
    checkFinite(entry.data, { path, name: entry.name });
    parameters.get(parameter)!.set(entry.data, offset);
  }
  return parameters;
}
