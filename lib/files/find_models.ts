/**
 * What a path to a model may mean: a model's folder, a run, or a model in Hugging Face's cache.
 *
 * @module
 */

import { type ModelFolder, readJson, readText } from "../format/model_folder.ts";
import { WEIGHTS, WEIGHTS_INDEX, whatIsThere } from "../format/folder_contents.ts";
import { folderStorage } from "./checkpoint_folder.ts";
import { checkedFolder } from "./checksums.ts";
import { exists, parentOf, trimmed } from "./paths.ts";
import { fileFolder } from "./file_folder.ts";

/**
 * The models that a path means: of a run its checkpoints, latest last; of a model in Hugging Face's cache the version that was
 * fetched; otherwise the folder itself.
 *
 * @throws {RangeError} if there is none; it says what is there.
 */
export async function findModels(path: string): Promise<[ModelFolder, ...ModelFolder[]]> {
  const place = trimmed(path);
  const fail = (what: string) => new RangeError(`Cannot use "${path}": ${what}`);
  const info = await Deno.stat(place).catch((error) => {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
    throw error;
  });
  if (!info) throw fail("there is no such folder");
  if (!info.isDirectory) {
    const folder = parentOf(place);
    throw fail(`it is a file; wanted the folder of a model${await hasWeights(folder) ? `, "${folder}"` : ""}`);
  }
  if (await hasWeights(place)) return [checkedFolder(fileFolder(place))];
  const storage = folderStorage(`${place}/checkpoints`);
  const [first, ...rest] = (await storage.list()).map((name) => storage.folder(name));
  if (first) return [first, ...rest];
  if (await exists(`${place}/snapshots`)) return [fileFolder(await snapshotIn(place, fail))];
  if (await exists(`${place}/metrics.jsonl`)) throw fail("it is a run without a checkpoint");
  const folder = fileFolder(place);
  const json = await readJson(folder, "config.json").catch(() => ({ model_type: "" })) as
    | Record<string, unknown>
    | undefined;
  // a model's folder that lacks its weights says so when it is opened
  if (json && ("model_type" in json || "architectures" in json)) return [folder];
  const what = await whatIsThere(folder, json ? WEIGHTS : "config.json");
  throw fail(
    /^(it|its|the) /.test(what) ? what : `it is neither a run with a checkpoint nor the folder of a model: ${what}`,
  );
}

/** Whether a folder holds weights that can be read. */
async function hasWeights(path: string): Promise<boolean> {
  return await exists(`${path}/${WEIGHTS}`) || await exists(`${path}/${WEIGHTS_INDEX}`);
}

/** The version of a model in Hugging Face's cache: the one that "main" means, or the only one. */
async function snapshotIn(path: string, fail: (what: string) => Error): Promise<string> {
  const main = (await readText(fileFolder(`${path}/refs`), "main").catch(() => ""))?.trim() ?? "";
  if (/^[0-9a-z]+$/i.test(main) && await exists(`${path}/snapshots/${main}`)) return `${path}/snapshots/${main}`;
  const names = (await Array.fromAsync(Deno.readDir(`${path}/snapshots`))).map(({ name }) => name).sort();
  if (names.length === 1) return `${path}/snapshots/${names[0]}`;
  const list = names.slice(0, 5).map((name) => `${path}/snapshots/${name}`).join(" or ");
  throw fail(
    names.length === 0 ? "no version of the model has been fetched to it" : `it holds several versions: name ${list}`,
  );
}
