/**
 * Runs against one another: curves at equal tokens and at equal time, what each needs to a loss, and which is the best.
 *
 * @module
 */

import { type Facts, runFacts } from "../page/run_facts.ts";
import type { RunRecord, Validated } from "./run_record.ts";
import { meanOf, type Spread, spreadOf, type Verdict, verdictOf } from "./seed_spread.ts";

/** Runs that differ in nothing but their seeds. */
export interface RunGroup {
  /** Short name. */
  readonly name: string;
  /** Its runs, each of another seed. */
  readonly runs: readonly RunRecord[];
  /** Runs that repeat a seed of another one, and count for nothing. */
  readonly repeated: readonly RunRecord[];
  /** Seeds of its runs. */
  readonly seeds: readonly (number | undefined)[];
}

/** What validations are read by. */
export type Clock = "tokens" | "seconds";

/** A row of a curve: a loss for each group, undefined where it has none there. */
export interface CurvePoint {
  /** Tokens or seconds. */
  readonly at: number;
  /** Losses of the groups, over their seeds. */
  readonly losses: readonly (Spread | undefined)[];
}

/** What a group needs to a loss. */
export interface Need {
  /** Runs of the group that reached it. */
  readonly reached: number;
  /** Tokens, and seconds of training, on average over those. */
  readonly tokens: number | undefined;
  readonly seconds: number | undefined;
}

/** Everything that is told of runs side by side. */
export interface Comparison {
  /** The groups, in the order of their first runs. */
  readonly groups: readonly RunGroup[];
  /** Settings in which groups differ: a value for each. */
  readonly different: Readonly<Record<string, readonly string[]>>;
  /** Last validation losses of the groups. */
  readonly final: readonly (Spread | undefined)[];
  /** Curves by tokens and by time, up to where the shortest ends. */
  readonly curves: Readonly<Record<Clock, readonly CurvePoint[]>>;
  /** The worst of the last losses, and what each group needs to it. */
  readonly target: { readonly loss: number; readonly needs: readonly Need[] } | undefined;
  /** Which is the best: at the end, at equal tokens and at equal time; undefined where fewer than two have a loss. */
  readonly winner: { readonly end: Verdict | undefined } & Readonly<Record<Clock, Verdict | undefined>>;
}

/** Points of a curve. */
const POINTS = 5;

/** Compares runs. */
export function compareRuns(runs: readonly RunRecord[]): Comparison {
  const groups = groupsOf(runs);
  const final = groups.map((group) => spreadOf(group.runs.map((run) => finiteOf(run).at(-1)?.loss)));
  const curves = { tokens: curve(groups, "tokens"), seconds: curve(groups, "seconds") };
  const known = final.flatMap((spread) => spread ? [spread.mean] : []);
  const loss = Math.max(...known);
  const verdictAt = (clock: Clock) => verdictOf(curves[clock].at(-1)?.losses ?? []);
  return {
    groups,
    different: differencesOf(groups),
    final,
    curves,
    target: known.length < 2 ? undefined : { loss, needs: groups.map((group) => needOf(group, loss)) },
    winner: { end: verdictOf(final), tokens: verdictAt("tokens"), seconds: verdictAt("seconds") },
  };
}

/** Runs that differ only in their seeds together. */
export function groupsOf(runs: readonly RunRecord[]): RunGroup[] {
  const groups = new Map<string, RunRecord[]>();
  for (const run of runs) {
    const key = settingsKey(run);
    groups.set(key, [...groups.get(key) ?? [], run]);
  }
  return [...groups.values()].map((members) => {
    const isFirst = (run: RunRecord, i: number) => members.findIndex((other) => seedOf(other) === seedOf(run)) === i;
    const kept = members.filter(isFirst);
    return {
      name: kept.length === 1 ? kept[0]!.name : `${kept[0]!.name} +${kept.length - 1}`,
      runs: kept,
      repeated: members.filter((run, i) => !isFirst(run, i)),
      seeds: kept.map(seedOf),
    };
  });
}

const seedOf = ({ config }: RunRecord) => config?.training.seed;

/** Everything that decides a run's losses, and how fast it is, but its seed; a run whose settings are not known is alone. */
function settingsKey({ path, config }: RunRecord): string {
  if (!config) return path;
  const { model, text, files, init, device, training: { seed: _, ...training } } = config;
  return JSON.stringify([
    model,
    sorted(training),
    text,
    files.map(({ size, head }) => [size, head]),
    init,
    device.settings,
  ]);
}

/** Fields in one order, for earlier versions and resumed runs may have written them in another. */
const sorted = (value: object) => Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1);

/** Settings that are not the same in all groups. */
function differencesOf(groups: readonly RunGroup[]): Record<string, string[]> {
  const facts: Facts[] = groups.map(({ runs, seeds }) => {
    const { seed, ...rest } = runFacts(runs[0]!.config);
    return seed === undefined ? rest : { ...rest, seed: seeds.join(", ") };
  });
  const names = [...new Set(facts.flatMap(Object.keys))];
  const rows = names.map((name): [string, string[]] => [name, facts.map((fact) => fact[name] ?? "none")]);
  return Object.fromEntries(rows.filter(([, values]) => new Set(values).size > 1));
}

/** Validations whose loss is a number. */
const finiteOf = ({ validations }: RunRecord) => validations.filter(({ loss }) => Number.isFinite(loss));

/** Losses of the groups at equal distances, up to where the shortest run ends. */
function curve(groups: readonly RunGroup[], clock: Clock): CurvePoint[] {
  const ends = groups.flatMap(({ runs }) => runs.flatMap((run) => finiteOf(run).at(-1)?.[clock] ?? []));
  if (ends.length === 0) return [];
  const end = Math.min(...ends);
  return Array.from({ length: POINTS }, (_, i) => {
    const at = i === POINTS - 1 ? end : end * (i + 1) / POINTS;
    const losses = groups.map(({ runs }) => spreadOf(runs.map((run) => lossAt(finiteOf(run), clock, at))));
    return { at, losses };
  });
}

/** The loss between two validations, on a straight line; undefined before the first and after the last. */
export function lossAt(curve: readonly Validated[], clock: Clock, at: number): number | undefined {
  const next = curve.findIndex((point) => point[clock] >= at);
  if (next < 0) return undefined;
  const [before, after] = [curve[next - 1], curve[next]!];
  if (after[clock] === at) return after.loss;
  if (!before) return undefined;
  const share = (at - before[clock]) / (after[clock] - before[clock]);
  return before.loss + share * (after.loss - before.loss);
}

/** Where a curve first comes down to a loss, between validations on a straight line. */
export function reachedAt(curve: readonly Validated[], loss: number): Record<Clock, number> | undefined {
  const i = curve.findIndex((point) => point.loss <= loss);
  if (i < 0) return undefined;
  const [before, after] = [curve[i - 1], curve[i]!];
  const share = before ? (before.loss - loss) / (before.loss - after.loss) : 1;
  const between = (clock: Clock) => (before?.[clock] ?? 0) + share * (after[clock] - (before?.[clock] ?? 0));
  return { tokens: between("tokens"), seconds: between("seconds") };
}

function needOf({ runs }: RunGroup, loss: number): Need {
  const reached = runs.flatMap((run) => reachedAt(finiteOf(run), loss) ?? []);
  const mean = (clock: Clock) => reached.length === 0 ? undefined : meanOf(reached.map((need) => need[clock]));
  return { reached: reached.length, tokens: mean("tokens"), seconds: mean("seconds") };
}
