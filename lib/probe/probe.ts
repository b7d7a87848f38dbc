/**
 * What the vectors of an encoder know: simple classifiers on frozen vectors, beside what does without them.
 *
 * @module
 */

import type { Device } from "../device/device.ts";
import { openDevice } from "../device/open_device.ts";
import { fewNotice } from "../evaluate/few.ts";
import type { TextModel } from "../evaluate/text_model.ts";
import { checkPool, type PoolMode, poolModes } from "../inference/embed.ts";
import { conflictNote, groupsOf } from "../labelled/equal_items.ts";
import { counted } from "../sentences/counted.ts";
import { majorityClass, mostFrequentTags } from "./baselines.ts";
import { byNeighbours, byRegression, type Classified, type ProbeTask, scaledFeatures } from "./classify_rounds.ts";
import { type Examples, gathered, type ProbeData } from "./examples.ts";
import { type Round, roundsOf } from "./folds.ts";
import { gramFeatures, textGrams, wordGrams } from "./ngrams.ts";
import { selectRows } from "./matrix.ts";
import { bestOf, differencesOf, type Probed, type ProbeResult, type Tried } from "./probed.ts";
import { scorer } from "./scores.ts";
import { randomTwin } from "./twin.ts";
import { type LayerVectors, textVectors, wordVectors } from "./vectors.ts";

/** Options of {@linkcode probe}. */
export interface ProbeOptions {
  /** Examples to be tested on. Default: a fifth of all, or of few examples each once, in five rounds. */
  test?: Examples | undefined;
  /** Examples to learn from at most (of words: sentences), each class by its share. Default: all that are not tested. */
  train?: number | undefined;
  /**
   * Layers whose vectors are tried: 0 the embeddings.
   *
   * @default {"last"}
   */
  layers?: "last" | "all" | readonly number[] | undefined;
  /** Ways to make a vector of a text. Default: both, if the model's texts begin with `[CLS]`. */
  pools?: readonly PoolMode[] | undefined;
  /**
   * Read texts that are longer than the model in windows, whose vectors are averaged, instead of cutting them.
   *
   * @default {false}
   */
  windows?: boolean | undefined;
  /** Labels that are kept of more, drawn at random. Default: 20,000 texts or 50,000 words. */
  most?: number | undefined;
  /**
   * Try what does without the model too: random weights, character n-grams, the most frequent class.
   *
   * @default {true}
   */
  baselines?: boolean | undefined;
  /**
   * Decides what is tested and what is drawn.
   *
   * @default {1}
   */
  seed?: number | undefined;
  /** Is told what is being done, and which share of that is done. */
  progress?: ((what: string, share: number) => void) | undefined;
}

/**
 * Tells what the frozen vectors of one encoder, or of several, know of classes: of texts, or of words. Logistic regression and the
 * nearest neighbours learn from some examples and are tested on others. Deterministic.
 *
 * @throws {RangeError} for one class only, for labels that look like amounts, for a layer that is not there.
 *
 * @example
 * ```ts
 * import { characterTokenizer, createModel, modelConfig, openDevice, probe } from "@cloze/mlm";
 *
 * const tokenizer = characterTokenizer("abcdefghijklmnopqrstuvwxyz ");
 * const { device } = await openDevice("cpu", { threads: 1 });
 * const model = createModel(device, modelConfig({ vocab: tokenizer.size, size: "tiny" }));
 * const examples = Array.from({ length: 40 }, (_, i) => {
 *   const label = i % 2 === 0 ? "cat" : "dog";
 *   return { text: `a ${label} number ${"abcdefgh"[i % 8]}`, label, source: "" };
 * });
 * const { results, best } = await probe({ model, tokenizer }, examples);
 * const { accuracy } = results[best[0]!]!.score;
 * console.log(`right: ${(100 * accuracy.value).toFixed(0)} ± ${(100 * accuracy.error).toFixed(0)} %`);
 * model.destroy();
 * device.destroy();
 * ```
 */
