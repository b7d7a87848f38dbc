/**
 * The folder of a model on disk.
 *
 * @module
 */

import { oddKind } from "../access/odd_kind.ts";
import { systemReason } from "../sentences/reasons.ts";
import { type ModelFolder, pathIn } from "../format/model_folder.ts";

/** A folder of a model on disk. */
export function fileFolder(place: string): ModelFolder {
  return {
    place,
    async open(name) {
      const path = pathIn({ place } as ModelFolder, name);
      const fail = (error: unknown) => {
        throw new RangeError(`Cannot read ${path}: ${systemReason(error) ?? "it cannot be read"}`);
      };
      const info = await Deno.stat(path).catch((error) => {
        if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
        return fail(error);
      });
      if (!info) return undefined;
      // a pipe would be waited for, and a device has no end
      const odd = oddKind(info);
      if (odd !== undefined) throw new RangeError(`Cannot read ${path}: it is ${odd}, not a file`);
      const file = await Deno.open(path).catch(fail);
      return {
        size: info.size,
        // without threads in between: twice as quick, and only ever a few megabytes at a time
        read: (into) => Promise.resolve(file.readSync(into)),
        close: () => Promise.try(() => file.close()),
      };
    },
    async list() {
      const names: string[] = [];
      for await (const { name, isDirectory } of Deno.readDir(place)) names.push(isDirectory ? `${name}/` : name);
      return names;
    },
  };
}
