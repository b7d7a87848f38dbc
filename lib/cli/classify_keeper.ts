/**
 * The training of a classifier on the disk, in the folder that the classifier will be in, so that one that is cut short goes on.
 *
 * @module
 */

import type { FineTuneProgress, FineTuneState, LooksState, ParameterArrays } from "../classify/fine_tune_state.ts";
import {
  checkpointName,
  type CheckpointStorage,
  folderStorage,
  unfinishedRemoved,
} from "../files/checkpoint_folder.ts";
import { exists, joined } from "../files/paths.ts";
import { makeFolder, WriteError } from "../files/write_files.ts";
import { checkFinite } from "../format/finite.ts";
import { pathIn, readJson } from "../format/model_folder.ts";
import { encodeSafetensors } from "../format/safetensors.ts";
import { readTensors } from "../format/tensor_file.ts";
import { checked, list, number, optional, record, text, whole } from "../sentences/fields.ts";
import { systemReason } from "../sentences/reasons.ts";
import { quoted } from "../sentences/safe_text.ts";
import { program } from "./program.ts";
import { lockFolder, RunInUseError, type RunLock } from "./run_lock.ts";
import { shellWord } from "./shell_word.ts";

/** Folder of it in that of the classifier. */
export const KEPT_TRAINING = ".training";

/** Milliseconds between two savings, at least, and how many times as long as one takes. */
const PAUSE = 60_000;
const TIMES = 20;

/** A training that was kept. */
export interface KeptTraining {
  /** Arguments of the command that began it. */
  readonly args: readonly string[];
  /** Folder that it began in, from which paths in its arguments are read. */
  readonly cwd: string;
  /** Steps that are done. */
  readonly step: number;
  /** Steps there will be, at most. */
  readonly steps: number;
  /** Reads what it goes on with. */
  load(): Promise<FineTuneState>;
}

/** Keeps a training. */
export interface TrainingKeeper {
  /** Saves the progress, where the last saving was long ago. */
  keep(progress: FineTuneProgress): Promise<void>;
  /** Steps of the progress that was saved last; undefined: none was. */
  readonly step: number | undefined;
}

/** The command that goes on with the training of a classifier. */
export const goOnCommand = (target: string): string => `${program} classify train --resume ${shellWord(target)}`;

const storageOf = (target: string): CheckpointStorage => folderStorage(joined(target, KEPT_TRAINING));

/** What was kept; who writes to a place where nothing can be says so. */
const keptNames = async (storage: CheckpointStorage) => await exists(storage.place) ? await storage.list() : [];

const FILE = "training.safetensors";

/** Arrays of a state, by what comes before the names of the parameters. */
const groups = { "now.": "parameters", "first.": "firstMoment", "second.": "secondMoment", "best.": "best" } as const;

const fields = record({
  args: list(text),
  cwd: text,
  step: whole(1),
  steps: whole(1),
  print: text,
  looks: record({ lowest: optional(number()), best: whole(), sinceBest: whole(), latest: whole() }),
});

/**
 * Keeps a training under way for a classifier that goes to `target`.
 *
 * @param options `args`: of the command; `note`: is told what failed, for that is no reason to end the training; `pause`:
 * milliseconds between two savings, at least.
 */
export function trainingKeeper(
  target: string,
  { args, note, pause = PAUSE }: {
    readonly args: readonly string[];
    readonly note: (sentence: string) => void;
    readonly pause?: number | undefined;
  },
): TrainingKeeper {
  const storage = storageOf(target);
  let [next, saved]: [number, number | undefined] = [performance.now() + pause, undefined];
  return {
    get step() {
      return saved;
    },
    async keep({ step, steps, state }) {
      const begun = performance.now();
      if (begun < next) return;
      const whole = await state();
      try {
        const before = await save(storage, { args, cwd: Deno.cwd(), steps, ...whole });
        saved = step;
        for (const old of before) await storage.remove(old);
      } catch (error) {
        note(`${keepError(error, storage)}; training goes on`);
      }
      const now = performance.now();
      next = now + Math.max(pause, TIMES * (now - begun));
    },
  };
}

