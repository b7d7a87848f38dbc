/**
 * How what a probe finds looks.
 *
 * @module
 */

import { poolNames } from "./pool_names.ts";
import type { Measure } from "../probe/scores.ts";
import type { Probed, ProbeDifference, ProbeResult } from "../probe/probed.ts";
import { fewNotice } from "../evaluate/few.ts";
import { counted } from "../sentences/counted.ts";
import { grouped } from "./figures.ts";
import { fittedTable } from "./fitted_table.ts";

/** What was learned from and tested on, as a line. */
export function probeData({ classes, what, learned, tested, different, rounds }: Probed, name: string): string {
  const from = counted(learned, what === "words" ? "word" : "text");
  const kinds = `${grouped(classes.length)} ${what === "words" ? "tags" : "classes"}`;
  const each = rounds === 1
    ? `learned from ${from}, tested on ${grouped(tested)} others`
    : `${rounds} rounds, each learns from ${from}; tested on ${grouped(tested)}, each once`;
  const copies = different < tested ? ` (${grouped(different)} different ones)` : "";
  return `${name}: ${kinds}; ${each}${copies}`;
}

const points = ({ value, error }: Measure, sign = "") =>
  `${sign}${(100 * value).toFixed(1)} ± ${(100 * error).toFixed(1)}`;

/** A row for each way that was tried, in lines of at most so many columns. */
export function probeTable({ results, best, what }: Probed, width = Infinity): string {
  const several = best.length > 1;
  const names = results.map((result, i) => {
    const which = several && result.model !== undefined ? `${modelNames[result.model] ?? result.model + 1}: ` : "";
    return `${best.includes(i) ? "*" : " "} ${which}${resultName(result, what)}`;
  });
  return fittedTable([
    ["vectors or baseline", names],
    ["layer", results.map(({ layer }) => layer === undefined ? "" : String(layer))],
    ["accuracy, %", results.map(({ score }) => points(score.accuracy))],
    ["macro F1, %", results.map(({ score }) => points(score.macroF1))],
  ], { width, leaving: [] });
}

/** Names of two models that are compared. */
export const modelNames = ["first", "second"] as const;

/** What was tried, in words. */
export function resultName({ kind, pool, neighbours }: ProbeResult, what: Probed["what"]): string {
  const vectors = pool === undefined ? "vectors of the words" : poolNames[pool];
  switch (kind) {
    case "regression":
      return vectors;
    case "neighbours":
      return `${vectors}, ${neighbours} neighbour${neighbours === 1 ? "" : "s"}`;
    case "random":
      return `${vectors}, random weights`;
    case "ngrams":
      return "character n-grams";
    case "frequent":
      return "most frequent tag of each word";
    case "majority":
      return `most frequent ${what === "words" ? "tag" : "class"}`;
  }
}

/** Times its standard error that a difference must be to be told. */
const CLEAR = 2;

/** What the differences say, a line each; of two models only regressions are compared, or all would be said twice. */
export function probeDifferences(probed: Probed): string[] {
  const { results, differences, best, different } = probed;
  const isFew = fewNotice(different, "text") !== undefined;
  return differences.flatMap(({ less, from, ...difference }) => {
    const [a, b] = [results[less]!, results[from]!];
    if (a.kind === "neighbours" || a.kind === "majority") return [];
    const isPair = a.model !== undefined && a.model !== b.model;
    if (a.kind === "regression" && !isPair) return [];
    const which = (result: ProbeResult) => best.length > 1 ? `${modelNames[result.model!]} model` : "model";
    const names = isPair
      ? `second less first, ${resultName(b, probed.what)}, ${layersOf(a, b)}`
      : `${which(b)} less ${a.kind === "random" ? "random weights" : resultName(a, probed.what)}`;
    return [
      `${names}: ${
        verdict(difference, {
          isFew,
          own: isPair ? "the second" : `the ${which(b)}`,
          other: isPair ? "the first" : undefined,
        })
      }`,
    ];
  });
}

const layersOf = (a: ProbeResult, b: ProbeResult) =>
  a.layer === b.layer ? `layer ${b.layer}` : `layer ${b.layer} less ${a.layer}`;

function verdict(
  { accuracy }: Pick<ProbeDifference, "accuracy">,
  { own, other, isFew }: { own: string; other: string | undefined; isFew: boolean },
): string {
  const { value, error } = accuracy;
  const sign = value < 0 ? "−" : "+";
  const said = `accuracy ${sign}${(100 * Math.abs(value)).toFixed(1)} ± ${(100 * error).toFixed(1)} points`;
  if (isFew) return `${said}, which so few do not tell`;
  if (Math.abs(value) < CLEAR * error || value === 0) return `${said}: no clear difference`;
  if (value > 0) return `${said}: ${own} is better`;
  return `${said}: ${other === undefined ? `${own} is worse` : `${other} is better`}`;
}
