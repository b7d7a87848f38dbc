/**
 * What training a classifier of texts and one of words have in common: classes, what is held out, weights, and the training.
 *
 * @module
 */

import type { TextModel } from "../evaluate/text_model.ts";
import { type Classes, classesOf } from "../labelled/classes.ts";
import type { ClassificationConfig, ClassifierPool } from "../model/config.ts";
import { counted } from "../sentences/counted.ts";
import { conflictNote, groupsOf } from "../labelled/equal_items.ts";
import { beginOutput } from "./begin_output.ts";
import { type Example, type Piece, piecesKey } from "./examples.ts";
import { type Examples, fineTune, type FineTuneCourse, type FineTuneEvent } from "./fine_tune.ts";
import { type FineTuneProgress, type FineTuneState, printOf } from "./fine_tune_state.ts";
import {
  balancedWeights,
  type ClassWeighting,
  fineTuneDropout,
  type FineTuneOptions,
  type FineTuneSettings,
  fineTuneSettings,
  validationShare,
} from "./settings.ts";
import { splitExamples } from "./split.ts";
import { withNewHead } from "./start.ts";

/** Training begins: what of, and how. */
export interface TrainingBegins {
  /** Which event it is. */
  readonly kind: "begin";
  /** Texts, or sentences, that are learned. */
  readonly examples: number;
  /** Texts, or sentences, that are held out. */
  readonly heldOut: number;
  /** The classes. */
  readonly classes: Classes;
  /** How it is trained. */
  readonly settings: FineTuneSettings;
  /** Where it goes on; undefined: at the beginning. */
  readonly from?: Pick<FineTuneState, "step" | "looks"> | undefined;
}

/** The last product of a new head is being fitted to words, before any step. */
export interface HeadFitting {
  /** Which event it is. */
  readonly kind: "head";
  /** How far it is, from 0 to 1. */
  readonly share: number;
}

/** What is heard of the training of a classifier. */
export type ClassifierEvent = TrainingBegins | HeadFitting | FineTuneEvent;

/** Options of training a classifier. */
export type ClassifierOptions = FineTuneOptions & {
  /**
   * Share of the examples that is held out, to stop when it is told no better. Default: none of fewer than 40, a fifth of fewer
   * than 500, otherwise a tenth.
   */
  readonly validation?: number | undefined;
  /**
   * Whether every example counts the same, or every class.
   *
   * @default {"none"}
   */
  readonly classWeights?: ClassWeighting | undefined;
  /** Most tokens of a text. Default: the model's longest. */
  readonly longest?: number | undefined;
  /** Share of the activations that is dropped. Default: the model's own; of BERT's without any 0.1. */
  readonly dropout?: number | undefined;
  /** How ModernBERT makes a vector of a text. Default: the mean of its tokens. */
  readonly pool?: ClassifierPool | undefined;
  /** Ends training after the step under way, with the weights that were best until then. */
  readonly signal?: AbortSignal | undefined;
  /** Where the same training, with the same examples and options, goes on. Default: from the beginning. */
  readonly from?: FineTuneState | undefined;
  /** Is shown the progress after each look, about 20 times in all, to keep its state if it likes; training waits for it. */
  readonly keep?: ((progress: FineTuneProgress) => Promise<void>) | undefined;
  /** Is told what happens. */
  readonly hear?: ((event: ClassifierEvent) => void) | undefined;
  /** Is told what the user should know of the data. */
  readonly note?: ((sentence: string) => void) | undefined;
};

/** A text or sentence in pieces, with the names of its classes. */
export interface NamedExample {
  /** Its pieces. */
  readonly pieces: readonly Piece[];
  /** Class of the text, or of each of its words, in the order of the pieces' rows. */
  readonly labels: readonly string[];
}

/** What came of a training. */
export interface TrainedHead {
  /** The model, on the device of the one that it began with. */
  readonly model: TextModel;
  /** How it was trained. */
  readonly settings: FineTuneSettings;
  /** Steps that were done. */
  readonly steps: number;
  /** The step whose weights the model has: that of the best look, without any the last one. */
  readonly bestStep: number;
  /** Texts or sentences that were learned. */
  readonly examples: number;
  /** Whether it was ended by its signal, before its last step. */
  readonly isInterrupted: boolean;
  /** Numbers of those that were held out, to be measured; none after an interrupt, for who interrupts does not wait for it. */
  readonly heldOut: readonly number[];
}

/** Longest text where nothing is said. */
export function longestOf({ model: { config: { maxLength } } }: TextModel, longest: number | undefined): number {
  if (longest === undefined) return maxLength;
  if (!Number.isInteger(longest) || longest < 3 || longest > maxLength) {
    throw new RangeError(
      `Cannot read texts of ${longest} tokens: it must be a whole number from 3 to the model's longest, ${maxLength}`,
    );
  }
  return longest;
}

/**
 * Trains a new head and all below it.
 *
 * @throws {RangeError} for fewer than two classes, or a loss that is not finite.
 */
