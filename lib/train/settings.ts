/**
 * The settings of a training run and their defaults.
 *
 * @module
 */

import { defaultCurriculum, type Stage } from "../batch/curriculum.ts";
import type { MaskMode, MaskRule } from "../batch/masking.ts";
import type { ViewKind } from "../batch/views.ts";
import type { PackMode } from "../batch/block.ts";
import type { AttentionGrowth } from "../batch/pieces.ts";
import type { Preset } from "../model/config.ts";
import type { LastLayer, Model } from "../model/model.ts";
import type { MuonOptions } from "../optimizer/muon.ts";
import type { OptimizerOptions } from "../optimizer/optimizer.ts";
import type { Ranks } from "../mpi/ranks.ts";
import type { WirePrecision } from "../mpi/wire_precision.ts";
import type { Corpus } from "../text/corpus.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { TrainingState } from "./events.ts";
import { FORWARD_SHARE } from "./step_cost.ts";
import { type Budget, type LearningRate, type MaskRate, type PlannedStage, planStages, type Span } from "./schedule.ts";

/** How texts are compared, two views of each with those of the others of a batch. */
export interface ContrastiveSettings {
  /** What cosines are divided by before the softmax. */
  readonly temperature: number;
  /** What the views of a text are; those of a corpus of pairs are its pairs. */
  readonly views: ViewKind;
}

/** Settings of a training run; all but the budget have defaults. */
export interface TrainingSettings {
  /** How long to train. */
  readonly budget: Budget;
  /** Stages of rising length. */
  readonly curriculum: readonly Stage[];
  /** Tokens of a batch. */
  readonly batchTokens: number;
  /** Batches of a step. */
  readonly accumulate: number;
  /** Compute a layer's activations anew for its gradient instead of keeping them. Default: false. */
  readonly recompute?: boolean | undefined;
  /**
   * Take each batch of a step for a tile, whose gradients are added to those of the others in one order, whoever computes them: any
   * number of ranks gives the same losses. Several ranks always do. Default: false.
   */
  readonly tiles?: boolean | undefined;
  /** How gradients travel between ranks. Default: "f32". */
  readonly gradientPrecision?: WirePrecision | undefined;
  /** Steps after which the weights of ranks are brought together, which train on their own in between. Default: 1. */
  readonly syncEvery?: number | undefined;
  /** How windows are filled. */
  readonly pack: PackMode;
  /** Compare texts instead of predicting masked tokens: see {@linkcode contrastive}. Default: tokens are predicted. */
  readonly contrastive?: ContrastiveSettings | undefined;
  /** Share of tokens that are masked. */
  readonly maskRate: MaskRate;
  /** How far the rates of a batch's windows lie apart, in [0, 1]: see {@linkcode windowRates}. Default: 0, the same for all. */
  readonly maskSpread?: number | undefined;
  /** How far attention sees at the beginning, and until when it grows to whole windows. Default: whole windows from the start. */
  readonly attention?: AttentionGrowth | undefined;
  /** How masked tokens are replaced. */
  readonly maskRule: MaskRule;
  /** What is selected: tokens, whole words or spans; validation always masks tokens. */
  readonly maskMode: MaskMode;
  /** Words that are never masked. */
  readonly neverMask: readonly string[];
  /** Learning rate over training. */
  readonly learningRate: LearningRate;
  /** Constants of AdamW, or with `muon` of Muon, and the clipping norm. */
  readonly optimizer: OptimizerOptions;
  /**
   * Factor of the initial weights of products that end a block, with which the model was made: training only notes it, as
   * createModel() takes it. Default: 1.
   */
  readonly outputInit?: number | undefined;
  /** What the last layer is computed for: see {@linkcode BatchShape.lastLayer}. Default: "masked". */
  readonly lastLayer?: LastLayer | undefined;
  /** Seed of shuffling, masking and dropout. */
  readonly seed: number;
  /** When to validate; it also happens at the end. */
  readonly evaluateEvery: Span;
  /**
   * Most tokens of the validation text to use. Default: 32,768, or that halved until all validations together cost a tenth of
   * the run at most.
   */
  readonly evaluateTokens?: number | undefined;
  /** When to hand out a state to save; it also happens at the end. */
  readonly saveEvery: Span;
  /** When to show predictions. */
  readonly sampleEvery: Span;
}

/** Options of train(). */
export interface TrainOptions extends Partial<TrainingSettings> {
  /** The model; its weights change. */
  model: Model;
  /** Text to train on and to validate on. */
  corpus: Corpus;
  /** Turns text into ids. */
  tokenizer: Tokenizer;
  /** How long to train. */
  budget: Budget;
  /** Processes that train together. Default: this one alone. */
  ranks?: Ranks | undefined;
  /**
   * Gradients at least that ranks add up at a time, while the device computes the next ones; infinitely many: all of them, when
   * they are there. It changes no result. Default: an eighth of them, between 2²⁰ and 2²¹.
   */
  gradientBucket?: number | undefined;
  /** Goes on from here. Default: from the start. */
  resume?: TrainingState | undefined;
  /** Runs and notes what the host does beside giving the device its work, by a name. Default: it is only run. */
  during?: (<T>(name: string, work: () => Promise<T>) => Promise<T>) | undefined;
  /**
   * Saves a state. On a device that works while the host does something else, training goes on meanwhile; one state is saved at a time,
   * and the event `checkpoint` comes when it was. Default: whoever iterates saves it at the event.
   */
  keep?: ((state: TrainingState) => Promise<void>) | undefined;
  /** When aborted, the step under way is finished, a last checkpoint is yielded and training ends. */
  signal?: AbortSignal | undefined;
}

