/**
 * What is measured in a sitting: what does without a model, probes of frozen vectors, and fine-tuning.
 *
 * @module
 */

import type { Device } from "../../lib/device/device.ts";
import type { TextModel } from "../../lib/evaluate/text_model.ts";
import { majorityClass, mostFrequentTags } from "../../lib/probe/baselines.ts";
import { byRegression, type Classified, scaledFeatures } from "../../lib/probe/classify_rounds.ts";
import type { Round } from "../../lib/probe/folds.ts";
import { selectRows } from "../../lib/probe/matrix.ts";
import { gramFeatures } from "../../lib/probe/ngrams.ts";
import { scorer } from "../../lib/probe/scores.ts";
import { textVectors, wordVectors } from "../../lib/probe/vectors.ts";
import type { Dataset } from "./datasets.ts";
import { fineTuned } from "./fine_tuned.ts";
import { addFigure, type FigureKey, figureOf, readFigures } from "./log.ts";
import { inPercent } from "./table.ts";

/** A sitting. */
export interface Sitting {
  /** Where what is half done is kept. */
  readonly folder: string;
  /** The log. */
  readonly log: string | URL;
  /** Commit of the sources. */
  readonly commit: string;
  /** Where it is computed. */
  readonly device: Device;
  /** Hears what was found. */
  readonly tell: (line: string) => void;
}

/** An encoder that is tried, and what it is. */
export interface TriedEncoder extends Required<Pick<FigureKey, "text" | "budget">> {
  /** The model. */
  readonly model: TextModel;
}

/** Layers that are tried; the one that is best in cross-validation counts. */
const LAYERS = [2, 4];
const SEED = 1;

type Told = Omit<FigureKey, "setting">;

/** What is not in the log yet of something that is tried on a dataset. */
export async function missingOf({ log }: Pick<Sitting, "log">, dataset: Dataset, told: Told): Promise<string[]> {
  const figures = await readFigures(log);
  return [...dataset.settings.keys()].filter((setting) => !figureOf(figures, { ...told, setting }));
}

/** Measures what the log does not have. */
async function measured(
  sitting: Sitting,
  { dataset, told, classify }: {
    dataset: Dataset;
    told: Told;
    classify: (rounds: readonly Round[], setting: string) => Promise<Pick<Classified, "predictions">>;
  },
): Promise<void> {
  for (const setting of await missingOf(sitting, dataset, told)) {
    const rounds = dataset.settings.get(setting)!;
    const began = performance.now();
    const { predictions } = await classify(rounds, setting);
    const seconds = (performance.now() - began) / 1000;
    const tested = rounds.flatMap(({ test }) => test);
    const score = scorer({
      truth: Uint32Array.from(tested, (row) => dataset.labels[row]!),
      clusters: Uint32Array.from(tested, (row) => dataset.itemOf[row]!),
      classes: dataset.classes,
      seed: SEED,
    });
    const { accuracy, macroF1 } = score(predictions).score;
    const { commit, log, tell } = sitting;
    await addFigure(log, { ...told, setting, accuracy, macroF1, seconds, commit, date: new Date().toISOString() });
    const encoder = told.text ? `${told.text}, ${told.budget === "0" ? "random weights" : told.budget}, ` : "";
    tell(`${encoder}${told.way}, ${setting}: ${inPercent(accuracy)}  (${seconds.toFixed(0)} s)`);
  }
}

/** Measures what does without a model. */
export async function tryWithout(sitting: Sitting, dataset: Dataset): Promise<void> {
  const { labels, items, itemOf } = dataset;
  const each = (rounds: readonly Round[], predict: (round: Round) => Uint32Array) =>
    Promise.resolve({ predictions: Uint32Array.from(rounds.flatMap((round) => [...predict(round)])) });
  const attempt = (
    way: Told["way"],
    classify: (rounds: readonly Round[]) => Promise<Pick<Classified, "predictions">>,
  ) => measured(sitting, { dataset, told: { way }, classify });
  await attempt("most frequent class", (rounds) => each(rounds, (round) => majorityClass(labels, round)));
  const words = items.flatMap((item) => item);
  if (typeof items[0] !== "string" && itemOf.length === words.length) {
    const predict = (round: Round) => mostFrequentTags(labels, round, (row) => words[row]!);
    await attempt("most frequent tag of each word", (rounds) => each(rounds, predict));
  }
  await attempt("character n-grams", (rounds) => byGrams(sitting, dataset, rounds));
}

async function byGrams({ device }: Sitting, { labels, grams }: Dataset, rounds: readonly Round[]): Promise<Classified> {
  return await byRegression({ device, rounds, labels, seed: SEED }, ({ train, test }) => {
    const { features, bias } = gramFeatures([...train, ...test].map(grams), train.map((_, i) => i));
    const some = (first: number, count: number) =>
      selectRows(features, Array.from({ length: count }, (_, i) => first + i));
    return { train: some(0, train.length), test: some(train.length, test.length), bias };
  });
}

/** Measures what the frozen vectors of an encoder tell. */
export async function tryProbe(
  sitting: Sitting,
  dataset: Dataset,
  { model, text, budget }: TriedEncoder,
): Promise<void> {
  const told: Told = { way: "probed", text, budget };
  if ((await missingOf(sitting, dataset, told)).length === 0) return;
  const { width } = model.model.config;
  const { vectors } = typeof dataset.items[0] === "string"
    ? await textVectors(model, dataset.items as string[], { layers: LAYERS, pools: ["mean"] })
    : await wordVectors(model, dataset.items as string[][], { layers: LAYERS });
  const classify = async (rounds: readonly Round[]) => {
    const task = { device: sitting.device, rounds, labels: dataset.labels, seed: SEED };
    let best: Classified | undefined;
    for (const { matrix } of vectors) {
      const found = await byRegression(task, scaledFeatures(matrix, width));
      if (!best || found.loss! < best.loss!) best = found;
    }
    return best!;
  };
  await measured(sitting, { dataset, told, classify });
}

/** Measures what an encoder tells once all its weights were trained on the same labels. */
export async function tryFineTuning(
  sitting: Sitting,
  dataset: Dataset,
  { model, text, budget }: TriedEncoder,
): Promise<void> {
  const classify = async (rounds: readonly Round[], setting: string) => {
    const predictions: number[] = [];
    for (const [i, round] of rounds.entries()) {
      const name = [setting, text, budget, i].join("-").replace(/[^\w.]+/g, "-");
      predictions.push(
        ...await kept(`${sitting.folder}/fine-tuned/${name}.json`, () => fineTuned(model, dataset, { round })),
      );
      if (rounds.length > 1) sitting.tell(`  draw ${i + 1} of ${rounds.length}`);
    }
    return { predictions: Uint32Array.from(predictions) };
  };
  await measured(sitting, { dataset, told: { way: "fine-tuned", text, budget }, classify });
}

/** Numbers that are in a file, or are found and written to it: what takes minutes is not done twice. */
async function kept(path: string, find: () => Promise<ArrayLike<number>>): Promise<number[]> {
  const before = await Deno.readTextFile(path).then(JSON.parse, () => undefined);
  if (before) return before;
  const found = Array.from(await find());
  await Deno.mkdir(path.replace(/\/[^/]+$/, ""), { recursive: true });
  await Deno.writeTextFile(`${path}.unfinished`, JSON.stringify(found));
  await Deno.rename(`${path}.unfinished`, path);
  return found;
}
