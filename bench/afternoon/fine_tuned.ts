/**
 * Classifiers and taggers that are trained on the labels which a probe learns from, all weights of an encoder with a new head.
 *
 * @module
 */

import { classifier } from "../../lib/classify/classifier.ts";
import { tagger } from "../../lib/classify/tagger.ts";
import type { ClassifierOptions } from "../../lib/classify/train_head.ts";
import type { TextModel } from "../../lib/evaluate/text_model.ts";
import type { Round } from "../../lib/probe/folds.ts";
import type { Dataset } from "./datasets.ts";

/** A class's name, which does not look like an amount. */
const nameOf = (label: number) => `class ${label}`;
const labelOf = (name: string) => Number(name.replace("class ", ""));

/** What a fine-tuned classifier says of the rows that a round tests, with what `classify train` does where nothing is said. */
export async function fineTuned(
  model: TextModel,
  dataset: Dataset,
  { round, options = {} }: { round: Round; options?: ClassifierOptions },
): Promise<Uint32Array<ArrayBuffer>> {
  const names = typeof dataset.items[0] === "string"
    ? await ofTexts(model, dataset, { round, options })
    : await ofWords(model, dataset, { round, options });
  return Uint32Array.from(names, labelOf);
}

type Task = { readonly round: Round; readonly options: ClassifierOptions };

async function ofTexts(
  model: TextModel,
  { items, labels }: Dataset,
  { round: { train, test }, options }: Task,
): Promise<string[]> {
  const texts = (rows: readonly number[]) => rows.map((row) => items[row] as string);
  const examples = train.map((row) => ({ text: items[row] as string, label: nameOf(labels[row]!) }));
  using tells = await classifier(model, examples, options);
  return (await Array.fromAsync(tells.predict(texts(test)))).map(({ label }) => label);
}

/** Of sentences that are learned from, or tested, as a whole. */
async function ofWords(
  model: TextModel,
  { items, itemOf, labels }: Dataset,
  { round: { train, test }, options }: Task,
): Promise<string[]> {
  const sentences = (rows: readonly number[]) => [...Map.groupBy(rows, (row) => itemOf[row]!)];
  const examples = sentences(train).map(([item, rows]) => ({
    words: items[item] as readonly string[],
    tags: rows.map((row) => nameOf(labels[row]!)),
  }));
  using tells = await tagger(model, examples, options);
  const tested = sentences(test).map(([item]) => items[item] as readonly string[]);
  return (await Array.fromAsync(tells.predict(tested))).flatMap((words) => words.map(({ tag }) => tag));
}
