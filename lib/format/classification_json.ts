/**
 * What a config.json says of classes: names, pooling, dropout, as Hugging Face's classes for sequences and tokens have it.
 *
 * @module
 */

import type { ClassificationConfig, ClassifiedUnit, ModelConfig } from "../model/config.ts";
import { quoted } from "../sentences/safe_text.ts";

type Json = Readonly<Record<string, unknown>>;

/** What follows Bert and ModernBert in the names of the classes. */
const suffixes: Readonly<Record<ClassifiedUnit, string>> = {
  text: "ForSequenceClassification",
  token: "ForTokenClassification",
};

/** Hugging Face's class of a model that tells classes. */
export function classifierName(preset: ModelConfig["preset"], of: ClassifiedUnit): string {
  return `${preset === "bert" ? "Bert" : "ModernBert"}${suffixes[of]}`;
}

/** What classes of Hugging Face's tell classes of: texts or tokens; undefined: none. */
export function classifiedUnit(classes: readonly string[]): ClassifiedUnit | undefined {
  const units: readonly ClassifiedUnit[] = ["text", "token"];
  return units.find((unit) => classes.some((name) => name.endsWith(suffixes[unit])));
}

/** The part of config.json that says which classes there are. */
export function toClassificationJson(
  preset: ModelConfig["preset"],
  head: ClassificationConfig,
): Record<string, unknown> {
  const { of, classes, pool, dropout } = head;
  return {
    id2label: Object.fromEntries(classes.map((name, id) => [id, name])),
    label2id: Object.fromEntries(classes.map((name, id) => [name, id])),
    classifier_dropout: dropout,
    ...(preset === "modernbert" ? { classifier_pooling: pool } : {}),
    ...(of === "text" ? { problem_type: "single_label_classification" } : {}),
  };
}

/**
 * The classes that a config.json describes; undefined where its class tells none.
 *
 * @throws {SyntaxError} if they are not classes of which a text has one.
 */
export function fromClassificationJson(
  json: Json,
  { classes: names, path }: { classes: readonly string[]; path: string },
): ClassificationConfig | undefined {
  const of = classifiedUnit(names);
  if (!of) return undefined;
  const fail = (what: string) => new SyntaxError(`Cannot use ${path}: ${what}`);
  const { problem_type: problem } = json;
  if (problem === "multi_label_classification" || problem === "regression") {
    const says = problem === "regression" ? "gives a number for a text" : "may give a text several classes";
    throw fail(`its model ${says} ("problem_type" is "${problem}"), only one class a text is known`);
  }
  const classes = classNames(json, fail);
  if (classes.length < 2) throw fail("it has one class only, so its model gives a number for a text, not a class");
  const dropout = json.classifier_dropout ??
    (names.some((name) => name.startsWith("Modern")) ? 0 : json.hidden_dropout_prob ?? 0);
  if (typeof dropout !== "number") throw fail('"classifier_dropout" is no number');
  const { classifier_pooling: pool = "cls" } = json;
  if (pool !== "cls" && pool !== "mean") {
    throw fail(`its "classifier_pooling" is ${quoted(String(pool))}, known are cls and mean`);
  }
  return { of, classes, pool, dropout };
}

/** Names of the classes by number: of id2label, or as Hugging Face calls those without names. */
function classNames({ id2label, num_labels: count }: Json, fail: (what: string) => SyntaxError): readonly string[] {
  if (id2label === undefined || id2label === null) {
    const numbers = typeof count === "number" && Number.isInteger(count) && count > 0 && count <= 1 << 20 ? count : 2;
    return Array.from({ length: numbers }, (_, id) => `LABEL_${id}`);
  }
  const entries = typeof id2label === "object" ? Object.entries(id2label) : [];
  const names = entries.map((_, id) => (id2label as Json)[id]);
  const wrong = names.findIndex((name) => typeof name !== "string" && typeof name !== "number");
  if (names.length === 0 || wrong >= 0) {
    throw fail(`its "id2label" has no name for class ${Math.max(0, wrong)}; it should name classes 0, 1 and so on`);
  }
  const texts = names.map(String);
  const twice = texts.find((name, id) => texts.indexOf(name) !== id);
  if (twice !== undefined) throw fail(`its "id2label" calls two classes ${quoted(twice)}`);
  return texts;
}
