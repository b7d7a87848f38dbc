/**
 * Checkpoints in a folder: written under a temporary name with their checksums, synced to disk, renamed.
 *
 * @module
 */

import type { ModelFolder } from "../format/model_folder.ts";
import { checkedFolder } from "./checksums.ts";
import { fileFolder } from "./file_folder.ts";
import { exists, joined } from "./paths.ts";
import { writing } from "./write_files.ts";
import { type FileSet, writeFolder } from "./write_folder.ts";

/** Where checkpoints are kept: named sets of files, each of which appears whole or not at all. */
export interface CheckpointStorage {
  /** For people: where this is. */
  readonly place: string;
  /** Names, oldest first. */
  list(): Promise<string[]>;
  /** Writes a set of files under a new name. */
  save(name: string, files: FileSet): Promise<void>;
  /** A set as a folder, whose files are found damaged where they are not as they were written. */
  folder(name: string): ModelFolder;
  /** Deletes a set. */
  remove(name: string): Promise<void>;
}

const TEMPORARY = ".unfinished-";

/** Checkpoints are called by their step; other folders are none of ours. */
const CHECKPOINT = /^step-(\d+)$/;

/** Files of which a checkpoint has one at least, however damaged it is. */
const telling = ["training.json", "config.json", "model.safetensors"];

/** The name of the checkpoint after so many steps. */
export function checkpointName(step: number): string {
  return `step-${String(step).padStart(8, "0")}`;
}

/** The steps that a checkpoint's name tells; undefined if it is no such name. */
export function stepOf(name: string): number | undefined {
  const [, step] = CHECKPOINT.exec(name) ?? [];
  return step === undefined ? undefined : Number(step);
}

/** Checkpoints as folders in a folder, which is made at the first save; foreign and empty folders in it are left alone. */
export function folderStorage(place: string): CheckpointStorage {
  return {
    place,
    async list() {
      const names: string[] = [];
      try {
        for await (const { name, isDirectory } of Deno.readDir(place)) {
          if (isDirectory && stepOf(name) !== undefined && await holdsCheckpoint(`${place}/${name}`)) names.push(name);
        }
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
      return names.sort((a, b) => stepOf(a)! - stepOf(b)!);
    },
    async save(name, files) {
      const temporary = `${place}/${TEMPORARY}${name}`;
      // what interrupted runs left behind
      const before = unfinishedRemoved(place);
      const intact = before.length > 0 ? "the checkpoints before it are intact" : undefined;
      const path = `${place}/${name}`;
      if (await exists(path) && !await holdsCheckpoint(path)) await setAside(path, "other");
      await writeFolder(path, files, { temporary, what: `checkpoint ${name}`, intact, checksums: true });
    },
    folder: (name) => checkedFolder(fileFolder(`${place}/${name}`)),
    remove: (name) => Deno.remove(`${place}/${name}`, { recursive: true }),
  };
}

/** The steps of a run's checkpoints, oldest first. */
export async function checkpointSteps(run: string): Promise<number[]> {
  const names = await folderStorage(joined(run, "checkpoints")).list();
  return names.flatMap((name) => stepOf(name) ?? []);
}

async function holdsCheckpoint(path: string): Promise<boolean> {
  for (const name of telling) if (await exists(`${path}/${name}`)) return true;
  return false;
}

/** Gives a folder that is in the way another name, which says what it is; returns its new path. Nothing in it is lost. */
export async function setAside(path: string, what: "damaged" | "other"): Promise<string> {
  const [, folder, name] = /^(.*\/)([^/]+)$/.exec(path)!;
  for (let i = 1;; i++) {
    const free = `${folder}${what}-${name}${i === 1 ? "" : `-${i}`}`;
    if (await exists(free)) continue;
    await writing({ what: "the name of a folder", place: free }, () => Deno.rename(path, free));
    return free;
  }
}

/** Removes checkpoints that were never finished; returns the names of the others. At once, for a program may be about to end. */
export function unfinishedRemoved(place: string): string[] {
  const names: string[] = [];
  try {
    for (const { name } of Deno.readDirSync(place)) {
      if (!name.startsWith(TEMPORARY)) names.push(name);
      else Deno.removeSync(`${place}/${name}`, { recursive: true });
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return names;
}
