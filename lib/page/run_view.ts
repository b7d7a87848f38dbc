/**
 * A run as a page shows it, gathered from the lines of its files.
 *
 * @module
 */

import { objectOf } from "../sentences/json_line.ts";
import { type Facts, runFacts, shareDone } from "./run_facts.ts";
import { endingOf, type RunEnding, type RunState, runState } from "./run_state.ts";
import { createSeries, type Series, type SeriesPart, type SeriesPlace } from "./series.ts";

/** Samples at one step: a token as it reads, or with what was predicted in its place. */
export interface StepSamples {
  /** Steps done. */
  readonly step: number;
  /** Tokens of each sample. */
  readonly samples: readonly (readonly SampleEntry[])[];
}

/** A token of a sample: as it reads; where it was masked with what was predicted, and the candidates where they are known. */
export type SampleEntry = string | readonly [token: string, predicted: string, candidates?: readonly Candidate[]];

/** What could stand there, and how probable that is. */
export type Candidate = readonly [token: string, probability: number];

/** Samples that are new, and which are shown. */
export interface SamplesPart {
  /** Steps whose samples are shown, in order. */
  readonly steps: readonly number[];
  /** Samples of those steps that were not told before. */
  readonly told: readonly StepSamples[];
}

/** What is told of a run: all of it, or what is new. */
export interface RunMessage {
  /** Its path. */
  readonly id: string;
  /** Its folder's name. */
  readonly name: string;
  /** What it does. */
  readonly state: RunState;
  /** Share of the budget that is behind, where it is known. */
  readonly done?: number | undefined;
  /** Its settings. */
  readonly facts: Facts;
  /** The best validation so far. */
  readonly best?: { readonly step: number; readonly loss: number; readonly accuracy: number } | undefined;
  /** Steps that were skipped, and losses that leapt up. */
  readonly incidents: { readonly skipped: number; readonly spikes: number };
  /** Its steps. */
  readonly train?: SeriesPart | undefined;
  /** Its validations. */
  readonly validation?: SeriesPart | undefined;
  /** Its samples, where they changed. */
  readonly samples?: SamplesPart | undefined;
}

/** How much of a run was told. */
export interface RunPlace {
  readonly made: number;
  readonly train: SeriesPlace;
  readonly validation: SeriesPlace;
  readonly changes: number;
  readonly samples: number;
}

/** A run that is being looked at. */
export interface RunView {
  /** Takes a line of metrics.jsonl. */
  metric(line: string): void;
  /** Takes a line of samples.jsonl. */
  sample(line: string): void;
  /** Takes its config.json. */
  configure(config: unknown): void;
  /** Says whether a process trains it, and the steps of its latest checkpoint. */
  setRunning(isRunning: boolean, checkpoint?: number): void;
  /** Forgets its steps, for its metrics were written anew. */
  forgetMetrics(): void;
  /** Forgets its samples. */
  forgetSamples(): void;
  /** What is new since a place, and the place after it; undefined: nothing. */
  since(place: RunPlace | undefined): { message: RunMessage; place: RunPlace } | undefined;
}

const clock = {
  step: { of: "step", keeps: "last" },
  tokens: { of: "tokens", keeps: "last" },
  seconds: { of: "seconds", keeps: "last" },
  length: { of: "length", keeps: "last" },
} as const;

const trainShape = {
  ...clock,
  maskRate: { of: "maskRate", keeps: "last" },
  loss: { of: "loss", keeps: "mean" },
  lossLow: { of: "loss", keeps: "low" },
  lossHigh: { of: "loss", keeps: "high" },
  accuracy: { of: "accuracy", keeps: "mean" },
  learningRate: { of: "learningRate", keeps: "last" },
  gradientNorm: { of: "gradientNorm", keeps: "mean" },
  tokensPerSecond: { of: "tokensPerSecond", keeps: "mean" },
} as const;

const validationShape = {
  ...clock,
  loss: { of: "loss", keeps: "mean" },
  accuracy: { of: "accuracy", keeps: "mean" },
  deviceBytes: { of: "deviceBytes", keeps: "high" },
  residentBytes: { of: "residentBytes", keeps: "high" },
} as const;

/** Steps whose samples are shown. */
const MOST_SAMPLES = 60;
/** Candidates that are shown of a token. */
const MOST_CANDIDATES = 10;

let made = 0;