export async function probe(
  models: TextModel | readonly TextModel[],
  examples: Examples,
  options: ProbeOptions = {},
): Promise<Probed> {
  const { test, most, seed = 1, train } = options;
  const all = Array.isArray(models) ? models as readonly TextModel[] : [models as TextModel];
  const layers = all.map((model) => layersOf(model, options.layers));
  for (const { tokenizer } of all) for (const pool of options.pools ?? []) checkPool(tokenizer, pool);
  const data = await gathered(examples, { test, most, seed });
  const groups = groupsOf(data.items);
  const rounds = roundsOf({ ...data, groups, train, seed });
  if (rounds.length === 0) {
    throw new RangeError(
      data.ownTest
        ? "Cannot probe: all that could be learned from is in the test too"
        : `Cannot probe: there are too few examples to learn from some and test others; ${whatThereIs(data, groups)}`,
    );
  }
  const own = all[0]?.model.device.kind === "cpu" ? undefined : (await openDevice("cpu")).device;
  try {
    const ofRows = data.itemOf.map((item) => groups[item]!);
    const task = { device: own ?? all[0]!.model.device, rounds, labels: data.labels, groups: ofRows, seed };
    return await tried({ models: all, layers, data, task, options });
  } finally {
    own?.destroy();
  }
}

/** What there is of examples, where it is not enough. */
function whatThereIs({ isWords, items, rows }: ProbeData, groups: ArrayLike<number>): string {
  const one = isWords ? "sentence" : "text";
  if (isWords && items.length === 1) {
    return `all ${counted(rows, "word")} are one sentence, and in columns a blank line ends a sentence`;
  }
  const different = new Set(Array.from(groups)).size;
  return different < items.length
    ? `${counted(items.length, one)}, all of them equal`
    : `there is ${counted(items.length, one)}`;
}

/** Numbers of the layers that are asked for. */
function layersOf({ model: { config } }: TextModel, layers: ProbeOptions["layers"] = "last"): readonly number[] {
  if (layers === "last") return [config.layers];
  if (layers === "all") return Array.from({ length: config.layers + 1 }, (_, layer) => layer);
  const wrong = layers.find((layer) => !Number.isInteger(layer) || layer < 0 || layer > config.layers);
  if (wrong === undefined) return layers;
  throw new RangeError(
    `Cannot probe layer ${wrong}: this model's layers are 1 to ${config.layers}, and 0 for its embeddings`,
  );
}

interface Trial {
  readonly models: readonly TextModel[];
  readonly layers: readonly (readonly number[])[];
  readonly data: ProbeData;
  readonly task: ProbeTask & { readonly device: Device; readonly groups: Uint32Array };
  readonly options: ProbeOptions;
}

async function tried(trial: Trial): Promise<Probed> {
  const { models, data, task: { rounds, labels, groups, seed } } = trial;
  const tested = rounds.flatMap(({ test }) => test);
  const different = differentRows(tested, trial);
  const score = scorer({
    truth: Uint32Array.from(tested, (row) => labels[row]!),
    clusters: clustersOf(tested.map((row) => groups[row]!)),
    different,
    classes: data.classes.length,
    seed,
  });
  const all: Tried[] = [];
  const add: Add = (what, { predictions, ...found }, position = 0) => {
    const resampled = score(predictions);
    all.push({ result: { ...what, ...found, score: resampled.score }, resampled, position });
  };
  const notes = [...data.notes, ...fewerNotes(trial), ...untaughtNotes(trial), ...notesOf(trial, different)];
  let visible: Float64Array | undefined;
  for (const model of models.keys()) {
    const read = await tryModel(trial, { model, add, notes });
    visible ??= read;
  }
  if (trial.options.baselines ?? true) await tryWithout(trial, { add, visible });
  const results = all.map(({ result }) => result);
  const best = models.map((_, model) => bestOf(results, model));
  return {
    classes: data.classes,
    what: data.isWords ? "words" : "texts",
    learned: Math.round(rounds.reduce((sum, { train }) => sum + train.length, 0) / rounds.length),
    tested: tested.length,
    different,
    rounds: rounds.length,
    results,
    best,
    differences: differencesOf(all, best),
    notes,
  };
}

/** What is said where there are fewer examples to learn from than were wanted. */
function fewerNotes({ data: { isWords, itemOf }, task: { rounds }, options: { train = 0 } }: Trial): string[] {
  const most = Math.max(...rounds.map((round) => new Set(round.train.map((row) => itemOf[row]!)).size));
  if (most >= train) return [];
  const there = counted(most, isWords ? "sentence" : "text");
  return [
    `there ${most === 1 ? "is" : "are"} only ${there} to learn from, where ${train.toLocaleString("en")} were wanted`,
  ];
}

/**
 * What is said of labels to be tested whose class is not among those that are learned from, for equal texts are never on both
 * sides. Of a test of its own that is said already.
 *
 * @throws {RangeError} if all of them are.
 */