/** Tokens that validation reads where nothing else is said. */
export const EVALUATION_TOKENS = 32_768;

/** Share of a run that validation may cost. */
const EVALUATION_SHARE = 0.1;

/** Tokens of a validation by default, for a run of so many tokens that validates so often. */
export function defaultEvaluateTokens({ trainTokens, every, steps }: {
  trainTokens: number;
  every: Span;
  steps: number;
}): number {
  const affordable = EVALUATION_SHARE / (1 - EVALUATION_SHARE) * trainTokens / FORWARD_SHARE;
  return halvedTo(affordable / validationsOf({ every, steps }));
}

/** The same for a run by the clock, of so many seconds of which some went into validation, by what a token of it takes. */
export function clockEvaluateTokens({ seconds, spent, tokenSeconds, every, steps }: {
  seconds: number;
  spent: number;
  tokenSeconds: number;
  every: Span;
  steps: number;
}): number {
  const affordable = Math.max(0, EVALUATION_SHARE * seconds - spent) / Math.max(1e-12, tokenSeconds);
  // in larger leaps, for two runs never have quite the same speed
  return halvedTo(affordable / validationsOf({ every, steps }), 2);
}

const validationsOf = ({ every, steps }: { every: Span; steps: number }) =>
  "share" in every ? 1 / every.share : Math.max(1, steps / every.steps);

/** So many tokens at most, halved once or twice from the usual number on: what differs a little gives the same. */
function halvedTo(most: number, leap = 1): number {
  const halvings = leap * Math.ceil(Math.log2(EVALUATION_TOKENS / most) / leap - 1e-9);
  return Math.max(1, EVALUATION_TOKENS / 2 ** Math.max(0, halvings));
}

/** Tokens that each validation reads; undefined where only the run's speed will tell, with a budget by the clock. */
export function plannedEvaluateTokens(settings: TrainingSettings): number | undefined {
  const planned = settings.evaluateTokens ?? usualEvaluateTokens(settings);
  // texts are compared with those of a whole batch
  return planned &&
    Math.max(planned, settings.contrastive ? settings.curriculum.at(-1)!.batchTokens ?? settings.batchTokens : 1);
}

function usualEvaluateTokens(settings: TrainingSettings): number | undefined {
  const stages = planStages(settings);
  if (stages.some(({ steps }) => steps === undefined)) return undefined;
  const sum = (count: (stage: PlannedStage) => number) => stages.reduce((total, stage) => total + count(stage), 0);
  return defaultEvaluateTokens({
    trainTokens: sum(({ steps, tokens }) => steps! * tokens),
    every: settings.evaluateEvery,
    steps: sum(({ steps }) => steps!),
  });
}

/** Muon's rate, whatever the width: a step's size does not depend on it. */
export const MUON_RATE = 0.01;

/** Most steps from one update of Muon's matrices to the next by default: with 8 less was learned (bench/RESULTS.md). */
export const MOST_EVERY = 4;

/**
 * Muon's settings for a model of the given width: a rate of 0.01 beside AdamW's default, or of half as much where norms come after the
 * blocks.
 *
 * @param options `stepTokens`: tokens of a step; matrices are updated so seldom that the products for it, 1.7 · width / tokens of a
 * step, cost a fifth of the steps, but every fourth step at least. Default: at every step.
 */
export function muonSettings({ width, stepTokens }: { width: number; stepTokens?: number | undefined }): MuonOptions {
  const settings: MuonOptions = { relativeRate: 5 * Math.sqrt(width / 128), momentum: 0.95 };
  const every = stepTokens === undefined ? 1 : Math.min(MOST_EVERY, Math.round(8.5 * width / stepTokens));
  return every > 1 ? { ...settings, every } : settings;
}

/** Defaults for a model of the given width, trained to the given final length. */
export function defaultSettings(
  { preset, width, length }: { preset: Preset; width: number; length?: number | undefined },
): Omit<TrainingSettings, "budget"> {
  // wider models want smaller steps; norms after the blocks are the more delicate arrangement (Xiong et al., 2020)
  const peak = (preset === "bert" ? 1e-3 : 2e-3) * Math.sqrt(128 / width);
  const settings: Omit<TrainingSettings, "budget"> = {
    curriculum: defaultCurriculum(length),
    batchTokens: 1024,
    accumulate: 1,
    pack: "none",
    maskRate: { start: 0.4, end: 0.15 },
    maskRule: "bert",
    maskMode: "token",
    neverMask: [],
    lastLayer: "masked",
    learningRate: { peak, schedule: "linear", warmup: { share: 0.05 } },
    optimizer: { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0.01, clip: 1 },
    seed: 1,
    evaluateEvery: { share: 0.1 },
    saveEvery: { share: 0.1 },
    sampleEvery: { share: 0.2 },
  };
  if (preset !== "labml") return settings;
  // labml.ai's numbers: batches of 64 windows of 32, Adam without decay, noam with 2,000 steps of warm-up
  return {
    ...settings,
    curriculum: [{ length: length ?? 32, share: 1 }],
    batchTokens: 2048,
    maskRate: { start: 0.15, end: 0.15 },
    maskRule: "labml",
    learningRate: { peak: 1, schedule: "noam", warmup: { steps: 2000 } },
    optimizer: { ...settings.optimizer, beta2: 0.999, weightDecay: 0 },
  };
}
