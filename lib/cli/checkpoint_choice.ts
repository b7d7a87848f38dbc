/**
 * Which checkpoint of a run a command takes: the flag, and what it means of a path.
 *
 * @module
 */

import { stepOf } from "../files/checkpoint_folder.ts";
import { exists, isFolder, joined, trimmed } from "../files/paths.ts";
import { listed, quoted } from "../sentences/safe_text.ts";
import { bestCheckpoint } from "./checkpoint_keeper.ts";
import { type Flag, flag } from "./flags.ts";
import { readValidations } from "./metrics_file.ts";
import { checkModelPath } from "./model_path.ts";
import { checkpointsIn } from "./run_folder.ts";

/** A checkpoint of a run. */
export type CheckpointChoice = "best" | "last" | { readonly step: number };

/** The flag of all commands that read a model. */
export const checkpoint: Flag<CheckpointChoice> = flag(
  "WHICH",
  "of a run: best (by validation), last or step-N (default: last)",
  parseCheckpoint,
);

function parseCheckpoint(text: string): CheckpointChoice {
  if (text === "best" || text === "last") return text;
  // a name as folders have it, or a number as it is printed
  const [, digits] = /^(?:step-)?(\d{1,3}(?:,\d{3})+|\d+)$/.exec(text) ?? [];
  const step = digits === undefined ? NaN : Number(digits.replaceAll(",", ""));
  if (!Number.isSafeInteger(step)) throw new RangeError("write best, last, or a step that was saved, such as step-600");
  return { step };
}

const spelledSteps = (names: readonly string[]) => names.map((name) => `step-${stepOf(name)}`);

/**
 * The path of the checkpoint that a choice means. The last one stays the path of its run, for where that is damaged the one
 * before is taken; another one is taken as it is, or not at all.
 *
 * @throws {RangeError} if there is none such; it says which there are.
 */
export async function checkpointPath(path: string, choice: CheckpointChoice | undefined): Promise<string> {
  if (choice === undefined) return path;
  const fail = (what: string) => new RangeError(`Cannot use ${quoted(path)}: ${what}`);
  if (/^https?:/i.test(path)) {
    throw fail("--checkpoint is for the folder of a run; over http give the address of the checkpoint itself");
  }
  await checkModelPath(path);
  if (!await isRun(path)) throw fail("it is no run, so there is no checkpoint to choose; leave out --checkpoint");
  const names = await checkpointsIn(trimmed(path)).list();
  if (names.length === 0) throw fail("it is a run without a checkpoint");
  if (choice === "last") return path;
  const there = `there ${names.length === 1 ? "is" : "are"} ${listed(spelledSteps(names).reverse())}`;
  if (choice === "best") {
    const best = bestCheckpoint(names, await readValidations(path));
    if (!best) throw fail(`no checkpoint is the best, for none was validated; ${there}`);
    return placeOf(path, best.name);
  }
  const name = names.find((name) => stepOf(name) === choice.step);
  if (name === undefined) throw fail(`it has no checkpoint of step ${choice.step}; ${there}`);
  return placeOf(path, name);
}

/** The same of several models, of which one at least must be a run: the others are as they are. */
export async function checkpointPaths(
  paths: readonly string[],
  choice: CheckpointChoice | undefined,
): Promise<string[]> {
  const areRuns = await Promise.all(paths.map(isRun));
  const isAny = areRuns.includes(true);
  return await Promise.all(paths.map((path, i) => isAny && !areRuns[i] ? path : checkpointPath(path, choice)));
}

const placeOf = (path: string, name: string) => joined(joined(path, "checkpoints"), name);

const isRun = async (path: string) =>
  await isFolder(joined(path, "checkpoints")) || await exists(joined(path, "metrics.jsonl"));

/** The checkpoints of a run in words, the best of them marked; undefined where a path is no run. */
export async function describeCheckpoints(path: string): Promise<string | undefined> {
  if (/^https?:/i.test(path) || !await isRun(path)) return undefined;
  const names = await checkpointsIn(trimmed(path)).list();
  const best = bestCheckpoint(names, await readValidations(path).catch(() => []));
  const steps = spelledSteps(names);
  return names.map((name, i) => name === best?.name ? `${steps[i]} (best by validation)` : steps[i]).join(", ");
}