function untaughtNotes({ data: { isWords, items, ownTest }, task: { rounds, labels } }: Trial): string[] {
  const untaught = rounds.flatMap(({ train, test }) => {
    const known = new Set(train.map((row) => labels[row]!));
    return test.filter((row) => !known.has(labels[row]!));
  }).length;
  if (untaught === 0) return [];
  const tested = rounds.reduce((sum, { test }) => sum + test.length, 0);
  const [what, carrier] = isWords ? ["word", "sentence"] : ["text", "text"];
  const different = counted(new Set(groupsOf(items)).size, `different ${carrier}`);
  if (untaught === tested) {
    throw new RangeError(
      ownTest === undefined
        ? `Cannot probe: of ${different} no two have a class in common, one to learn from and one to test`
        : `Cannot probe: no ${what} of the test has a class that is learned from`,
    );
  }
  if (ownTest !== undefined) return [];
  return [
    `${counted(untaught, what)} of ${
      tested.toLocaleString("en")
    } that are tested cannot be right: nothing that is learned from ` +
    `has ${untaught === 1 ? "its" : "their"} class`,
  ];
}

/** How many of some rows are not those of an item that is equal to one before. */
function differentRows(rows: readonly number[], { data: { itemOf }, task: { groups } }: Trial): number {
  const first = new Map<number, number>();
  return rows.filter((row) => {
    if (!first.has(groups[row]!)) first.set(groups[row]!, itemOf[row]!);
    return first.get(groups[row]!) === itemOf[row];
  }).length;
}

/** Examples to learn from, where that is too few, for each class and in all. */
const [FEW_A_CLASS, FEW] = [2, 20];

/** What is to be known of what is learned from and tested on. */
function notesOf(trial: Trial, different: number): string[] {
  const { data: { isWords, ownTest, itemOf, classes }, task: { rounds, groups, labels } } = trial;
  const [what, things] = isWords ? ["word", "sentence"] : ["text", "text"];
  const notes: string[] = [];
  if (ownTest !== undefined) {
    const tested = new Set(groups.filter((_, row) => itemOf[row]! >= ownTest));
    const both = new Set([...itemOf].filter((item, row) => item < ownTest && tested.has(groups[row]!))).size;
    if (both > 0) {
      notes.push(
        `${counted(both, things)} to learn from ${both === 1 ? "is" : "are"} in the test too and ${
          both === 1 ? "is" : "are"
        } left out of what is learned`,
      );
    }
  }
  const conflict = isWords ? undefined : conflictNote(groups, labels);
  if (conflict !== undefined) notes.push(conflict);
  const learned = Math.min(...rounds.map(({ train }) => differentRows(train, trial)));
  const few = fewNotice(different, what);
  if (few !== undefined) notes.push(few);
  else if (learned < Math.min(FEW, FEW_A_CLASS * classes.length)) {
    notes.push(
      `too few to tell anything: ${counted(learned, `different ${what}`)} ${
        learned === 1 ? "is" : "are"
      } learned from, ` +
        `of ${classes.length} classes`,
    );
  }
  return notes;
}

type Add = (what: Omit<ProbeResult, "score">, classified: Classified, position?: number) => void;

/** Numbers 0, 1, … for what is drawn together. */
function clustersOf(items: readonly number[]): Uint32Array<ArrayBuffer> {
  const numbers = new Map<number, number>();
  return Uint32Array.from(items, (item) => {
    if (!numbers.has(item)) numbers.set(item, numbers.size);
    return numbers.get(item)!;
  });
}

/** Tries the vectors of a model, and those of its twin of random weights; returns how much of each text was read. */
async function tryModel(
  { models, layers, data, task, options }: Trial,
  { model, add, notes }: { model: number; add: Add; notes: string[] },
): Promise<Float64Array | undefined> {
  const textModel = models[model]!;
  const { width } = textModel.model.config;
  const which = models.length === 1 ? "" : model === 0 ? " of the first model" : ` of model ${model + 1}`;
  const pools = options.pools ?? poolsOf(textModel);
  const { vectors, visible } = await vectorsOf(textModel, {
    data,
    layers: layers[model]!,
    pools,
    which,
    options,
    notes,
  });
  for (const [position, { layer, pool, matrix }] of vectors.entries()) {
    const what = { model, layer, pool: data.isWords ? undefined : pool };
    const name = `layer ${layer}${data.isWords ? "" : `, ${pool}`}${which}`;
    const features = scaledFeatures(matrix, width);
    const regression = await byRegression(
      task,
      features,
      (share) => options.progress?.(`learning from ${name}`, share),
    );
    add({ kind: "regression", ...what }, regression, position);
    options.progress?.(`neighbours by ${name}`, 0);
    add({ kind: "neighbours", ...what }, await byNeighbours(task, features), position);
  }
  if (!(options.baselines ?? true)) return visible;
  const twin = randomTwin(textModel, task.seed);
  try {
    const random = await vectorsOf(twin, {
      data,
      layers: layers[model]!,
      pools: pools.slice(0, 1),
      which: " of random weights",
      options,
      notes: [],
    });
    for (const [position, { layer, pool, matrix }] of random.vectors.entries()) {
      const learning = (share: number) => options.progress?.("learning from random weights", share);
      const classified = await byRegression(task, scaledFeatures(matrix, width), learning);
      add({ kind: "random", model, layer, pool: data.isWords ? undefined : pool }, classified, position);
    }
  } finally {
    twin.model.destroy();
  }
  return visible;
}

