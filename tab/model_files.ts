/**
 * A model as files: written as a Hugging Face folder, with the state of training where there is one, and read again.
 *
 * @module
 */

import { encodeSafetensors, memoryFolder, type ModelFolder, toConfigJson, toHuggingFace } from "../format.ts";
import { type CheckpointStorage, loadCheckpoint, type Model, saveCheckpoint, type Tokenizer } from "../mod.ts";
import type { RunOrigin } from "../mod.ts";
import { tokenizerFiles } from "../tokenizer.ts";
import type { TabFiles, TabNote } from "./messages.ts";
import type { RunResult } from "./run.ts";
import { settingsProblem } from "./settings.ts";

/** The file that notes what only this page needs to go on. */
export const NOTE = "tab.json";

type Pieces = readonly Uint8Array<ArrayBuffer>[];

const blobs = (files: Iterable<readonly [string, Pieces]>): Map<string, Blob> =>
  new Map(Array.from(files, ([name, pieces]) => [name, new Blob([...pieces])]));

const text = (value: string): Pieces => [new TextEncoder().encode(value)];
const json = (value: unknown): Pieces => text(JSON.stringify(value, null, 2) + "\n");

/** A storage of one checkpoint, which is in memory. */
function storageOf(folder: ModelFolder, take: CheckpointStorage["save"]): CheckpointStorage {
  return {
    place: folder.place,
    list: () => Promise.resolve([]),
    save: take,
    folder: () => folder,
    remove: () => Promise.resolve(),
  };
}

/** A run's latest checkpoint as files. */
export async function checkpointFiles(
  { model, tokenizer, run: { state, note, isFinished }, origin }: {
    model: Model;
    tokenizer: Tokenizer;
    run: Pick<RunResult, "state" | "note" | "isFinished">;
    origin: RunOrigin;
  },
): Promise<TabFiles> {
  let files = new Map<string, Blob>();
  const storage = storageOf(memoryFolder("the model", new Map()), (_, given) => {
    files = blobs(given);
    return Promise.resolve();
  });
  await saveCheckpoint(storage, { config: model.config, tokenizer, state, origin });
  return new Map([...files, ...blobs([[NOTE, json({ ...note, isFinished })]])]);
}

/** A model that was not trained here as files. */
export async function modelFiles({ model, tokenizer }: { model: Model; tokenizer: Tokenizer }): Promise<TabFiles> {
  const { config, store, device } = model;
  const [bytes] = await device.read([store.values]);
  const parameters = store.split(new Float32Array(bytes!));
  return blobs([
    ["config.json", json(toConfigJson(config, tokenizer.special))],
    ["model.safetensors", encodeSafetensors(toHuggingFace(config, parameters))],
    ...tokenizerFiles(tokenizer, config.maxLength).entries().map(([name, content]) => [name, text(content)] as const),
  ]);
}

/** Files as a folder that models are loaded from. */
export function folderOf(name: string, files: TabFiles): ModelFolder {
  return memoryFolder(name, new Map([...files].map(([name, file]) => [name, [file]])));
}

/** The run that was saved with a model; undefined: it is none of this page's, or it is damaged. */
export async function savedRun(files: TabFiles): Promise<Pick<RunResult, "state" | "note" | "isFinished"> | undefined> {
  const noted = files.get(NOTE);
  if (!noted || !files.has("training.json")) return undefined;
  try {
    const { settings, text, lastLayer, isFinished } = JSON.parse(await noted.text()) as
      & TabNote
      & { isFinished: boolean };
    if (!Number.isInteger(text.crc) || !Number.isInteger(text.characters) || settingsProblem(settings)) {
      return undefined;
    }
    const storage = storageOf(folderOf("the model", files), () => Promise.resolve());
    const { state } = await loadCheckpoint(storage, "saved");
    return { state, note: { settings, text, lastLayer }, isFinished: isFinished === true };
  } catch {
    // the model itself may be whole: what is wrong with it is said when it is loaded
    return undefined;
  }
}