/** What kept a training from being kept, or what was kept before from being removed. */
const keepError = (error: unknown, { place }: CheckpointStorage) =>
  error instanceof WriteError
    ? error.message
    : `Cannot keep the training in "${place}": ${systemReason(error) ?? (error as Error).message}`;

/** Saves a state; returns the names of those before. */
async function save(
  storage: CheckpointStorage,
  { args, cwd, steps, step, print, looks, ...arrays }: FineTuneState & Pick<KeptTraining, "args" | "cwd" | "steps">,
): Promise<string[]> {
  const tensors = Object.entries(groups).flatMap(([prefix, group]) =>
    [...arrays[group] ?? []].map(([name, data]) => [prefix + name, { shape: [data.length], data }] as const)
  );
  const before = await keptNames(storage);
  const name = checkpointName(step);
  const json = new TextEncoder().encode(JSON.stringify({ args, cwd, step, steps, print, looks }) + "\n");
  await storage.save(name, new Map([[FILE, encodeSafetensors(new Map(tensors))], ["training.json", [json]]]));
  return before.filter((old) => old !== name);
}

/**
 * Checks that a classifier is whole, and not one whose training goes on or was cut short.
 *
 * @throws {RangeError} that says how to go on.
 */
export async function checkWhole(target: string): Promise<void> {
  if (!await exists(joined(target, KEPT_TRAINING)) || await exists(joined(target, "config.json"))) return;
  throw new RangeError(
    `Cannot use ${quoted(target)}: its training goes on, or was cut short; in that case this goes on: ${
      goOnCommand(target)
    }`,
  );
}

/**
 * The training that was kept for a classifier that was to go to `target`, if there is one.
 *
 * @throws {SyntaxError} that says what is wrong with its files.
 */
export async function keptTraining(target: string): Promise<KeptTraining | undefined> {
  const storage = storageOf(target);
  const name = (await keptNames(storage)).at(-1);
  if (name === undefined) return undefined;
  const folder = storage.folder(name);
  const says = `Cannot go on with ${pathIn(folder, "training.json")}`;
  type Told = Pick<KeptTraining, "args" | "cwd" | "step" | "steps"> & { print: string; looks: LooksState };
  const { args, cwd, step, steps, print, looks } = checked<Told>(await readJson(folder, "training.json"), fields, says);
  return {
    args,
    cwd,
    step,
    steps,
    async load() {
      const path = pathIn(folder, FILE);
      const tensors = await readTensors(folder, FILE);
      if (!tensors) throw new SyntaxError(`Cannot go on with ${path}: there is no such file`);
      const group = (prefix: string): ParameterArrays =>
        new Map(
          [...tensors].filter(([name]) => name.startsWith(prefix)).map(([name, { data }]) => {
            checkFinite(data, { path, name });
            return [name.slice(prefix.length), data];
          }),
        );
      const [parameters, firstMoment, secondMoment, best] = Object.keys(groups).map(group);
      return {
        ...{ step, print, looks, parameters: parameters!, firstMoment: firstMoment!, secondMoment: secondMoment! },
        best: best!.size > 0 ? best : undefined,
      };
    },
  };
}

/** Removes what was kept, once the classifier is written, and nothing else. */
export async function removeKept(target: string): Promise<void> {
  const storage = storageOf(target);
  for (const name of await keptNames(storage)) await storage.remove(name);
  unfinishedRemoved(storage.place);
}

/** The right to train a classifier for a folder, which one process has. */
export interface TrainingClaim {
  /** Gives it back, and removes folders that it left empty; at once, for a program may be about to end. */
  end(): void;
}

/**
 * Makes this process the one that trains for `target`.
 *
 * @throws {RangeError} that says who does already.
 */
export async function claimTraining(target: string): Promise<TrainingClaim> {
  const { place } = storageOf(target);
  await makeFolder(place, { what: "the training" });
  const lock = claimed(target, place);
  return {
    end() {
      lock.release();
      for (const folder of [place, target]) {
        try {
          Deno.removeSync(folder);
        } catch {
          // something is in it
        }
      }
    },
  };
}

function claimed(target: string, place: string): RunLock {
  try {
    return lockFolder(place);
  } catch (error) {
    if (!(error instanceof RunInUseError)) throw error;
    throw new RangeError(`Cannot train a classifier for "${target}": ${error.message}`);
  }
}
