/**
 * Checkpoints in a folder: written under a temporary name, synced to disk, renamed.
 *
 * @module
 */

import type { CheckpointStorage, FileSet } from "./checkpoint.ts";

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
      await Deno.mkdir(place, { recursive: true });
      const temporary = `${place}/${TEMPORARY}${name}`;
      // what an interrupted run left behind
      await Deno.remove(temporary, { recursive: true }).catch(() => {});
      await Deno.mkdir(temporary);
      await writeFiles(temporary, files);
      await Deno.rename(temporary, `${place}/${name}`);
    },
    read: (name, file) => Deno.readFile(`${place}/${name}/${file}`),
    remove: (name) => Deno.remove(`${place}/${name}`, { recursive: true }),
  };
}

async function writeFiles(folder: string, files: FileSet): Promise<void> {
  for (const [name, parts] of files) {
    using file = await Deno.open(`${folder}/${name}`, { write: true, create: true, truncate: true });
    for (const part of parts) {
      for (let at = 0; at < part.length;) at += await file.write(part.subarray(at));
    }
    await file.sync();
  }
}