/** Ways to make a vector that a model's texts allow, the one that its folder names first: random weights are tried with that. */
function poolsOf(textModel: TextModel): PoolMode[] {
  const { tokenizer } = textModel;
  const all = poolModes.filter((pool) => pool === "mean" || (tokenizer.frame?.before.length ?? 0) > 0);
  const own = knownPool(textModel);
  return own === "cls" && all.includes(own) ? [...all].reverse() : all;
}

/** The way that a folder names; of one that names another than those here both are tried. */
function knownPool(textModel: TextModel): PoolMode | undefined {
  try {
    return textModel.pooling?.pool;
  } catch {
    return undefined;
  }
}

/** The vectors of all items, with notes of what could not be read whole. */
async function vectorsOf(
  textModel: TextModel,
  { data: { items, isWords }, layers, pools, which, options, notes }: {
    data: ProbeData;
    layers: readonly number[];
    pools: readonly PoolMode[];
    which: string;
    options: ProbeOptions;
    notes: string[];
  },
): Promise<{ readonly vectors: readonly LayerVectors[]; readonly visible?: Float64Array }> {
  const progress = (done: number) => options.progress?.(`vectors${which}`, done / items.length);
  const { maxLength } = textModel.model.config;
  if (isWords) {
    const { vectors, parted } = await wordVectors(textModel, items as readonly string[][], { layers, progress });
    if (parted > 0) {
      notes.push(
        `${counted(parted, "sentence")} longer than ${maxLength} tokens ${
          parted === 1 ? "was" : "were"
        } read in pieces${which}`,
      );
    }
    return { vectors };
  }
  const { windows } = options;
  const read = await textVectors(textModel, items as readonly string[], { layers, pools, windows, progress });
  const cut = read.visible.filter((share) => share < 1).length;
  if (cut > 0) {
    notes.push(
      `${counted(cut, "text")} longer than ${maxLength} tokens ${cut === 1 ? "was" : "were"} cut off${which}; ` +
        "--windows reads them whole and averages the vectors of their windows",
    );
  }
  return read;
}

/** Tries what does without a model. */
async function tryWithout(
  { data: { items, itemOf, isWords, labels }, task, options }: Trial,
  { add, visible }: { add: Add; visible: Float64Array | undefined },
): Promise<void> {
  const firstRow = new Map<number, number>();
  for (const [row, item] of itemOf.entries()) if (!firstRow.has(item)) firstRow.set(item, row);
  const indexOf = (row: number) => row - firstRow.get(itemOf[row]!)!;
  const gramsOf = (row: number) => {
    const item = items[itemOf[row]!]!;
    if (typeof item !== "string") return wordGrams(item, indexOf(row));
    // as much as the model read
    return textGrams(item.slice(0, Math.ceil(item.length * (visible?.[itemOf[row]!] ?? 1))));
  };
  const features = ({ train, test }: Round) => {
    const { features, bias } = gramFeatures([...train, ...test].map(gramsOf), train.keys().toArray());
    const rows = (first: number, count: number) =>
      selectRows(features, Array.from({ length: count }, (_, i) => first + i));
    return { train: rows(0, train.length), test: rows(train.length, test.length), bias };
  };
  const learning = (share: number) => options.progress?.("learning from character n-grams", share);
  add({ kind: "ngrams" }, await byRegression(task, features, learning));
  const inRounds = (predict: (round: Round) => Uint32Array) => ({
    predictions: Uint32Array.from(task.rounds.flatMap((round) => [...predict(round)])),
  });
  if (isWords) {
    const wordOf = (row: number) => (items[itemOf[row]!] as readonly string[])[indexOf(row)]!;
    add({ kind: "frequent" }, inRounds((round) => mostFrequentTags(labels, round, wordOf)));
  }
  add({ kind: "majority" }, inRounds((round) => majorityClass(labels, round)));
}
