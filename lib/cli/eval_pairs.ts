/**
 * Minimal pairs, as `eval --pairs` measures them.
 *
 * @module
 */

import {
  accuracyDifference,
  groupAccuracies,
  type PairAccuracy,
  pairAccuracy,
  type PairScore,
  scorePairs,
} from "../evaluate/minimal_pairs.ts";
import type { MaskedLanguageModel } from "../inference/load.ts";
import { fewNotice } from "../evaluate/few.ts";
import { counted } from "../sentences/counted.ts";
import { safeJson } from "../sentences/safe_text.ts";
import { fileSource } from "../text/file_source.ts";
import type { TextFormat } from "../text/text_source.ts";
import { type TextPair, textPairs } from "../text/pairs.ts";
import { BadRecords } from "../text/source.ts";
import { grouped, percent } from "./figures.ts";
import { fittedTable } from "./fitted_table.ts";
import { longWork, progressAside } from "./long_work.ts";
import { skippedLines } from "./open_corpus.ts";
import { pairOptions } from "./open_pairs.ts";
import { say, sayAside } from "./standard_streams.ts";
import type { Terminal } from "./terminal.ts";

/** What pairs of a good and a bad text are called, where nothing else is named; the second as BLiMP has them. */
const usual = [["good", "bad"], ["sentence_good", "sentence_bad"]] as const;

/** What groups are called, where nothing else is named. */
const usualGroups = ["group", "UID", "phenomenon", "category"];

/** Options of {@linkcode evaluatePairs}. */
export interface EvaluatePairsOptions {
  /** The file. */
  readonly path: string;
  /** Fields of the good and the bad text, and of the group, with commas between. */
  readonly field: string | undefined;
  /** What the file is. */
  readonly format: TextFormat | undefined;
  /** Pairs that may be skipped. */
  readonly skipBad: number | undefined;
  /** Whether the rest of a token's word is masked too. */
  readonly restOfWord: boolean;
}

/** Reads the pairs of a file. */
export async function readPairs({ path, field, format, skipBad }: EvaluatePairsOptions): Promise<TextPair[]> {
  const bad = new BadRecords(skipBad);
  const options = pairOptions({ field, format });
  const pairs = await Array.fromAsync(textPairs(await fileSource(path), { ...options, usual, usualGroups, bad }));
  for (const line of skippedLines(bad)) sayAside(line);
  if (pairs.length > 0) return pairs;
  throw new RangeError(`Cannot evaluate on ${path}: it has no pairs`);
}

/** Scores the pairs of a file by one model or two, and prints what came of it. */
export async function evaluatePairs(
  models: readonly MaskedLanguageModel[],
  pairs: readonly TextPair[],
  { path, restOfWord, terminal }: EvaluatePairsOptions & { terminal: Terminal | undefined },
): Promise<void> {
  const scores: PairScore[][] = [];
  for (const model of models) scores.push(await scored(model, pairs, restOfWord));
  const results = scores.map((some, i) => ({ model: models[i]!.place, ...resultOf(some) }));
  const difference = scores.length === 2 ? accuracyDifference(scores[0]!, scores[1]!) : undefined;
  if (!terminal) {
    const told = results.map(({ groups, ...rest }) => ({ ...rest, groups: Object.fromEntries(groups) }));
    return say(safeJson({ pairs: path, ...(difference ? { models: told, difference } : told[0]) }));
  }
  terminal.print(`pairs  ${path}: ${grouped(pairs.length)}, by the sum of the log-probabilities of their tokens`);
  terminal.print(accuracyTable(results, terminal.columns));
  const few = fewNotice(pairs.length, "pair");
  if (few) sayAside(`note: ${few}`);
  const ties = Math.max(...results.map(({ all }) => all.ties));
  if (ties > 0) {
    terminal.print(`note: the two texts of ${counted(ties, "pair")} are equally probable, which counts half`);
  }
  if (difference) terminal.print(differenceLine(difference));
}

async function scored(
  model: MaskedLanguageModel,
  pairs: readonly TextPair[],
  restOfWord: boolean,
): Promise<PairScore[]> {
  const work = longWork(progressAside(), `scoring pairs by ${model.place}`);
  const scores: PairScore[] = [];
  try {
    for await (const score of scorePairs(model, pairs, { restOfWord })) {
      scores.push(score);
      work.at(scores.length, { total: pairs.length, words: `${grouped(scores.length)} pairs` });
    }
  } finally {
    work.end();
  }
  return scores;
}

interface Result {
  readonly all: PairAccuracy;
  readonly groups: ReadonlyMap<string, PairAccuracy>;
}

const resultOf = (scores: readonly PairScore[]): Result => ({
  all: pairAccuracy(scores),
  groups: groupAccuracies(scores),
});

/** Accuracy of all pairs and of each group, a column for each model. */
function accuracyTable(results: readonly (Result & { readonly model: string })[], width: number): string {
  const groups = [...results[0]!.groups.keys()];
  const of = ({ all, groups: own }: Result, group: string | undefined) => group === undefined ? all : own.get(group)!;
  const rows = [...groups, undefined];
  return fittedTable([
    ["group", rows.map((group) => group ?? "all")],
    ["pairs", rows.map((group) => grouped(of(results[0]!, group).pairs))],
    ...results.map((result): [string, string[]] => [
      results.length === 1 ? "accuracy" : result.model,
      rows.map((group) => withError(of(result, group))),
    ]),
    ["ties", rows.map((group) => grouped(of(results[0]!, group).ties))],
  ], { width, leaving: ["ties", "pairs"] });
}

const withError = ({ accuracy, error }: PairAccuracy) => `${percent(accuracy)} ± ${percent(error)}`;

function differenceLine({ difference, error }: { difference: number; error: number }): string {
  const which = Math.abs(difference) < 2 * error || difference === 0
    ? "no clear difference"
    : `the ${difference > 0 ? "second" : "first"} is better`;
  const sign = difference < 0 ? "−" : "+";
  return `second less first: ${sign}${percent(Math.abs(difference))} ± ${percent(error)} of the pairs: ${which}`;
}
