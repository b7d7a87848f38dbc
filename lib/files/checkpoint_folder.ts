/**
 * Checkpoints in a folder: written under a temporary name, synced to disk, renamed.
 *
 * @module
 */

import type { ModelFolder } from "../format/model_folder.ts";
import { fileFolder } from "./file_folder.ts";
import { type FileSet, writeFolder } from "./write_files.ts";

/** Where checkpoints are kept: named sets of files, each of which appears whole or not at all. */
export interface CheckpointStorage {
  /** For people: where this is. */
  readonly place: string;
  /** Names, oldest first. */
  list(): Promise<string[]>;
  /** Writes a set of files under a new name. */
  save(name: string, files: FileSet): Promise<void>;
  /** A set as a folder. */
  folder(name: string): ModelFolder;
  /** Deletes a set. */
  remove(name: string): Promise<void>;
}

const TEMPORARY = ".unfinished-";

/** Checkpoints as folders in a folder, which is made at the first save. */
export function folderStorage(place: string): CheckpointStorage {
  return {
    place,
    async list() {
      const names: string[] = [];
      try {
        for await (const { name, isDirectory } of Deno.readDir(place)) {
          if (isDirectory && !name.startsWith(TEMPORARY)) names.push(name);
        }
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
      return names.sort();
    },
    async save(name, files) {
      const temporary = `${place}/${TEMPORARY}${name}`;
      // what interrupted runs left behind
      const before = unfinishedRemoved(place);
      const intact = before.length > 0 ? "the checkpoints before it are intact" : undefined;
      await writeFolder(`${place}/${name}`, files, { temporary, what: `checkpoint ${name}`, intact });
    },
    folder: (name) => fileFolder(`${place}/${name}`),
    remove: (name) => Deno.remove(`${place}/${name}`, { recursive: true }),
  };
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
