/// <reference lib="dom" />
/**
 * The form in which training is set.
 *
 * @module
 */

import { byId } from "./elements.ts";
import type { TabSettings } from "./messages.ts";

const field = (name: string) =>
  byId<HTMLFormElement>("settings").elements.namedItem(name) as HTMLInputElement | HTMLSelectElement;

/** A number as people write it; NaN where it is none. */
function numberOf(name: string): number {
  const text = field(name).value.trim().replace(",", ".");
  return text === "" ? NaN : Number(text);
}

/** Tokens of a vocabulary that is not asked for. */
const CHARACTERS = 2000;

/** What the form says; what is wrong with it is found out by whoever uses it. */
export function chosenSettings(): TabSettings {
  const choice = (name: string) => field(name).value as never;
  const rate = field("learningRate").value.trim() === "" ? undefined : numberOf("learningRate");
  return {
    device: choice("device"),
    size: choice("size"),
    vocabulary: choice("vocabulary"),
    // of no use to characters, whatever stands there
    vocabularySize: field("vocabulary").value === "char" ? CHARACTERS : numberOf("vocabularySize"),
    budget: field("unit").value === "steps" ? { steps: numberOf("amount") } : { minutes: numberOf("amount") },
    length: numberOf("length"),
    batchTokens: numberOf("batchTokens"),
    learningRate: rate,
    seed: numberOf("seed"),
  };
}

/** Shows the settings of a run that was loaded. */
export function showSettings({ budget, learningRate, ...settings }: TabSettings): void {
  for (const [name, value] of Object.entries(settings)) field(name).value = String(value);
  const [unit, amount] = "steps" in budget ? ["steps", budget.steps] : ["minutes", budget.minutes];
  field("unit").value = String(unit);
  field("amount").value = String(amount);
  field("learningRate").value = learningRate === undefined ? "" : String(learningRate);
}

/** Whether the settings may be changed. */
export function lockSettings(isLocked: boolean): void {
  for (const input of byId<HTMLFormElement>("settings").elements) (input as HTMLInputElement).disabled = isLocked;
}
