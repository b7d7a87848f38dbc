/**
 * The beginning of fine-tuning: a pre-trained encoder with a new head for classes.
 *
 * @module
 */

import type { TextModel } from "../evaluate/text_model.ts";
import type { ClassificationConfig, ModelConfig } from "../model/config.ts";
import { checkConfig } from "../model/config.ts";
import { Model } from "../model/model.ts";
import { initialValues } from "../model/parameters.ts";
import { bertFrame } from "../tokenizer/special_tokens.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";

/** What a new head is made with. */
export interface StartOptions {
  /** The head. */
  readonly head: ClassificationConfig;
  /** Share of the encoder's activations that is dropped in training. */
  readonly dropout: number;
  /** Seed of the head's weights. */
  readonly seed: number;
}

/**
 * A model of its own on the same device, with the weights of the encoder, those of the head for masked tokens or next sentences
 * that the new head has too, as transformers takes them over, and random ones for the rest.
 */
export async function withNewHead(base: TextModel, { head, dropout, seed }: StartOptions): Promise<TextModel> {
  const { device, config: former } = base.model;
  const config: ModelConfig = { ...former, nextSentence: false, dropout, classification: head };
  checkConfig(config);
  const values = initialValues(config, seed);
  for (const [name, array] of await base.model.readParameters()) values.get(nameInHead(name))?.set(array);
  const model = new Model(device, config);
  model.writeParameters(values);
  return { model, tokenizer: framedFor(base.tokenizer, { ...config, ...head }) };
}

/** The new name of what both heads have. */
function nameInHead(name: string): string {
  return name.replace(/^head\.(dense|norm)\./, "classifier.$1.").replace(/^pooler\./, "classifier.pooler.");
}

/** A tokenizer whose texts begin with [CLS] where a head looks at it. */
export function framedFor(
  tokenizer: Tokenizer,
  { preset, of, pool }: Pick<ModelConfig, "preset"> & Pick<ClassificationConfig, "of" | "pool">,
): Tokenizer {
  if (tokenizer.frame || of === "token" || (preset === "modernbert" && pool === "mean")) return tokenizer;
  const frame = bertFrame(tokenizer.special);
  if (!frame) return tokenizer;
  // files of a ready tokenizer would say otherwise
  const { files: _, ...rest } = tokenizer;
  return { ...rest, frame };
}
