/**
 * A Hugging Face folder as a whole: configuration, tokenizer and weights that fit one another.
 *
 * @module
 */

import type { ClassificationConfig, ModelConfig } from "../model/config.ts";
import { listed } from "../sentences/safe_text.ts";
import { fromClassificationJson } from "./classification_json.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { classesIn, fromConfigJson } from "./config_json.ts";
import { type ModelFolder, pathIn, readJson } from "./model_folder.ts";
import { readTokenizer } from "./tokenizer_folder.ts";
import { whatIsThere } from "./folder_contents.ts";
import { openWeights, type Weights } from "./weights.ts";

/** A model whose weights have been checked but not read. */
export interface OpenedModel {
  /** Where it is. */
  readonly folder: ModelFolder;
  /** Its configuration. */
  readonly config: ModelConfig;
  /** Classes that its config.json names. */
  readonly classes: readonly string[];
  /** Its vocabulary; a model may have room for more tokens. */
  readonly tokenizer: Tokenizer;
  /** Its weights; whoever does not read them closes them. */
  readonly weights: Weights;
}

/** Options of {@linkcode openModel}. */
export interface OpenOptions {
  /**
   * Keep the tokenizer's files, to be written again as they are.
   *
   * @default {false}
   */
  keepFiles?: boolean | undefined;
  /**
   * Open it with its head for classes, which it must have, instead of that for masked tokens; "any": if it has one.
   *
   * @default {false}
   */
  classifier?: boolean | "any" | undefined;
}

/**
 * Opens the model of a folder: of any class of BERT's or ModernBERT's, or a checkpoint of this project.
 *
 * @throws {RangeError} if there is none.
 * @throws {SyntaxError} that says which file does not fit, and why.
 */
export async function openModel(
  folder: ModelFolder,
  { keepFiles = false, classifier = false }: OpenOptions = {},
): Promise<OpenedModel> {
  const json = await readJson(folder, "config.json") as Record<string, unknown> | undefined;
  if (json === undefined) {
    throw new RangeError(`Cannot use ${folder.place}: ${await whatIsThere(folder, "config.json")}`);
  }
  const base = fromConfigJson(json, pathIn(folder, "config.json"));
  const classes = classesIn(json);
  const head = classifier === false ? undefined : classesOf(json, { classes, folder, isAny: classifier === "any" });
  const config = head ? { ...base, nextSentence: false, classification: head } : base;
  const tokenizer = await readTokenizer(folder, { keepFiles });
  if (tokenizer.size > config.vocab) {
    throw new SyntaxError(
      `Cannot use ${folder.place}: its tokenizer has ${tokenizer.size} tokens, its config.json says ${config.vocab}`,
    );
  }
  const weights = await openWeights(folder, config, { classes });
  // many files that are called so for their class lack the second head
  return { folder, config: { ...config, nextSentence: weights.nextSentence }, classes, tokenizer, weights };
}

/** The head for classes that a config.json describes. */
function classesOf(
  json: Readonly<Record<string, unknown>>,
  { classes, folder, isAny }: { classes: readonly string[]; folder: ModelFolder; isAny: boolean },
): ClassificationConfig | undefined {
  try {
    const head = fromClassificationJson(json, { classes, path: pathIn(folder, "config.json") });
    if (head || isAny) return head;
  } catch (error) {
    // who takes any head takes the encoder of other ones
    if (isAny) return undefined;
    throw error;
  }
  const what = classes.length > 0 ? `it is a ${listed(classes)}` : "its config.json names no class";
  throw new RangeError(`Cannot tell classes with ${folder.place}: ${what}; classify train makes a classifier of it`);
}
