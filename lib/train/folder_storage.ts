/**
 * Checkpoints in a folder: written under a temporary name, synced to disk, renamed.
 *
 * @module
 */

import { type ModelFolder, pathIn } from "../format/folder.ts";
import type { CheckpointStorage } from "./checkpoint.ts";
import { writeFolder } from "./write_files.ts";

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
      const intact = "the checkpoints before it are intact";
      await writeFolder(`${place}/${name}`, files, { temporary, what: `checkpoint ${name}`, intact });
    },
    open: (name) => fileFolder(`${place}/${name}`),
    remove: (name) => Deno.remove(`${place}/${name}`, { recursive: true }),
  };
}

/** A folder of a model on disk. */
export function fileFolder(place: string): ModelFolder {
  return {
    place,
    async open(name) {
      const path = pathIn({ place } as ModelFolder, name);
      let file: Deno.FsFile;
      try {
        file = await Deno.open(path);
      } catch (error) {
        if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
        throw error;
      }
      const { size, isFile } = await file.stat();
      return {
        size: isFile ? size : undefined,
        // without threads in between: twice as quick, and only ever a few megabytes at a time
        read: (into) => Promise.resolve(file.readSync(into)),
        close: () => Promise.try(() => file.close()),
      };
    },
  };
}

/** Whether a folder is a model's: a checkpoint, or any that Hugging Face's classes load. */
async function isModelFolder(path: string): Promise<boolean> {
  for (const name of ["model.safetensors", "model.safetensors.index.json", "pytorch_model.bin"]) {
    if (await Deno.stat(`${path}/${name}`).then(() => true, () => false)) return true;
  }
  return false;
}

/**
 * The models that a path means: of a run its checkpoints, latest last, otherwise the folder itself.
 *
 * @throws {RangeError} if there is none.
 */
export async function findModels(path: string): Promise<[ModelFolder, ...ModelFolder[]]> {
  const trimmed = path.replace(/(?<=.)[\\/]+$/, "");
  if (await isModelFolder(trimmed)) return [fileFolder(trimmed)];
  const storage = folderStorage(`${trimmed}/checkpoints`);
  const [first, ...rest] = (await storage.list()).map((name) => storage.open(name));
  if (first) return [first, ...rest];
  const what = await Deno.stat(trimmed).then(() => true, () => false)
    ? "it is neither a run with a checkpoint nor the folder of a model"
    : "there is no such folder";
  throw new RangeError(`Cannot use "${path}": ${what}`);
}
