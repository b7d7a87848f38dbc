/**
 * How a comparison of runs looks.
 *
 * @module
 */

import { bestOf } from "./best_loss.ts";
import { type Clock, type Comparison, type CurvePoint, type RunGroup, UNKNOWN } from "./compare_runs.ts";
import type { Doubts, Reason } from "./evaluation_key.ts";
import { duration, grouped, percent, shortCount } from "./figures.ts";
import { type Column, fittedTable } from "./fitted_table.ts";
import { program } from "./program.ts";
import type { RunRecord } from "./run_record.ts";
import type { Spread, Verdict } from "./seed_spread.ts";
import { shellWord } from "./shell_word.ts";

/** A comparison as text; `width`: columns of a line. */
export function comparisonText(
  comparison: Comparison,
  { reasons, shorter = [], width }: Doubts & { width: number },
): string {
  const parts = [differencesText(comparison), groupsText(comparison, width)];
  if (reasons.length > 0) return [...parts, reasonsText(reasons)].join("\n\n");
  const { curves, groups } = comparison;
  parts.push(curveText("validation loss at equal tokens", curves.tokens, { groups, width, spelled: shortTokens }));
  parts.push(
    curveText("validation loss at equal time of training", curves.seconds, { groups, width, spelled: shortTime }),
  );
  const last = [needsText(comparison, width), winnerText(comparison, shorter)];
  return [...parts, ...last].filter((part) => part !== "").join("\n\n");
}

function differencesText({ groups, different }: Comparison): string {
  const entries = Object.entries(different);
  if (entries.length === 0) {
    if (groups.length > 1) return "no setting differs";
    return groups[0]!.runs.length > 1
      ? "the runs differ in their seeds alone"
      : "the runs have the same settings and the same seed";
  }
  const rows = entries.map(([name, values]) => {
    // what cannot be read is told once, in a row of its own
    const isTold = (i: number) => (values[i] === UNKNOWN) === (name === "settings");
    const byValue = Map.groupBy([...groups.keys()].filter(isTold), (i) => values[i]!);
    const told = [...byValue].map(([value, members]) => `${value} (${members.map((i) => groups[i]!.name).join(", ")})`);
    return [name, told.join("; ")];
  });
  const width = Math.max(...rows.map(([name]) => name!.length));
  return `different\n${rows.map(([name, told]) => `  ${name!.padEnd(width)}  ${told}`).join("\n")}`;
}

function groupsText({ groups, final }: Comparison, width: number): string {
  const of = (cell: (runs: readonly RunRecord[]) => string) => groups.map(({ runs }) => cell(runs));
  const columns = {
    run: groups.map(({ name }) => name),
    state: of((runs) => [...new Set(runs.map(stateText))].join(", ")),
    steps: of((runs) => range(runs.map(({ step }) => step), grouped)),
    tokens: of((runs) => range(runs.map(({ tokens }) => tokens), shortCount)),
    training: of((runs) => range(runs.map(({ seconds }) => seconds), duration)),
    best: of((runs) => range(runs.flatMap(({ validations }) => bestOf(validations)?.loss ?? []), (x) => x.toFixed(4))),
    last: final.map(spreadText),
  };
  const seeds = groups.filter(({ runs }) => runs.length > 1).map((group) =>
    `  ${group.name} stands for ${list(group.runs)} (seeds ${group.seeds.join(", ")})`
  );
  if (seeds.length > 0) seeds.push("  last is mean ± standard deviation over seeds, and curves are means");
  const repeated = groups.filter(({ repeated }) => repeated.length > 0).map(({ repeated }) =>
    `  left out, for a run of the same settings and seed came as far: ${list(repeated)}`
  );
  const leaving = ["steps", "best", "tokens", "training"];
  return [fittedTable(Object.entries(columns), { width, leaving }), ...seeds, ...repeated].join("\n");
}

const list = (runs: readonly RunRecord[]) => runs.map(({ path }) => path).join(", ");

const stateText = ({ state, done }: RunRecord) =>
  state === "finished" || done === undefined ? state : `${state} ${percent(Math.min(1, done), 0)}`;

/** Values of a group, from the least to the most. */
function range(values: readonly number[], spelled: (value: number) => string): string {
  if (values.length === 0) return "";
  const [least, most] = [spelled(Math.min(...values)), spelled(Math.max(...values))];
  return least === most ? least : `${least}–${most}`;
}

function spreadText(spread: Spread | undefined): string {
  if (!spread) return "";
  const { mean, deviation } = spread;
  return deviation === undefined ? mean.toFixed(4) : `${mean.toFixed(4)} ± ${deviation.toFixed(4)}`;
}

function curveText(
  title: string,
  points: readonly CurvePoint[],
  { groups, width, spelled }: { groups: readonly RunGroup[]; width: number; spelled: (at: number) => string },
): string {
  if (points.length === 0) return "";
  const columns = points.map(({ at, losses }): Column => [
    spelled(at),
    groups.map((_, i) => losses[i] === undefined ? "–" : losses[i]!.mean.toFixed(4)),
  ]);
  const names = groups.map(({ name }) => name);
  return `${title}\n${fittedTable([["run", names], ...columns], { width, leaving: [] })}`;
}

