/**
 * Classifiers of texts and taggers of words, as a command has either.
 *
 * @module
 */

import { type Classifier, type ClassifyOptions, textClassifier } from "../classify/classifier.ts";
import type { ClassifierScore } from "../classify/scores.ts";
import { type Tagger, wordTagger } from "../classify/tagger.ts";
import type { MaskedLanguageModel } from "../inference/load.ts";
import type { LabelledText } from "../labelled/labelled_texts.ts";
import type { LabelledWords } from "../labelled/sentence.ts";
import { readFlags } from "./classify_flags.ts";
import { type ParsedFlags, UsageError } from "./flags.ts";

/** What a model tells classes of. */
export function unitOf({ model: { config } }: Pick<Classifier, "model">): "text" | "word" {
  return config.classification!.of === "token" ? "word" : "text";
}

/**
 * A model as what tells its classes.
 *
 * @throws {UsageError} where `--tokens` does not go with it.
 */
export function opened(model: MaskedLanguageModel, parsed: ParsedFlags): Classifier | Tagger {
  const isWords = model.config.classification!.of === "token";
  if (isWords === (parsed.get(readFlags.tokens) ?? false)) return isWords ? wordTagger(model) : textClassifier(model);
  throw new UsageError(
    isWords
      ? `The model in ${model.place} tells classes of words: add --tokens`
      : `The model in ${model.place} tells classes of texts, not of words: leave out --tokens`,
  );
}

/** Whether it is a tagger. */
export function isTagger(told: Classifier | Tagger): told is Tagger {
  return unitOf(told) === "word";
}

/** How right it is on labelled data of its kind. */
export async function evaluated(
  told: Classifier | Tagger,
  examples: Iterable<LabelledText | LabelledWords> | AsyncIterable<LabelledText | LabelledWords>,
  options: ClassifyOptions,
): Promise<ClassifierScore> {
  if (isTagger(told)) return await told.evaluate(examples as AsyncIterable<LabelledWords>);
  return await told.evaluate(examples as AsyncIterable<LabelledText>, options);
}