export async function trainHead(
  base: TextModel,
  named: readonly NamedExample[],
  { of, options }: { of: ClassificationConfig["of"]; options: ClassifierOptions },
): Promise<TrainedHead> {
  const { hear, note, pool = "mean", classWeights = "none", seed = 1 } = options;
  const what = of === "text" ? "text" : "word";
  const classes = classesOf(labelsIn(named), { what });
  for (const sentence of classes.notes) note?.(sentence);
  const share = options.validation ?? validationShare(named.length);
  if (!(share >= 0 && share < 1)) {
    throw new RangeError(`Cannot hold a share of ${share} out: it must be at least 0 and below 1`);
  }
  const numbers = new Map(classes.names.map((name, i) => [name, i]));
  // sentences are held out as they come, for their words are of many classes
  const strata = named.map(({ labels }) => of === "text" ? numbers.get(labels[0]!)! : 0);
  const groups = groupsOf(named.map(({ pieces }) => piecesKey(pieces)));
  const conflict = of === "text" ? conflictNote(groups, named.map(({ labels }) => labels[0]!)) : undefined;
  if (conflict !== undefined) note?.(conflict);
  const { training, validation } = splitExamples(strata, { share, seed, groups });
  if (share > 0 && validation.length === 0) {
    const different = counted(new Set(groups).size, of === "text" ? "different text" : "different sentence");
    const why = of === "text" && new Set(groups).size <= classes.names.length
      ? `of ${different} none is held out, for each is the only one of its class`
      : `${different} are too few to hold any out`;
    note?.(`${why}; training goes on to its end`);
  }
  const weights = classWeights === "balanced" ? balancedWeights(classes.counts) : undefined;
  const examples = (indices: readonly number[]) =>
    indices.flatMap((i) => numbered(named[i]!, { numbers, weights, isText: of === "text" }));
  const dropout = options.dropout ?? fineTuneDropout(base.model.config);
  const head = { of, classes: classes.names, pool, dropout };
  const known = { examples: training.length, width: base.model.config.width, isWatched: validation.length > 0 };
  const settings = fineTuneSettings(known, { ...options, seed });
  const split = { training: examples(training), validation: examples(validation) };
  const course = await courseOf(options, split, { settings, head, config: base.model.config });
  const { from } = course;
  let [steps, best] = [from?.step ?? 0, from?.looks.best ?? 0];
  hear?.({ kind: "begin", examples: training.length, heldOut: validation.length, classes, settings, from });
  const model = await withNewHead(base, { head, dropout, seed });
  try {
    const isFitted = of === "token" || classes.names.length > MOST_FROM_NOTHING;
    if (isFitted && !from) await fitOutput(model, split.training, { seed, weights, options });
    const events = fineTune(model, split, settings, course);
    for await (const event of events) {
      hear?.(event);
      steps = event.step;
      if (event.kind === "validation" && event.isBest) best = steps;
    }
    const isAborted = options.signal?.aborted ?? false;
    const isInterrupted = isAborted && steps < settings.steps;
    return {
      ...{ model, settings, steps, bestStep: best > 0 ? best : steps, isInterrupted, examples: training.length },
      heldOut: isAborted ? [] : validation,
    };
  } catch (error) {
    model.model.destroy();
    throw error;
  }
}

/**
 * Classes of texts up to which the last product begins at random. A regression on few texts of two classes costs more than it brings;
 * of many classes each has too few texts for the steps to learn it from nothing: bench/RESULTS.md.
 */
const MOST_FROM_NOTHING = 10;

/** Begins with a fitted product, unless training is ended before. */
async function fitOutput(
  model: TextModel,
  training: readonly Example[],
  { seed, weights, options: { hear, signal } }: {
    seed: number;
    weights: Float32Array | undefined;
    options: ClassifierOptions;
  },
): Promise<void> {
  try {
    const progress = (share: number) => {
      signal?.throwIfAborted();
      hear?.({ kind: "head", share });
    };
    await beginOutput(model, training, { seed, weights, progress });
  } catch (error) {
    if (!signal?.aborted || error !== signal.reason) throw error;
  }
}

/** The course that options ask for; of what is kept the examples' print is needed. */
async function courseOf(
  { signal, from, keep }: ClassifierOptions,
  { training, validation }: Examples,
  about: unknown,
): Promise<FineTuneCourse> {
  if (!from && !keep) return { signal };
  const print = await printOf([...training, ...validation], [training.length, about]);
  if (from && from.print !== print) {
    throw new RangeError(
      "Cannot go on with the training: its examples, its options, by this version's defaults, or its model are not those that it " +
        "began with; begin it anew",
    );
  }
  return { signal, from, keep, print };
}

function* labelsIn(named: readonly NamedExample[]): Generator<string> {
  for (const { labels } of named) yield* labels;
}

/** Pieces with the numbers of their classes; the pieces of a text together count as much as one that is whole. */
function numbered(
  { pieces, labels }: NamedExample,
  { numbers, weights, isText }: {
    numbers: ReadonlyMap<string, number>;
    weights: Float32Array | undefined;
    isText: boolean;
  },
): Example[] {
  let at = 0;
  return pieces.map((piece) => {
    const own = isText ? [labels[0]!] : labels.slice(at, at += piece.rows!.length);
    const classes = Uint32Array.from(own, (label) => numbers.get(label)!);
    const factor = isText ? 1 / pieces.length : 1;
    return { ...piece, labels: classes, weights: Float32Array.from(classes, (c) => factor * (weights?.[c] ?? 1)) };
  });
}
