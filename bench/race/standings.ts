/**
 * What the lines of a race's log amount to: means, spreads, differences and the way to the baseline's last loss.
 *
 * @module
 */

import { meanOf, type Spread, spreadOf, uncertaintyOf } from "../../lib/cli/seed_spread.ts";
import type { RaceLine, RacePoint } from "./race_log.ts";

/** How a recipe did against the baseline. */
export interface Standing {
  /** Its name. */
  readonly recipe: string;
  /** Seeds that ended well. */
  readonly seeds: readonly number[];
  /** Runs that failed. */
  readonly failed: number;
  /** Last losses, in nats. */
  readonly loss: Spread | undefined;
  /** Mean loss less the baseline's: below 0 is better. */
  readonly difference: number | undefined;
  /** Half of the difference's 95 % interval (Welch, 1947); undefined where too few seeds tell it. */
  readonly uncertainty: number | undefined;
  /** Tokens and seconds of training until the mean curve comes to the loss that the baseline's ends with; undefined: never. */
  readonly toTarget: Way | undefined;
}

/** What it took to come somewhere. */
export type Way = Pick<RacePoint, "tokens" | "seconds">;

/** The mean of several curves, evaluation by evaluation, as far as all of them go. */
export function meanCurve(curves: readonly (readonly RacePoint[])[]): RacePoint[] {
  const count = Math.min(...curves.map(({ length }) => length));
  const mean = (of: keyof RacePoint, at: number) => meanOf(curves.map((points) => points[at]![of]));
  return Array.from({ length: curves.length === 0 ? 0 : count }, (_, i) => ({
    tokens: mean("tokens", i),
    seconds: mean("seconds", i),
    loss: mean("loss", i),
    accuracy: mean("accuracy", i),
  }));
}

/** Tokens and seconds at which a curve first comes to a loss, between two evaluations in proportion; undefined: never. */
export function reached(
  points: readonly RacePoint[],
  target: number,
): Way | undefined {
  const index = points.findIndex(({ loss }) => loss <= target);
  const [before, at] = [points[index - 1], points[index]];
  if (!at) return undefined;
  if (!before) return { tokens: at.tokens, seconds: at.seconds };
  const share = (before.loss - target) / (before.loss - at.loss);
  const between = (from: number, to: number) => from + share * (to - from);
  return { tokens: between(before.tokens, at.tokens), seconds: between(before.seconds, at.seconds) };
}

/** Standings of all recipes of some lines, which are of one text, length and budget; the baseline's is the first. */
export function standings(lines: readonly RaceLine[], baseline: string): Standing[] {
  const good = (recipe: string) => goodRuns(lines, recipe);
  const base = spreadOf(good(baseline).map(lastLoss));
  const target = meanCurve(good(baseline).map(({ points }) => points)).at(-1)?.loss;
  const names = [baseline, ...new Set(lines.map(({ recipe }) => recipe))].filter((name, i, all) =>
    all.indexOf(name) === i
  );
  return names.map((recipe) => {
    const runs = good(recipe);
    const loss = spreadOf(runs.map(lastLoss));
    return {
      recipe,
      seeds: runs.map(({ seed }) => seed),
      failed: lines.filter((line) => line.recipe === recipe && line.failure !== undefined).length,
      loss,
      difference: base && loss && recipe !== baseline ? loss.mean - base.mean : undefined,
      uncertainty: base && loss && recipe !== baseline ? uncertaintyOf(loss, base) : undefined,
      toTarget: target === undefined ? undefined : reached(meanCurve(runs.map(({ points }) => points)), target),
    };
  });
}

const lastLoss = ({ points }: RaceLine) => points.at(-1)!.loss;

/** The last good run of every seed of a recipe. */
export function goodRuns(lines: readonly RaceLine[], recipe: string): RaceLine[] {
  const bySeed = new Map<number, RaceLine>();
  for (const line of lines) {
    if (line.recipe === recipe && line.failure === undefined && line.points.length > 0) bySeed.set(line.seed, line);
  }
  return [...bySeed.values()].sort((a, b) => a.seed - b.seed);
}

const counts = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** Standings as a table of Markdown. */
export function standingsTable(all: readonly Standing[]): string {
  const [base] = all;
  const way = ({ loss, toTarget }: Standing, unit: keyof Way) => {
    if (!loss) return "-";
    if (!toTarget) return "not reached";
    const of = base?.toTarget;
    const factor = of && toTarget !== of ? ` (${(of[unit] / toTarget[unit]).toFixed(2)} ×)` : "";
    return counts.format(toTarget[unit]) + factor;
  };
  const rows = all.map((one) => [
    one.recipe,
    one.seeds.join(" ") + (one.failed > 0 ? ` (${one.failed} failed)` : ""),
    one.loss ? one.loss.mean.toFixed(4) : "-",
    one.loss?.deviation === undefined ? "-" : one.loss.deviation.toFixed(4),
    one.difference === undefined
      ? "-"
      : signed(one.difference) + (one.uncertainty === undefined ? "" : ` ± ${one.uncertainty.toFixed(4)}`),
    way(one, "tokens"),
    way(one, "seconds"),
  ]);
  const header = ["recipe", "seeds", "loss", "spread", "difference", "tokens to target", "seconds to target"];
  const widths = header.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`;
  return [line(header), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}

const signed = (value: number) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(4)}`;

/** What is compared with what: lines of one text, length and budget, in the order of the log. */
export function groupsOf(lines: readonly RaceLine[]): { title: string; lines: RaceLine[] }[] {
  const groups = new Map<string, RaceLine[]>();
  for (const line of lines) {
    const [[unit, amount]] = Object.entries(line.budget) as [[string, number]];
    const title = `${line.text}, evaluated at length ${line.length}, ${counts.format(amount)} ${unit}`;
    groups.set(title, [...groups.get(title) ?? [], line]);
  }
  return [...groups].map(([title, lines]) => ({ title, lines }));
}
