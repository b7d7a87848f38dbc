/**
 * The settings of a run as words for a table, from its config.json.
 *
 * @module
 */

import { counted } from "../sentences/counted.ts";
import { isInput, STANDARD_INPUT } from "../text/standard_input_name.ts";

/** Settings by name, as people read them. */
export type Facts = Readonly<Record<string, string>>;

type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A setting's name as people read it; what --data named is called the corpus wherever it is told. */
const words = (name: string) => name === "data" ? "corpus" : name.replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();

/** Longest value that is shown. */
const LONGEST = 120;

/** Settings of how something is computed, which nobody chose. */
const UNTOLD: ReadonlySet<string> = new Set(["lastLayer"]);

/** What a run was started with; of no config.json nothing. */
export function runFacts(config: unknown): Facts {
  if (!isObject(config)) return {};
  const device = isObject(config.device) ? config.device.description : config.device;
  const parts = [config.text, config.model, config.training, { device, init: config.init }];
  const facts: Record<string, string> = {};
  for (const part of parts) {
    if (isObject(part)) note(facts, "", part);
  }
  return facts;
}

function note(facts: Record<string, string>, before: string, part: Json): void {
  for (const [name, value] of Object.entries(part)) {
    if (UNTOLD.has(name)) continue;
    const label = before === "" ? words(name) : `${before} ${words(name)}`;
    const text = spelled(name, value);
    if (text !== undefined) facts[label] = text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
    else if (isObject(value)) note(facts, label, value);
  }
}

/** A value in words; undefined for what is gone into, or not there. */
function spelled(name: string, value: unknown): string | undefined {
  if (name === "curriculum" && Array.isArray(value)) {
    return value.map(({ length, share, batchTokens }) =>
      `${length}:${Number((100 * share).toPrecision(3))}%` + (batchTokens === undefined ? "" : `@${batchTokens}`)
    ).join(", ");
  }
  const plain = (one: unknown) => typeof one === "string" && isInput(one) ? STANDARD_INPUT : String(one);
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map(plain).join(", ");
  if (isObject(value)) {
    const [[unit, amount] = [], ...rest] = Object.entries(value);
    if (rest.length > 0 || typeof amount !== "number") return undefined;
    return unit === "share" ? `${Number((100 * amount).toPrecision(4))}%` : counted(amount, unit!.replace(/s$/, ""));
  }
  if (value === null || value === undefined || value === "") return undefined;
  if (typeof value !== "number") return plain(value);
  return Number.isInteger(value) ? value.toLocaleString("en") : String(Number(value.toPrecision(4)));
}

/** Share of the budget that is behind; undefined where only the clock on the wall would tell. */
export function shareDone(config: unknown, { step, tokens }: { step: number; tokens: number }): number | undefined {
  const budget = isObject(config) && isObject(config.training) ? config.training.budget : undefined;
  if (!isObject(budget)) return undefined;
  if (typeof budget.tokens === "number") return Math.min(1, tokens / budget.tokens);
  return typeof budget.steps === "number" ? Math.min(1, step / budget.steps) : undefined;
}
