/**
 * The run before, of the same text, that a run is compared with.
 *
 * @module
 */

import { parentOf } from "../files/paths.ts";
import { runFacts } from "../page/run_facts.ts";
import type { ValidationRecord } from "../train/events.ts";
import { grouped } from "./figures.ts";
import { readValidations } from "./metrics_file.ts";
import { program } from "./program.ts";
import { readRun, type RunConfig } from "./run_folder.ts";
import { shellWord } from "./shell_word.ts";

/** A run of the same text. */
export interface FormerRun {
  /** Its folder. */
  readonly path: string;
  /** What it was started with. */
  readonly config: RunConfig;
  /** Its best validation. */
  readonly best: ValidationRecord;
}

/** The validation with the least loss; undefined where there is none. */
export function bestOf(validations: readonly ValidationRecord[]): ValidationRecord | undefined {
  const known = validations.filter(({ loss }) => Number.isFinite(loss));
  return known.length === 0 ? undefined : known.reduce((best, record) => record.loss < best.loss ? record : best);
}

/** The latest run beside a run that was begun before it, on the same text; undefined where there is none that was validated. */
export async function formerRun(path: string, config: RunConfig): Promise<FormerRun | undefined> {
  const begun = await begunAt(path);
  const others: { readonly path: string; readonly time: number }[] = [];
  for (const other of await foldersBeside(path)) {
    const time = await begunAt(other);
    if (time !== undefined && (begun === undefined || time < begun)) others.push({ path: other, time });
  }
  for (const { path } of others.sort((a, b) => b.time - a.time)) {
    // what is no run, or a damaged one, is no business of this one
    const other = await readRun(path, "evaluate").catch(() => undefined);
    if (!other || textOf(other) !== textOf(config)) continue;
    const best = bestOf(await readValidations(path).catch(() => []));
    if (best) return { path, config: other, best };
  }
  return undefined;
}

async function foldersBeside(path: string): Promise<string[]> {
  const folder = parentOf(path);
  try {
    const entries = await Array.fromAsync(Deno.readDir(folder));
    return entries.filter(({ isFile, name }) => !isFile && !name.startsWith(".")).map(({ name }) => `${folder}/${name}`)
      .filter((other) => other !== path);
  } catch {
    // what cannot be read holds no run to compare with
    return [];
  }
}

/** When a run was begun: its folder's time of birth, where the system knows it, or that of its settings. */
async function begunAt(path: string): Promise<number | undefined> {
  const time = await Deno.stat(path).then(({ birthtime }) => birthtime?.getTime(), () => undefined);
  return time ?? await Deno.stat(`${path}/config.json`).then(({ mtime }) => mtime?.getTime(), () => undefined);
}

/** What text a run reads, and how, for comparison. */
function textOf({ text: { skipBad: _, ...text }, files }: RunConfig): string {
  return JSON.stringify([text, files]);
}

/** Settings in which runs differ that are told, and the longest value. */
const MOST_FACTS = 4;

/** Facts that say nothing of how a run was trained. */
const untold = ["device", "data"];

/** How a run did beside the one before, in lines. */
export function comparedLines(
  { path, config, best }: { readonly path: string; readonly config: RunConfig; readonly best: ValidationRecord },
  former: FormerRun,
): string[] {
  const about = `before  ${former.path}, the run before on this text, came to ${former.best.loss.toFixed(4)} with ` +
    `${grouped(former.best.tokens)} tokens`;
  const facts = differences(config, former.config);
  const differs = facts.length > 0 ? [`        now ${facts.join(", ")}`] : [];
  if (config.model.vocab !== former.config.model.vocab) {
    return [about, "        its vocabulary is another, so the losses cannot be compared", ...differs];
  }
  const less = former.best.loss - best.loss;
  const result = Math.abs(less) < SAME
    ? "this one came to about the same"
    : `this one is ${less > 0 ? "better" : "worse"} by ${Math.abs(less).toFixed(2)} (loss in nats: lower is better)`;
  return [
    about,
    `        ${result}`,
    ...differs,
    "        the difference with an error bar:",
    `        ${program} eval --compare ${shellWord(former.path)} ${shellWord(path)}`,
  ];
}

/** Nats within which equal runs differ (bench/RESULTS.md). */
const SAME = 0.02;

/** What is otherwise, such as "width 128 instead of 64". */
function differences(config: RunConfig, former: RunConfig): string[] {
  const [now, before] = [runFacts(config), runFacts(former)];
  const names = [...new Set([...Object.keys(now), ...Object.keys(before)])];
  const differ = names.filter((name) => now[name] !== before[name] && !untold.includes(name));
  const some = differ.slice(0, MOST_FACTS).map((name) =>
    `${name} ${now[name] ?? "none"} instead of ${before[name] ?? "none"}`
  );
  return differ.length > MOST_FACTS ? [...some, `and ${differ.length - MOST_FACTS} settings more`] : some;
}