/** What is known of a run before anything is read. */
export function createRunView(id: string, name: string): RunView {
  let [train, validation] = newCurves();
  let samples: (StepSamples & { readonly change: number })[] = [];
  let config: unknown;
  let signs = { isRunning: false, checkpoint: undefined as number | undefined };
  let ending: RunEnding | undefined;
  let best: RunMessage["best"];
  let incidents = { skipped: 0, spikes: 0 };
  let last = { step: 0, tokens: 0 };
  // a number that tells curves that were begun anew from those before
  let [number, changes, sampleChanges] = [++made, 1, 1];
  const stateNow = (done: number | undefined): RunState =>
    runState({ isRunning: signs.isRunning, ending, done, isKept: (signs.checkpoint ?? -1) >= last.step });
  return {
    metric(line) {
      const point = objectOf(line);
      if (!point || !(Number(point.step) >= 0)) return;
      const numbers = withNumbers(point);
      const endingNow = endingOf(point);
      if (endingNow !== ending) changes++;
      ending = endingNow;
      if (point.kind === "train") {
        train.add(numbers);
        last = { step: numbers.step!, tokens: numbers.tokens! };
      } else if (point.kind === "overflow") {
        last = { step: numbers.step!, tokens: numbers.tokens! };
      } else if (point.kind === "validation") {
        validation.add(numbers);
        if (numbers.loss! < (best?.loss ?? Infinity)) {
          best = { step: numbers.step!, loss: numbers.loss!, accuracy: numbers.accuracy! };
        }
        changes++;
      } else if (point.kind === "skipped") incidents = { ...incidents, skipped: incidents.skipped + 1 };
      else if (point.kind === "spike") incidents = { ...incidents, spikes: incidents.spikes + 1 };
      if (point.kind === "skipped" || point.kind === "spike") changes++;
    },
    sample(line) {
      const entry = objectOf(line);
      const step = Number(entry?.step);
      if (!entry || !(step >= 0) || !Array.isArray(entry.samples)) return;
      const now = { step, samples: entry.samples.map(entriesOf), change: ++sampleChanges };
      // a run that went back to a checkpoint tells its later steps once more
      samples = [...samples.filter((before) => before.step < step), now];
      if (samples.length > MOST_SAMPLES) samples = samples.filter((_, i) => i % 2 === 0 || i === samples.length - 1);
    },
    configure(json) {
      config = json;
      changes++;
    },
    setRunning(isRunning, checkpoint) {
      if (isRunning !== signs.isRunning || checkpoint !== signs.checkpoint) changes++;
      signs = { isRunning, checkpoint };
    },
    forgetMetrics() {
      [train, validation] = newCurves();
      [best, incidents, last] = [undefined, { skipped: 0, spikes: 0 }, { step: 0, tokens: 0 }];
      ending = undefined;
      number = ++made;
    },
    forgetSamples() {
      samples = [];
      sampleChanges++;
    },
    since(place) {
      const known = place?.made === number ? place : undefined;
      const parts = { train: train.since(known?.train), validation: validation.since(known?.validation) };
      const isNew = known?.changes !== changes || known.samples !== sampleChanges;
      if (!isNew && !parts.train && !parts.validation) return undefined;
      const done = shareDone(config, last);
      const told = known?.samples === sampleChanges ? undefined : samplesSince(samples, known?.samples ?? 0);
      const message = { id, name, state: stateNow(done), done, facts: runFacts(config), best, incidents, ...parts };
      return {
        message: { ...message, samples: told },
        place: { made: number, train: train.place(), validation: validation.place(), changes, samples: sampleChanges },
      };
    },
  };
}

/** Samples that came after a change. */
function samplesSince(samples: readonly (StepSamples & { readonly change: number })[], after: number): SamplesPart {
  const told = samples.filter(({ change }) => change > after).map(({ step, samples }) => ({ step, samples }));
  return { steps: samples.map(({ step }) => step), told };
}

const newCurves = (): [Series, Series] => [createSeries(trainShape), createSeries(validationShape, 1000)];

/** What is not finite is spelled as text, or null. */
function withNumbers(line: Record<string, unknown>): Record<string, number> {
  const entries = Object.entries(line).filter(([, value]) => typeof value !== "object" || value === null);
  return Object.fromEntries(entries.map(([name, value]) => [name, value === null ? NaN : Number(value)]));
}

/** Tokens of a sample; what is none is left out. */
function entriesOf(sample: unknown): SampleEntry[] {
  return Array.isArray(sample) ? sample.map(entryOf).filter((entry) => entry !== undefined) : [];
}

function entryOf(entry: unknown): SampleEntry | undefined {
  if (typeof entry === "string") return entry;
  if (!Array.isArray(entry)) return undefined;
  const [token, predicted, candidates] = entry;
  if (typeof token !== "string" || typeof predicted !== "string") return undefined;
  // earlier versions noted none
  if (!Array.isArray(candidates)) return [token, predicted];
  return [token, predicted, candidates.filter(isCandidate).slice(0, MOST_CANDIDATES)];
}

const isCandidate = (value: unknown): value is Candidate =>
  Array.isArray(value) && typeof value[0] === "string" && typeof value[1] === "number" && value[1] >= 0 &&
  value[1] <= 1;
