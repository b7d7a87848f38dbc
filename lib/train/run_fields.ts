/**
 * The one table of what a run's files hold: its config.json, the training.json of its checkpoints, and the lines of its metrics.
 *
 * @module
 */

import { follows, type Stage } from "../batch/curriculum.ts";
import { wirePrecisions } from "../mpi/wire_precision.ts";
import { packModes } from "../batch/block.ts";
import { maskModes, maskRules } from "../batch/masking.ts";
import { viewKinds } from "../batch/views.ts";
import { presets } from "../model/config.ts";
import { lastLayers } from "../model/model.ts";
import { type OptimizerOptions, optimizers } from "../optimizer/optimizer.ts";
import {
  also,
  choice,
  either,
  entries,
  type Field,
  list,
  number,
  optional,
  orNull,
  record,
  share,
  such,
  text,
  truth,
  whole,
} from "../sentences/fields.ts";
import { precisions } from "../tensor/tensor.ts";
import { documentKinds } from "../text/plain_text.ts";
import { textFormats } from "../text/text_source.ts";
import type { WindowPosition } from "../batch/windows.ts";
import type { OverflowRecord, SkippedRecord, SpikeRecord, TrainRecord, ValidationRecord } from "./events.ts";
import { schedules } from "./schedule.ts";
import type { TrainingSettings } from "./settings.ts";

/** A table that has every field of a type, so that a new one is not forgotten. */
type Fields<T> = { readonly [Name in keyof T]-?: Field };

const above0 = number({ above: 0 });
const least0 = number({ least: 0 });
const shareOrNone = number({ least: 0, most: 1 });
/** What earlier versions may have left out, too. */
const maybe = optional;

const span = either(
  'a "share" above 0 of at most 1, or "steps"',
  record({ share }),
  record({ steps: above0 }),
);

const budget = either(
  '"tokens", "steps" or "minutes", a number above 0',
  record({ tokens: above0 }),
  record({ steps: above0 }),
  record({ minutes: above0 }),
);

const curriculum = also(
  list(record({ length: whole(1), share, batchTokens: maybe(whole(1)) }), { least: 1 }),
  "lengths that rise and shares that add up to 1",
  (stages: readonly Stage[]) =>
    stages.every((stage, i) => i === 0 || follows(stage, stages[i - 1]!)) &&
    Math.abs(stages.reduce((sum, { share }) => sum + share, 0) - 1) < 1e-6,
);

const optimizerFields: Fields<OptimizerOptions> = {
  beta1: shareOrNone,
  beta2: shareOrNone,
  epsilon: least0,
  weightDecay: least0,
  clip: least0,
  embeddingRate: maybe(above0),
  muon: maybe(record({ relativeRate: above0, momentum: shareOrNone, every: maybe(whole(1)) })),
};

const settingsFields: Fields<TrainingSettings> = {
  budget,
  curriculum,
  batchTokens: whole(1),
  accumulate: whole(1),
  recompute: maybe(truth),
  tiles: maybe(truth),
  gradientPrecision: maybe(choice(wirePrecisions)),
  syncEvery: maybe(whole(1)),
  pack: maybe(choice([...packModes, "pairs"])),
  contrastive: maybe(record({ temperature: above0, views: choice(viewKinds) })),
  maskRate: record({ start: share, by: maybe(list(share)), end: share }),
  maskSpread: maybe(shareOrNone),
  attention: maybe(record({ start: whole(1), share })),
  maskRule: choice(maskRules),
  maskMode: choice(maskModes),
  neverMask: list(text),
  learningRate: record({ peak: above0, schedule: choice(schedules), warmup: span }),
  optimizer: record({ ...optimizerFields }),
  outputInit: maybe(least0),
  lastLayer: maybe(choice(lastLayers)),
  seed: number({ least: 0, most: 2 ** 32 - 1, wanted: "a whole number" }),
  evaluateEvery: span,
  evaluateTokens: maybe(whole(1)),
  saveEvery: span,
  sampleEvery: span,
};

const textFields = {
  data: list(text),
  document: maybe(choice(documentKinds)),
  field: maybe(text),
  format: maybe(choice(textFormats)),
  validation: maybe(either("a share above 0 and below 1, or a path", number({ above: 0, most: 1 }), text)),
  skipBad: maybe(whole()),
  pairs: maybe(text),
};

const filePrint = record({ name: text, size: orNull(whole()), head: text, modified: maybe(orNull(text)) });

const tileSides: readonly unknown[] = [64, 128];
const tile = such(
  "rows and columns of 64 or 128",
  (value) => Array.isArray(value) && value.length === 2 && value.every((side) => tileSides.includes(side)),
);

/** Choices for products, as they are kept. */
export const productTable: Field = entries(
  record({ variant: choice(["tiled", "direct"]), tile: maybe(tile), splits: whole(1) }),
);

