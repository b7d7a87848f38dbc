/**
 * Runs against one another: curves at equal tokens and at equal time, what each needs to a loss, and which is the best.
 *
 * @module
 */

import type { Facts } from "../page/run_facts.ts";
import { type EvaluationKey, isSameEvaluation, keyOf, textOf } from "./evaluation_key.ts";
import { factsOf, type RunRecord, type Validated } from "./run_record.ts";
import { meanOf, type Spread, spreadOf, type Verdict, verdictOf } from "./seed_spread.ts";

/** Runs that differ in nothing but their seeds, and are validated on the same tokens. */
export interface RunGroup {
  /** Short name. */
  readonly name: string;
  /** Its runs, each of another seed. */
  readonly runs: readonly RunRecord[];
  /** Runs that repeat a seed of one that came further, and count for nothing. */
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
  /** Tokens, and seconds of training, at which the mean of all reached it. */
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

/** What is told of a setting that cannot be read. */
export const UNKNOWN = "unknown";

/** Keys of runs' validations; without them it is taken that their vocabularies are the same. */
export type EvaluationKeys = ReadonlyMap<RunRecord, EvaluationKey>;

/** Compares runs. */
export function compareRuns(runs: readonly RunRecord[], keys?: EvaluationKeys): Comparison {
  const groups = groupsOf(runs, keys);
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

/** Runs that differ only in their seeds together, as far as their losses are of the same tokens. */
export function groupsOf(runs: readonly RunRecord[], keys: EvaluationKeys = new Map()): RunGroup[] {
  const evaluationOf = (run: RunRecord) => keys.get(run) ?? { ...keyOf(run), vocabulary: "" };
  const groups: { readonly key: string; readonly members: RunRecord[] }[] = [];
  for (const run of runs) {
    const key = settingsKey(run);
    const isOwn = (group: (typeof groups)[number]) => {
      const other = group.members.find(hasLoss);
      return group.key === key && (!other || !hasLoss(run) || isSameEvaluation(evaluationOf(other), evaluationOf(run)));
    };
    const group = groups.find(isOwn);
    if (group) group.members.push(run);
    else groups.push({ key, members: [run] });
  }
  return groups.flatMap(({ members }) => {
    const kept = [...Map.groupBy(members, seedOf).values()].map(furthest);
    const repeated = members.filter((run) => !kept.includes(run));
    // a seed without a loss, as yet or for ever, must not take the others' mean away
    const [others, lossless] = [kept.filter(hasLoss), kept.filter((run) => !hasLoss(run))];
    if (others.length === 0) return [groupOf(kept, repeated)];
    return [groupOf(others, repeated), ...lossless.map((run) => groupOf([run], []))];
  });
}

function groupOf(runs: readonly RunRecord[], repeated: readonly RunRecord[]): RunGroup {
  const [first, ...more] = runs;
  const name = more.length === 0 ? first!.name : `${first!.name} +${more.length}`;
  return { name, runs, repeated, seeds: runs.map(seedOf) };
}

/** The run that was validated for longest, or saw most. */
function furthest(runs: readonly RunRecord[]): RunRecord {
  const reached = (run: RunRecord) => [finiteOf(run).at(-1)?.tokens ?? -1, run.tokens] as const;
  return runs.reduce((best, run) => {
    const [a, b] = [reached(best), reached(run)];
    return (b[0] - a[0] || b[1] - a[1]) > 0 ? run : best;
  });
}

const seedOf = ({ config }: RunRecord) => config?.training.seed;

/** Everything that decides a run's losses, and how fast it is, but its seed; a run whose settings are not known is alone. */
function settingsKey({ path, config }: RunRecord): string {
  if (!config) return path;
  const { model, init, device: { description, settings }, training } = config;
  // how the last layer was computed is nothing that was chosen
  const { seed: _, lastLayer: __, ...others } = training;
  // threads, which decide the time alone, are in the description
  return JSON.stringify([model, sorted(others), textOf(config) ?? path, init, description, settings]);
}

/** Fields in one order, for earlier versions and resumed runs may have written them in another. */
const sorted = (value: object) => Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1);

/** Settings that are not the same in all groups; what cannot be read is unknown. */
function differencesOf(groups: readonly RunGroup[]): Record<string, string[]> {
  const facts = groups.map(({ runs: [run], seeds }): Facts | undefined =>
    run!.config && { ...factsOf(run!), seed: seeds.join(", ") }
  );
  const known = facts.filter((fact) => fact !== undefined);
  const names = [...new Set(known.flatMap(Object.keys))].filter((name) =>
    new Set(known.map((fact) => fact[name])).size > 1
  );
  const rows = names.map((name): [string, string[]] => [
    name,
    facts.map((fact) => fact ? fact[name] ?? "none" : UNKNOWN),
  ]);
  if (known.length < facts.length) rows.push(["settings", facts.map((fact) => fact ? "known" : UNKNOWN)]);
  return Object.fromEntries(rows);
}

/** Validations whose loss is a number. */
const finiteOf = ({ validations }: RunRecord) => validations.filter(({ loss }) => Number.isFinite(loss));

/** Whether a run has a loss to compare. */
export const hasLoss = (run: RunRecord): boolean => finiteOf(run).length > 0;

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
export function reachedAt(curve: readonly ClockedLoss[], loss: number): number | undefined {
  const i = curve.findIndex((point) => point.loss <= loss);
  if (i < 0) return undefined;
  const [before, after] = [curve[i - 1], curve[i]!];
  return before ? before.at + (before.loss - loss) / (before.loss - after.loss) * (after.at - before.at) : after.at;
}

/** A loss, and the tokens or seconds that it was at. */
export interface ClockedLoss {
  readonly at: number;
  readonly loss: number;
}

/** The mean of curves from where all have begun; one that has ended stays at its last loss. */
export function meanCurve(curves: readonly (readonly Validated[])[], clock: Clock): ClockedLoss[] {
  const begun = Math.max(...curves.map((curve) => curve[0]?.[clock] ?? Infinity));
  const places = [...new Set(curves.flatMap((curve) => curve.map((point) => point[clock])))].sort((a, b) => a - b);
  const lossOf = (curve: readonly Validated[], at: number) => lossAt(curve, clock, at) ?? curve.at(-1)!.loss;
  return places.filter((at) => at >= begun)
    .map((at) => ({ at, loss: meanOf(curves.map((curve) => lossOf(curve, at))) }));
}

function needOf({ runs }: RunGroup, loss: number): Need {
  const curves = runs.map(finiteOf);
  return {
    reached: curves.filter((curve) => curve.some((point) => point.loss <= loss)).length,
    tokens: reachedAt(meanCurve(curves, "tokens"), loss),
    seconds: reachedAt(meanCurve(curves, "seconds"), loss),
  };
}
