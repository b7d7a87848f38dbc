/**
 * A run of training: the library's events as lines for the page, with what was asked meanwhile answered in between.
 *
 * @module
 */

import { defaultSettings, type SampleToken, train, type TrainEvent, type TrainingSettings } from "../mod.ts";
import type { TrainingState, ValidationRecord } from "../mod.ts";
import type { Corpus } from "../text.ts";
import type { TabEvent, TabNote, TabSettings } from "./messages.ts";
import type { PlacedModel } from "./new_models.ts";
import { trainingOptions } from "./settings.ts";

/** What is kept of a run. */
export interface RunResult {
  /** Its settings and its text. */
  readonly note: TabNote;
  /** Where it is. */
  readonly state: TrainingState;
  /** Whether all of its budget is used. */
  readonly isFinished: boolean;
  /** Its validations. */
  readonly curve: readonly ValidationRecord[];
}

/** Options of {@linkcode runTraining}. */
export interface RunOptions {
  /** The model to train. */
  readonly placed: PlacedModel;
  /** The text. */
  readonly corpus: Corpus;
  /** Settings and text of the run. */
  readonly note: TabNote;
  /** What was done of it before. */
  readonly before: RunResult | undefined;
  /** Ends it after the step under way. */
  readonly signal: AbortSignal;
  /** Is told what happens. */
  readonly tell: (event: TabEvent) => void;
  /** Is called when the first step is about to be made: nothing is wrong with text and settings. */
  readonly begun: () => void;
  /** Is called with each checkpoint. */
  readonly keep: (result: RunResult) => void;
  /** Is awaited between two events: the model may be used. */
  readonly between: () => Promise<void>;
}

/** Milliseconds between two messages about steps. */
const TELL_EVERY = 150;

/** The library's settings of a run; runs of before did not note what their last layer was computed for. */
export function settingsOf({ settings, lastLayer = "whole" }: TabNote, { model }: PlacedModel): TrainingSettings {
  const { preset, width } = model.config;
  const defaults = defaultSettings({ preset, width, length: settings.length });
  return { ...trainingOptions(settings, defaults), budget: settings.budget, lastLayer };
}

/** Trains until the budget is used, or the signal comes. */
export async function runTraining(options: RunOptions): Promise<void> {
  const { placed, corpus, note, before, signal, tell } = options;
  const { model, tokenizer } = placed;
  const { settings } = note;
  const curve = [...before?.curve ?? []];
  const lines = lineTeller(tell, doneOf(settings, before));
  const resume = before?.state;
  for await (
    const event of train({ ...settingsOf(note, placed), model, corpus, tokenizer, resume, signal })
  ) {
    if (event.kind === "phase") {
      lines.flush();
      if (event.phase === "training") options.begun();
      tell({ kind: "phase", phase: event.phase });
    }
    if (event.kind === "validation") curve.push(event);
    if (event.kind === "checkpoint") {
      const isFinished = "steps" in settings.budget ? event.state.step >= settings.budget.steps : !signal.aborted;
      options.keep({ note, state: event.state, isFinished, curve: [...curve] });
    }
    lines.add(event);
    await options.between();
  }
  lines.flush();
}

/** The share of a budget that is behind. */
function doneOf({ budget }: TabSettings, before: RunResult | undefined): (step: number) => number {
  const begin = performance.now() - 1000 * (before?.state.elapsed ?? before?.state.seconds ?? 0);
  return (step) =>
    Math.min(1, "steps" in budget ? step / budget.steps : (performance.now() - begin) / (60_000 * budget.minutes));
}

/** Gathers events as lines, so that the page is not told of every step by itself. */
function lineTeller(tell: (event: TabEvent) => void, doneAt: (step: number) => number) {
  let [metrics, samples]: [string[], string[]] = [[], []];
  let [last, step] = [performance.now(), 0];
  const flush = () => {
    if (metrics.length + samples.length > 0) tell({ kind: "lines", metrics, samples, done: doneAt(step) });
    [metrics, samples, last] = [[], [], performance.now()];
  };
  return {
    flush,
    add(event: TrainEvent) {
      if (event.kind === "samples") {
        samples.push(JSON.stringify({ step: event.step, samples: event.samples.map((all) => all.map(noted)) }));
      } else if (["train", "validation", "skipped", "spike"].includes(event.kind)) {
        if (event.kind === "train") step = event.step;
        metrics.push(JSON.stringify(event));
      }
      if (performance.now() - last > TELL_EVERY) flush();
    },
  };
}

/** A token as the page of runs reads it: as it stands there, or with what was predicted and what else could be. */
function noted({ token, predicted, candidates = [] }: SampleToken): unknown {
  if (predicted === undefined) return token;
  return [token, predicted, candidates.map(({ token, probability }) => [token, Number(probability.toPrecision(3))])];
}
