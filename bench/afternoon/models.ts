/**
 * Which encoders are compared, and the texts that they are trained on.
 *
 * @module
 */

import { type BrownText, type Declaration, written } from "./data.ts";
import { pretrained } from "./pretrain.ts";

/** Tokens of the trainings: about one minute and five on two cores. */
export const budgets = { "0.6M": 600_000, "3M": 3_000_000 } as const;
/** Tokens of a training, as they are called. */
export type Budget = keyof typeof budgets;

/** A text that encoders are trained on. */
export type PretrainingText = "brown" | "wikipedia" | "languages";

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
    name: `${text}-${budget.toLowerCase()}`,
    data: text === "wikipedia" ? wikipedia : `${folder}/${text}.txt`,
    tokens: budgets[budget],
    tokenizer: text === "languages" ? "char" : "wordpiece",
    options,
  });
}
