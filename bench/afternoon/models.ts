/**
 * Which encoders are compared, and the texts that they are trained on.
 *
 * @module
 */

import { parseCount, parseMinutes } from "../../lib/cli/flag_values.ts";
import { type BrownText, type Declaration, written } from "./data.ts";
import { pretrained } from "./pretrain.ts";

/** How long an encoder is trained. */
export interface Budget {
  /** As it is written: 1.5M, 5min, or 0 for random weights. */
  readonly name: string;
  /** Whether tokens are counted, or minutes. */
  readonly unit: "tokens" | "minutes";
  /** How many. */
  readonly amount: number;
}

/**
 * A budget by its name: tokens, or minutes where a unit of time is behind it.
 *
 * @throws {RangeError} if it is neither.
 */
export function budgetOf(name: string): Budget {
  if (name === "0") return { name, unit: "tokens", amount: 0 };
  if (/\d ?(s|sec|min|h)$/i.test(name)) return { name, unit: "minutes", amount: parseMinutes(name) };
  return { name, unit: "tokens", amount: parseCount(name) };
}

/** Texts that encoders are trained on. */
export const pretrainingTexts = ["brown", "wikipedia", "languages"] as const;
/** One of them. */
export type PretrainingText = typeof pretrainingTexts[number];

/** Of ten texts of Brown nine are trained on; tags are tested on the others. */
export const isHeldOut = (number: number): boolean => number % 10 === 9;

/** Every so manieth language is told apart. */
export const EVERY_LANGUAGE = 3;

/** Paragraphs of a declaration that are trained on and learned from; the others are tested on. */
export const LEARNED_PARAGRAPHS = 30;

/** Writes the texts that encoders are trained on. */
export async function writeTexts(
  folder: string,
  { brown, languages }: { brown: readonly BrownText[]; languages: readonly Declaration[] },
): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  const untagged = brown.filter((_, i) => !isHeldOut(i)).map(({ sentences }) =>
    sentences.map(({ words }) => written(words)).join("\n")
  );
  await writeOnce(`${folder}/brown.txt`, untagged.join("\n"));
  const paragraphs = languages.flatMap(({ paragraphs }) => paragraphs.slice(0, LEARNED_PARAGRAPHS));
  await writeOnce(`${folder}/languages.txt`, paragraphs.join("\n"));
}

/** Writes a file unless it is there: a training may be reading it. */
async function writeOnce(path: string, text: string): Promise<void> {
  if (!await Deno.stat(path).catch(() => undefined)) await Deno.writeTextFile(path, text);
}

/** Trains an encoder on a text, or finds it trained. */
export async function encoder(
  folder: string,
  { text, budget, wikipedia, options }: {
    text: PretrainingText;
    budget: Budget;
    wikipedia: string;
    options?: readonly string[];
  },
): Promise<string> {
  return await pretrained(folder, {
    name: `${text}-${budget.name.toLowerCase()}`,
    data: text === "wikipedia" ? wikipedia : `${folder}/${text}.txt`,
    budget: [`--${budget.unit}`, String(budget.amount)],
    tokenizer: text === "languages" ? "char" : "wordpiece",
    options,
  });
}
