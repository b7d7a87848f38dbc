/**
 * How a model is trained on a CPU, where a small batch is computed about as fast a token as a large one, and more steps learn more.
 *
 * @module
 */

import type { Stage } from "../batch/curriculum.ts";
import type { ModelConfig } from "../model/config.ts";
import type { MuonOptions } from "../optimizer/muon.ts";
import type { Budget, MaskRate } from "./schedule.ts";
import { defaultSettings, MUON_RATE, muonSettings, type TrainingSettings } from "./settings.ts";

/** Fewest tokens of a step: with half as many, as many tokens taught less (bench/RESULTS.md). */
export const FEWEST_TOKENS = 256;

/**
 * The same in long runs, where they teach as much a token and take less time, and with a vocabulary of {@linkcode PIECES}, whose table
 * every step updates (bench/RESULTS.md).
 */
export const FEWEST_OF_LONG = 512;

/** Width of the model for which it was measured how long a run is to be for larger steps. */
export const LONG_WIDTH = 128;

/** Tokens from which on a run is long, at that width: half as many taught less in steps of {@linkcode FEWEST_OF_LONG}. */
export const LONG_RUN = 1_000_000;

/** The same for budgets by the clock: two cores see about as many tokens in it without a BLAS, and with one twice as many. */
export const LONG_MINUTES = 3;

/** Fewest windows of the longest in a step. */
const FEWEST_WINDOWS = 2;

/** Tokens of a step at which Muon's usual rate is best; below, it falls with the root of the step. */
export const USUAL_TOKENS = 512;

/** Fewest updates of Muon's matrices in a run: with fewer, they are updated at every step. */
const FEWEST_UPDATES = 25;

/** The final length for which shorter windows and more masks were measured (bench/RESULTS.md). */
export const CPU_LENGTH = 128;

/** Stages from an eighth of that length on. */
const CPU_STAGES: readonly Stage[] = [
  { length: 16, share: 0.15 },
  { length: 32, share: 0.2 },
  { length: 64, share: 0.25 },
  { length: CPU_LENGTH, share: 0.4 },
];

/** Half of the tokens masked at first: short windows have few contexts, and this makes more of them. */
export const CPU_MASK_RATE: MaskRate = { start: 0.5, end: 0.15 };

/** Tokens from which on a vocabulary is one of pieces of words, each of which is rare, and not of characters. */
export const PIECES = 1024;

/** The embeddings' learning rate with so many tokens, by that of the others: such tables learned more with it (bench/RESULTS.md). */
export const EMBEDDING_RATE = 2;

/** The widest model for which it was measured. */
export const MOST_WIDTH = 256;

/** What of the settings {@linkcode cpuBatch} goes by, and what it sets. */
export type CpuRecipe = Pick<
  TrainingSettings,
  "batchTokens" | "accumulate" | "curriculum" | "learningRate" | "optimizer" | "maskRate" | "maskMode"
>;

/** What of a recipe somebody has chosen, which {@linkcode cpuBatch} leaves as it is. */
export interface ChosenRecipe {
  /** Tokens of a step. */
  readonly batch?: boolean | undefined;
  /** Lengths of windows. */
  readonly curriculum?: boolean | undefined;
  /** The share of tokens that are masked. */
  readonly maskRate?: boolean | undefined;
  /** The learning rate of the embeddings. */
  readonly embeddingRate?: boolean | undefined;
  /** AdamW for all. */
  readonly adamw?: boolean | undefined;
  /** The learning rate of Muon's matrices. */
  readonly muonRate?: number | undefined;
  /** Steps from one update of Muon's matrices to the next. */
  readonly muonEvery?: number | undefined;
}

/**
 * The settings with small batches, at length 128 shorter windows and more masks at first, and Muon for the matrices of the layers
 * as often as its products cost a fifth of a step; undefined for models for which nobody has measured it. Muon's rate falls with the
 * root of the step's tokens below 512; that of the other parameters stays, but for embeddings of 1,024 tokens and more, which have
 * twice as much. `train` of the command line does so for new models on the CPU device.
 *
 * @param options `config`: of the model; `budget`: of the run, by default a long one: shorter ones than a million tokens take smaller steps, and very
 * short ones update all matrices at every step; `chosen`: what stays as it is.
 *
 * @example
 * ```ts
 * import { cpuBatch, defaultSettings, modelConfig } from "@cloze/mlm";
 *
 * const config = modelConfig({ vocab: 70, size: "small" });
 * const budget = { tokens: 500_000 };
 * console.log(cpuBatch(defaultSettings(config), { config, budget })?.batchTokens); // 256
 * ```
 */