const shortTokens = (tokens: number) => shortCount(Math.round(tokens));
const shortTime = (seconds: number) => seconds < 60 ? `${seconds.toFixed(1)}s` : duration(seconds);

function needsText({ groups, target }: Comparison, width: number): string {
  if (!target) return "";
  const { loss, needs } = target;
  const columns = {
    run: groups.map(({ name }) => name),
    tokens: needs.map(({ tokens }) => tokens === undefined ? "–" : grouped(tokens)),
    training: needs.map(({ seconds }) => seconds === undefined ? "–" : duration(seconds)),
    "reached by": needs.map(({ reached }, i) => `${reached} of ${groups[i]!.runs.length}`),
  };
  const title = `to a loss of ${loss.toFixed(4)}, the worst of the last ones`;
  return `${title}\n${fittedTable(Object.entries(columns), { width, leaving: ["reached by"] })}`;
}

function winnerText(comparison: Comparison, shorter: readonly Reason[]): string {
  const { groups, winner, curves, final } = comparison;
  if (groups.length === 1) return "";
  const lines: string[] = [];
  const add = (when: string, verdict: Verdict | undefined) => {
    if (verdict) lines.push(`${when}: ${verdictText(verdict, { groups, isSameText: shorter.length === 0 })}`);
  };
  add("at the end", winner.end);
  for (const [clock, told] of [["tokens", "at equal tokens"], ["seconds", "at equal time of training"]] as const) {
    if (winner[clock] && isShorter(comparison, clock)) add(`${told} (${endOf(curves[clock], clock)})`, winner[clock]);
  }
  if (lines.length === 0) return "no winner: fewer than two of them have a validation loss";
  lines.push(...seedLines(comparison), ...shorterLines(shorter));
  const missing = groups.filter((_, i) => final[i] === undefined).map(({ name }) => name);
  if (missing.length > 0) lines.push(`without a loss, and so left out: ${missing.join(", ")}`);
  const unfinished = groups.flatMap(({ runs }) => runs).filter(({ state }) => state !== "finished");
  if (unfinished.length > 0) lines.push(`not finished, so its last loss is no final one: ${list(unfinished)}`);
  return lines.join("\n");
}

/** What is not known of the spread over seeds. */
function seedLines({ groups, final, winner }: Comparison): string[] {
  const compared = groups.filter((_, i) => final[i] !== undefined);
  const single = compared.filter(({ runs }) => runs.length === 1).map(({ name }) => name);
  if (single.length === compared.length) {
    return ["one seed each: repeat with other --seed to see whether that is more than chance"];
  }
  const isSpread = winner.end?.uncertainty !== undefined;
  return [
    ...(isSpread ? [] : ["the spread over seeds is unknown, so that may be chance: give more seeds"]),
    ...(single.length === 0
      ? []
      : [`one seed alone: ${single.join(", ")}${isSpread ? "; its spread is a guess" : ""}`]),
  ];
}

/** Which losses are of less text, and what would make them equal. */
function shorterLines(shorter: readonly Reason[]): string[] {
  if (shorter.length === 0) return [];
  const what = "approximate: a small difference may be that of the texts (--eval-tokens in all runs makes them equal):";
  return [what, ...shorter.map(({ text }) => `  ${text}`)];
}

const endOf = (points: readonly CurvePoint[], clock: Clock) =>
  clock === "tokens" ? `${grouped(points.at(-1)!.at)} tokens` : shortTime(points.at(-1)!.at);

/** Whether some runs end before others, so that equal tokens or time say more than the ends. */
function isShorter({ groups, curves }: Comparison, clock: Clock): boolean {
  const end = curves[clock].at(-1)!.at;
  return groups.some(({ runs }) => runs.some(({ validations }) => (validations.at(-1)?.[clock] ?? end) > 1.01 * end));
}

/** Who is ahead, in words that claim no more than the seeds show. */
function verdictText(
  { best, second, margin, uncertainty }: Verdict,
  { groups, isSameText }: { groups: readonly RunGroup[]; isSameText: boolean },
): string {
  const [first, other] = [groups[best]!.name, groups[second]!.name];
  if (margin === 0) return `${first} and ${other} have the same loss`;
  const ahead = `${first} is ahead of ${other} by ${margin.toFixed(4)} nats`;
  if (uncertainty === undefined) return ahead;
  const interval = `± ${uncertainty.toFixed(4)} (95 % over seeds)`;
  if (margin > uncertainty && !isSameText) return `${ahead},\n  ${interval}`;
  return margin > uncertainty
    ? `${first} is better than ${other}\n  by ${margin.toFixed(4)} ${interval} nats`
    : `no clear winner\n  ${ahead}, within the spread of seeds,\n  ${interval}`;
}

function reasonsText(reasons: readonly Reason[]): string {
  const [{ path, than }] = reasons as [Reason, ...Reason[]];
  return [
    "no winner, for these losses cannot be compared:",
    ...reasons.map(({ text }) => `  ${text}`),
    "measure both on one text with:",
    `  ${program} eval --compare ${shellWord(than)} ${shellWord(path)} --data TEXT --pseudo-words`,
  ].join("\n");
}
