/**
 * How a classifier is trained where nothing is said: by how many examples there are, from eight a class to a hundred thousand.
 *
 * @module
 */

import type { ModelConfig } from "../model/config.ts";
import type { OptimizerOptions } from "../optimizer/optimizer.ts";

/** Every example counts the same, or every class does. */
export type ClassWeighting = "none" | "balanced";
/** How classes are weighed. */
export const classWeightings: readonly ClassWeighting[] = ["none", "balanced"];

/** How a classifier is trained. */
export interface FineTuneSettings {
  /** Steps, unless it stops before. */
  readonly steps: number;
  /** Texts of a step. */
  readonly batch: number;
  /** Peak of the learning rate. */
  readonly learningRate: number;
  /** Share of the steps over which it rises to its peak; then it falls to zero in a straight line. */
  readonly warmup: number;
  /** Steps between two looks at what is held out. */
  readonly evaluateEvery: number;
  /** Looks without a lower loss after which training stops. */
  readonly patience: number;
  /** Seed of the order, of dropout, of what is held out and of the new head. */
  readonly seed: number;
}

/** What may be said of it. */
export type FineTuneOptions =
  & {
    readonly [Key in keyof FineTuneSettings]?: FineTuneSettings[Key] | undefined;
  }
  & {
    /** Passes over the examples, instead of steps. */
    readonly epochs?: number | undefined;
  };

/** Fewest steps, those where looking at what is held out ends them in time, most passes where that takes more, and fewest passes. */
const FEWEST_STEPS = 200;
const FEWEST_WATCHED = 600;
const MOST_EPOCHS = 100;
const FEWEST_EPOCHS = 3;

/** Looks at what is held out, about. */
const LOOKS = 20;

/** Examples below which nothing is held out: too few to say when to stop. */
const FEW = 40;

/** Examples from which a tenth is enough to be held out, of fewer it is a fifth. */
const MANY = 500;

/** Learning rate of BERT-base (Devlin et al., 2019), and its width: narrower models take, and need, larger ones. */
const BASE_RATE = 5e-5;
const BASE_WIDTH = 768;
const LARGEST_RATE = 1e-3;

/** Settings of AdamW: those of BERT's fine-tuning (Devlin et al., 2019). */
export const fineTuneOptimizer: OptimizerOptions = {
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0.01,
  clip: 1,
};

/** Dropout of BERT's architecture, which was made with it; ModernBERT's has none. */
export const BERT_DROPOUT = 0.1;

/** The share that is held out where nothing is said. */
export function validationShare(examples: number): number {
  return examples < FEW ? 0 : examples < MANY ? 0.2 : 0.1;
}

/**
 * Settings for a number of examples that are learned: small sets are gone through often (Mosbach et al., 2021), and more often
 * where others are held out to end it (`isWatched`).
 */
export function fineTuneSettings(
  { examples, width, isWatched = false }: { examples: number; width: number; isWatched?: boolean },
  { epochs, ...options }: FineTuneOptions = {},
): FineTuneSettings {
  const batch = Math.max(1, Math.min(options.batch ?? (examples < MANY ? 16 : 32), examples));
  const epoch = Math.ceil(examples / batch);
  const fewest = isWatched ? FEWEST_WATCHED : FEWEST_STEPS;
  const usual = Math.max(FEWEST_EPOCHS * epoch, Math.min(fewest, MOST_EPOCHS * epoch));
  const steps = Math.max(1, options.steps ?? (epochs === undefined ? usual : Math.round(epochs * epoch)));
  return {
    steps,
    batch,
    learningRate: options.learningRate ?? Math.min(LARGEST_RATE, BASE_RATE * BASE_WIDTH / width),
    warmup: options.warmup ?? 0.1,
    evaluateEvery: options.evaluateEvery ?? Math.max(1, Math.ceil(steps / LOOKS)),
    patience: options.patience ?? 5,
    seed: options.seed ?? 1,
  };
}

/** Learning rate of a step, from 0: up in a straight line, then down to zero. */
export function rateAt(step: number, { steps, warmup, learningRate }: FineTuneSettings): number {
  const rising = Math.max(1, Math.round(warmup * steps));
  return learningRate * Math.min((step + 1) / rising, (steps - step) / Math.max(1, steps - rising + 1), 1);
}

/** Dropout of a model in fine-tuning: its own, or that of its architecture. */
export function fineTuneDropout({ preset, dropout }: Pick<ModelConfig, "preset" | "dropout">): number {
  return dropout > 0 || preset !== "bert" ? dropout : BERT_DROPOUT;
}

/** Weights that let every class count the same, 1 on average over the labels; the rarest seen never weighs without bound. */
export function balancedWeights(counts: readonly number[]): Float32Array<ArrayBuffer> {
  const present = counts.filter((count) => count > 0);
  const total = present.reduce((sum, count) => sum + count, 0);
  return Float32Array.from(counts, (count) => count === 0 ? 0 : total / (present.length * count));
}
