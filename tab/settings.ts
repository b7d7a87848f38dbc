/**
 * The settings that a visitor chooses: what is right of each, and what the library makes of them.
 *
 * @module
 */

import type { DeviceChoice, TrainingSettings } from "../mod.ts";
import type { TabSettings } from "./messages.ts";

/** A number that is to be chosen: its name for people, and its bounds. */
interface Bounds {
  readonly name: string;
  readonly least: number;
  readonly most: number;
  readonly isWhole?: boolean;
}

const bounds = {
  minutes: { name: "Minutes", least: 0.05, most: 1440 },
  steps: { name: "Steps", least: 1, most: 10_000_000, isWhole: true },
  vocabularySize: { name: "Tokens of the vocabulary", least: 100, most: 30_000, isWhole: true },
  length: { name: "Final window length", least: 8, most: 512, isWhole: true },
  batchTokens: { name: "Tokens of a step", least: 16, most: 65_536, isWhole: true },
  learningRate: { name: "The learning rate", least: 1e-6, most: 1 },
  seed: { name: "The seed", least: 0, most: 2 ** 32 - 1, isWhole: true },
} as const satisfies Record<string, Bounds>;

function problemOf(value: unknown, { name, least, most, isWhole = false }: Bounds): string | undefined {
  const isRight = typeof value === "number" && value >= least && value <= most && (!isWhole || Number.isInteger(value));
  const kind = isWhole ? "a whole number" : "a number";
  const [low, high] = [least, most].map((bound) => bound.toLocaleString("en", { maximumFractionDigits: 6 }));
  return isRight ? undefined : `${name} must be ${kind} from ${low} to ${high}`;
}

const choices = {
  device: ["auto", "webgpu", "cpu"],
  size: ["tiny", "small"],
  vocabulary: ["char", "wordpiece", "bpe"],
} as const;

/** What is wrong with settings, as a sentence; undefined: nothing. */
export function settingsProblem(settings: TabSettings): string | undefined {
  for (const [name, allowed] of Object.entries(choices)) {
    const value: string = settings[name as keyof typeof choices];
    if (!(allowed as readonly string[]).includes(value)) return `There is no ${name} called ${value}`;
  }
  const { budget, learningRate, vocabulary } = settings;
  const [unit, amount] = "minutes" in budget ? ["minutes", budget.minutes] as const : ["steps", budget.steps] as const;
  const wanted = [
    "length",
    "batchTokens",
    "seed",
    ...(vocabulary === "char" ? [] : ["vocabularySize"] as const),
  ] as const;
  const problem = problemOf(amount, bounds[unit]) ??
    (learningRate === undefined ? undefined : problemOf(learningRate, bounds.learningRate)) ??
    wanted.map((name) => problemOf(settings[name], bounds[name])).find((problem) => problem !== undefined);
  if (problem) return problem;
  if (settings.batchTokens < settings.length) {
    return `A step of ${settings.batchTokens} tokens has no room for a window of ${settings.length}`;
  }
  return undefined;
}

/** The options of train() that follow from settings, for a model of a width. */
export function trainingOptions(
  settings: TabSettings,
  defaults: Omit<TrainingSettings, "budget">,
): Omit<TrainingSettings, "budget"> {
  const { learningRate, batchTokens, seed } = settings;
  return {
    ...defaults,
    batchTokens,
    seed,
    ...(learningRate === undefined ? {} : { learningRate: { ...defaults.learningRate, peak: learningRate } }),
    evaluateEvery: { share: 0.1 },
    sampleEvery: { share: 0.1 },
    saveEvery: { share: 0.25 },
  };
}

/** Names of devices for people. */
export const deviceNames: Readonly<Record<DeviceChoice, string>> = {
  auto: "chosen automatically",
  webgpu: "WebGPU",
  cpu: "WebAssembly",
};