const deviceFields = {
  description: text,
  settings: also(
    record({
      kind: choice(["cpu", "webgpu"]),
      blas: maybe(text),
      processor: maybe(text),
      blasCaller: maybe(choice(["threads", "host"])),
      threads: maybe(whole(1)),
      fusedMultiplyAdd: maybe(either("true or false", truth, text)),
      adapter: maybe(text),
      matmul: maybe(text),
      attention: maybe(text),
      precision: maybe(choice(precisions)),
      tile: maybe(tile),
      products: maybe(productTable),
    }),
    'a "blas" for "cpu", an "adapter" for "webgpu"',
    (settings: Record<string, unknown>) => settings[settings.kind === "cpu" ? "blas" : "adapter"] !== undefined,
  ),
};

/** The config.json of a run. */
export const runFields: Field = record({
  format: choice([2]),
  // for people: the model that is trained stands in the checkpoints, and earlier versions described it otherwise
  model: record({ preset: choice(presets) }),
  training: record({ ...settingsFields }),
  text: record(textFields),
  files: list(filePrint),
  device: record(deviceFields),
  devicesBefore: maybe(list(record({ ...deviceFields, until: whole() }))),
  ratesBefore: maybe(list(record({ peak: above0, until: whole() }))),
  init: maybe(text),
  keep: maybe(whole(1)),
  sha256: maybe(text),
});

/** Levels of a position that are gone into: mixtures hold the positions of their corpora. */
const DEEPEST = 6;

/** Places in a corpus are numbers, in lists and objects of what only the corpus understands. */
const corpusPosition: Field = such("a place in the text", (value) => isPosition(value, 0));

function isPosition(value: unknown, depth: number): boolean {
  if (typeof value === "number") return Number.isFinite(value) && value >= 0;
  if (typeof value !== "object" || value === null || depth > DEEPEST) return false;
  return Object.values(value).every((inner) => isPosition(inner, depth + 1));
}

const positionFields: Fields<WindowPosition> = {
  epoch: whole(),
  block: whole(),
  place: orNull(corpusPosition),
  length: whole(),
  taken: whole(),
  tokens: maybe(record({ all: whole(), padding: whole() })),
};

/** The clock of a run. */
const clockFields = { step: whole(), tokens: whole(), seconds: least0 };

/** What a checkpoint's training.json tells of its run. */
export const aboutFields: Field = record({
  ...clockFields,
  elapsed: maybe(least0),
  evaluateTokens: maybe(whole(1)),
  corpus: maybe(text),
  device: maybe(text),
  base: maybe(text),
});

/** A checkpoint's training.json. */
export const stateFields: Field = record({
  ...clockFields,
  elapsed: maybe(least0),
  evaluateTokens: maybe(whole(1)),
  optimizer: maybe(choice(optimizers)),
  trend: maybe(record({
    length: whole(),
    steps: whole(),
    mean: number(),
    variance: least0,
    quiet: number(),
    skipped: whole(),
    inARow: whole(),
  })),
  lossScale: maybe(record({ factor: number({ least: 1 }), goodSteps: whole() })),
  position: record({ ...positionFields }),
});

/** Numbers that may be infinite or none, which JSON spells as text or as null. */
const anyNumber = such(
  "a number",
  (value) => typeof value === "number" || value === null || ["NaN", "Infinity", "-Infinity"].includes(value as string),
);
const nextSentence = maybe(record({ loss: anyNumber, accuracy: anyNumber }));

/** What is told of every step. */
const stepFields = {
  ...clockFields,
  length: whole(1),
  // 0 where texts are compared
  maskRate: shareOrNone,
  loss: anyNumber,
  learningRate: least0,
  gradientNorm: anyNumber,
  tokensPerSecond: least0,
  lossScale: maybe(above0),
};

const trainFields: Fields<TrainRecord> = { kind: choice(["train"]), ...stepFields, accuracy: anyNumber, nextSentence };

const skippedFields: Fields<SkippedRecord> = {
  kind: choice(["skipped"]),
  ...stepFields,
  inARow: whole(1),
  total: whole(1),
};

const { gradientNorm: _, ...overflowStep } = stepFields;
const overflowFields: Fields<OverflowRecord> = { kind: choice(["overflow"]), ...overflowStep, lossScale: above0 };

const spikeFields: Fields<SpikeRecord> = {
  kind: choice(["spike"]),
  step: whole(),
  tokens: whole(),
  loss: anyNumber,
  learningRate: least0,
  usual: anyNumber,
};

const validationFields: Fields<ValidationRecord> = {
  kind: choice(["validation"]),
  ...clockFields,
  length: whole(1),
  loss: anyNumber,
  accuracy: anyNumber,
  perplexity: anyNumber,
  nextSentence,
  paddingShare: maybe(anyNumber),
  deviceBytes: maybe(whole()),
  residentBytes: maybe(whole()),
};

/** The lines of a run's metrics.jsonl by their `kind`, each with its fields; docs/metrics.md tells what they mean. */
export const metricFields: Readonly<Record<string, Readonly<Record<string, Field>>>> = {
  train: trainFields,
  validation: validationFields,
  skipped: skippedFields,
  overflow: overflowFields,
  spike: spikeFields,
  rate: {
    kind: choice(["rate"]),
    step: whole(),
    peak: above0,
    before: above0,
    why: choice(["diverged", "asked"]),
  },
  end: { kind: choice(["end"]), state: choice(["finished", "stopped", "diverged"]), ...clockFields },
};

/** A line of metrics that tells of a validation. */
export const validationLine: Field = record({ ...validationFields });