export function cpuBatch<Settings extends CpuRecipe>(
  given: Settings,
  { config: { preset, width, vocab = 0 }, budget, chosen = {} }: {
    config: Pick<ModelConfig, "preset" | "width"> & Partial<Pick<ModelConfig, "vocab">>;
    budget?: Budget;
    chosen?: ChosenRecipe;
  },
): Settings | undefined {
  const { learningRate: { schedule, peak }, accumulate } = given;
  if (preset !== "modernbert" || width > MOST_WIDTH || schedule === "noam") return undefined;
  // of AdamW in such masks and lengths nothing was measured
  const settings = chosen.adamw ? given : { ...given, ...masksAndLengths(given, { preset, width, chosen }) };
  const fewest = vocab >= PIECES || isLong(budget, width) ? FEWEST_OF_LONG : FEWEST_TOKENS;
  const longest = Math.max(...settings.curriculum.map(({ length }) => length));
  // batches of a stage's own are chosen as much as those of all
  const batchTokens = chosen.batch || settings.curriculum.some(({ batchTokens }) => batchTokens !== undefined)
    ? settings.batchTokens
    : Math.min(settings.batchTokens, Math.max(fewest, FEWEST_WINDOWS * longest));
  if (chosen.adamw) return { ...settings, batchTokens };
  const stepTokens = accumulate * settings.curriculum.reduce(
    (sum, { share, batchTokens: own = batchTokens }) => sum + share * own,
    0,
  );
  const muon = muonBeside(peak, { width, stepTokens, steps: stepsOf(budget, stepTokens), chosen });
  const embeddings = vocab >= PIECES && !chosen.embeddingRate ? { embeddingRate: EMBEDDING_RATE } : {};
  return { ...settings, batchTokens, optimizer: { ...settings.optimizer, muon, ...embeddings } };
}

/** What is masked, and in how long windows: what is not as usual somebody has chosen, and the two go together. */
function masksAndLengths(
  { curriculum, maskRate, maskMode }: CpuRecipe,
  { preset, width, chosen }: Pick<ModelConfig, "preset" | "width"> & { chosen: ChosenRecipe },
): Pick<CpuRecipe, "curriculum" | "maskRate"> {
  const usual = defaultSettings({ preset, width, length: CPU_LENGTH });
  const isUsual = JSON.stringify([curriculum, maskRate]) === JSON.stringify([usual.curriculum, usual.maskRate]);
  return !isUsual || chosen.curriculum || chosen.maskRate || maskMode !== "token"
    ? { curriculum, maskRate }
    : { curriculum: CPU_STAGES, maskRate: CPU_MASK_RATE };
}

/** Whether a run is long enough for larger steps; it is where nobody knows, and not where steps are counted, which are to stay as they are. */
function isLong(budget: Budget | undefined, width: number): boolean {
  // wider ones were not measured for so long
  if (width > LONG_WIDTH) return false;
  if (budget === undefined) return true;
  if ("minutes" in budget) return budget.minutes >= LONG_MINUTES;
  // `tiny` learned as much by the clock from four times as many on
  return "tokens" in budget && budget.tokens >= LONG_RUN * (LONG_WIDTH / width) ** 2;
}

/** About how many steps a budget has; many where nobody knows. */
function stepsOf(budget: Budget | undefined, stepTokens: number): number {
  if (budget === undefined || "minutes" in budget) return Infinity;
  return "steps" in budget ? budget.steps : budget.tokens / stepTokens;
}

/** Muon's settings beside a rate of the other parameters: its own does not follow it. */
function muonBeside(
  peak: number,
  { width, stepTokens, steps, chosen }: { width: number; stepTokens: number; steps: number; chosen: ChosenRecipe },
): MuonOptions {
  const { every: usual, ...muon } = muonSettings({ width, stepTokens });
  const rate = chosen.muonRate ?? MUON_RATE * Math.min(1, Math.sqrt(stepTokens / USUAL_TOKENS));
  const every = chosen.muonEvery ?? (usual !== undefined && steps >= FEWEST_UPDATES * usual ? usual : 1);
  return { ...muon, relativeRate: rate / peak, ...(every > 1 ? { every } : {}) };
}
