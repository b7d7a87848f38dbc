/**
 * A Hugging Face folder as a whole: configuration, tokenizer and weights that fit one another.
 *
 * @module
 */

import type { ModelConfig } from "../model/config.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { fromConfigJson } from "./config_json.ts";
import { type ModelFolder, pathIn, readJson } from "./folder.ts";
import { readTokenizer } from "./tokenizer_folder.ts";
import { openWeights, type Weights } from "./weights.ts";

/** A model whose weights have been checked but not read. */
export interface OpenedModel {
  /** Where it is. */
  readonly folder: ModelFolder;
  /** Its configuration. */
  readonly config: ModelConfig;
  /** Its vocabulary; a model may have room for more tokens. */
  readonly tokenizer: Tokenizer;
  /** Its weights; whoever does not read them closes them. */
  readonly weights: Weights;
}

/**
 * Opens the model of a folder: BertForMaskedLM, ModernBertForMaskedLM, or a checkpoint of this project. With `keepFiles` its
 * tokenizer's files are kept, to be written again as they are.
 *
 * @throws {RangeError} if there is none.
 * @throws {SyntaxError} that says which file does not fit, and why.
 */
export async function openModel(
  folder: ModelFolder,
  { keepFiles = false }: { keepFiles?: boolean } = {},
): Promise<OpenedModel> {
  const json = await readJson(folder, "config.json") as Record<string, unknown> | undefined;
  if (json === undefined) throw new RangeError(`Cannot use ${folder.place}: there is no config.json in it`);
  const config = fromConfigJson(json, pathIn(folder, "config.json"));
  const tokenizer = await readTokenizer(folder, { keepFiles });
  if (tokenizer.size > config.vocab) {
    throw new SyntaxError(
      `Cannot use ${folder.place}: its tokenizer has ${tokenizer.size} tokens, its config.json says ${config.vocab}`,
    );
  }
  return { folder, config, tokenizer, weights: await openWeights(folder, config) };
}
