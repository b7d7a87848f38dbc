/**
 * The run before, of the same text, that a run is compared with.
 *
 * @module
 */

import { parentOf } from "../files/paths.ts";
import { counted } from "../sentences/counted.ts";
import { bestOf } from "./best_loss.ts";
import { incomparable, type KeyedRecord, type Reason, shorterValidations, textOf } from "./evaluation_key.ts";
import { program } from "./program.ts";
import { readRun } from "./run_folder.ts";
import { factsOf, readRecord, type RunRecord } from "./run_record.ts";
import { shellWord } from "./shell_word.ts";

/** The latest run beside a run that was begun before it, on the same text; undefined where there is none that was validated. */
export async function formerRun(run: RunRecord): Promise<RunRecord | undefined> {
  const text = run.config && textOf(run.config);
  if (text === undefined) return undefined;
  const begun = await begunAt(run.path);
  const others: { readonly path: string; readonly time: number }[] = [];
  for (const other of await foldersBeside(run.path)) {
    const time = await begunAt(other);
    if (time !== undefined && (begun === undefined || time < begun)) others.push({ path: other, time });
  }
  for (const { path } of others.sort((a, b) => b.time - a.time)) {
    // what is no run, or a damaged one, is no business of this one
    const config = await readRun(path, "evaluate").catch(() => undefined);
    if (!config || textOf(config) !== text) continue;
    const other = await readRecord(path);
    if (bestOf(other.validations)) return other;
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

/** Settings in which runs differ that are told, and the longest value. */
const MOST_FACTS = 4;

/** Facts that say nothing of how a run was trained. */
const untold = ["device", "corpus"];

/** How a run did beside the one before, in lines; of two seeds alone nothing is claimed. */
export function comparedLines(now: KeyedRecord, earlier: KeyedRecord): string[] {
  const [{ run }, { run: former }] = [now, earlier];
  const [best, before] = [bestOf(run.validations)!, bestOf(former.validations)!];
  const about = `before  ${former.path}, the run before on this text, came to ${before.loss.toFixed(4)} with ` +
    counted(before.tokens, "token");
  const facts = differences(run, former);
  const differs = facts.length > 0 ? [`        changed: ${facts.join(", ")}`] : [];
  const [reason] = incomparable([earlier, now]);
  if (reason) return [about, `        the losses cannot be compared: ${reason.text}`, ...differs];
  const [shorter] = shorterValidations([earlier, now]);
  return [
    about,
    ...resultLines(before.loss - best.loss, facts, shorter),
    ...differs,
    "        the difference with an error bar:",
    `        ${program} eval --compare ${shellWord(former.path)} ${shellWord(run.path)}`,
  ];
}

/** Who is ahead, in words that claim no more than one seed of each shows. */
function resultLines(less: number, facts: readonly string[], shorter: Reason | undefined): string[] {
  if (facts.length > 0 && facts.every((fact) => /^(seed|--eval-tokens) /.test(fact))) {
    return ["        only the seed is another: the difference is what chance makes of it"];
  }
  const result = Math.abs(less) < SAME
    ? "this one came to about the same"
    : `this one is ${less > 0 ? "ahead" : "behind"} by ${Math.abs(less).toFixed(2)}, with one seed each ` +
      "(loss in nats: lower is better)";
  return [`        ${result}`, ...(shorter ? [`        approximate: ${shorter.text}`] : [])];
}

/** Nats within which equal runs differ (bench/RESULTS.md). */
const SAME = 0.02;

/** Flags of settings whose names in a run's file are others. */
const flagOf: Readonly<Record<string, string>> = { "evaluate tokens": "--eval-tokens" };

/** What is otherwise, such as "width 128 (was 64)". */
function differences(run: RunRecord, former: RunRecord): string[] {
  const [now, before] = [factsOf(run), factsOf(former)];
  const names = [...new Set([...Object.keys(now), ...Object.keys(before)])];
  const differ = names.filter((name) => now[name] !== before[name] && !untold.includes(name));
  const some = differ.slice(0, MOST_FACTS).map((name) =>
    `${flagOf[name] ?? name} ${now[name] ?? "none"} (was ${before[name] ?? "none"})`
  );
  return differ.length > MOST_FACTS ? [...some, `and ${differ.length - MOST_FACTS} settings more`] : some;
}
