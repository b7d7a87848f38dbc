/**
 * What the commands that use a model share: their flags, and finding and loading it.
 *
 * @module
 */

import { openDevice } from "../device/open_device.ts";
import { readJson, urlFolder } from "../format/model_folder.ts";
import { type OpenedModel, openModel, type OpenOptions } from "../format/open_model.ts";
import { readPooling } from "../format/sentence_folder.ts";

import { MaskedLanguageModel, notPooled, toDevice } from "../inference/load.ts";
import { type Flag, flagSwitch, type ParsedFlags } from "./flags.ts";
import { longWork, progressAside, watchedWeights } from "./long_work.ts";
import { parameterCount } from "../model/parameters.ts";
import { sayAside } from "./standard_streams.ts";
import { checkModelPath } from "./model_path.ts";
import { findModels } from "../files/find_models.ts";
import { DEFAULT_BLAS } from "./train_defaults.ts";
import { trainFlags } from "./train_flags.ts";

const { device, threads, blas } = trainFlags;

/** Flags that say where a model runs that gives the same digits on any CPU. */
export const deviceFlags = {
  device,
  threads,
  blas: { ...blas, help: "system BLAS for the CPU device: auto, off or a path", default: "off" },
};

/** Flags that say where a model runs that reads so much that the time it takes matters more than last digits. */
export const busyDeviceFlags = {
  ...deviceFlags,
  blas: { ...deviceFlags.blas, default: DEFAULT_BLAS },
};

/** What DIR means, for help. */
export const folderHelp =
  `DIR is a run's folder, whose latest checkpoint is taken unless --checkpoint names another, a checkpoint, the folder of any model
of BERT's or ModernBERT's classes, or the http address of one.`;

/** What a command that only reads a model needs of Deno, for help. */
export const modelPermissions: Readonly<Record<string, string>> = {
  "--allow-read=DIR": "the model; of texts in files those too",
  "--allow-net=HOST": "instead, where the model or a text is at an address",
};

/** What a command that computes uses besides, where it is allowed. */
export const devicePermissions: Readonly<Record<string, string>> = {
  "--allow-ffi --allow-env=OPENBLAS_CORETYPE": "a system BLAS, for quicker matrix products on the CPU device",
  "--allow-read=CLONE": "several threads of the CPU device, where the program runs from a clone",
  "--allow-env=XDG_RUNTIME_DIR": "keeps Mesa's graphics drivers from complaining",
};

/** Prints instead of text what programs read. */
export const json: Flag<boolean> = flagSwitch("print JSON");

/**
 * Opens the model that a path means: the newest checkpoint that can be read; one that cannot is named, never skipped in
 * silence.
 */
export async function openNamed(path: string, options: HeadOptions = {}): Promise<OpenedModel> {
  return await openBefore(path, options);
}

/** Which head a model is opened with. */
type HeadOptions = Pick<OpenOptions, "classifier">;

/** The same of the checkpoints before a place, for what is wrong with that. */
async function openBefore(
  path: string,
  { before, failure, classifier }: HeadOptions & { before?: string; failure?: unknown },
): Promise<OpenedModel> {
  if (/^https?:\/\//i.test(path)) return warned(await openAddress(path, { classifier }));
  await checkModelPath(path);
  const folders = await findModels(path);
  const end = before === undefined ? folders.length : folders.findIndex(({ place }) => place === before);
  for (const folder of folders.slice(0, Math.max(0, end)).reverse()) {
    try {
      const model = await openModel(folder, { keepFiles: true, classifier });
      if (failure) sayAside(`note: ${(failure as Error).message}; using the checkpoint before, ${folder.place}`);
      return warned(model);
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}

/**
 * Reads the weights of a model that was opened by its path: of a run whose checkpoint turns out to be damaged, those of the one
 * before. What is read belongs to the model that it is given with.
 */
export async function readNamed<T>(
  path: string,
  opened: OpenedModel,
  read: (opened: OpenedModel) => Promise<T>,
  options: HeadOptions = {},
): Promise<{ opened: OpenedModel; value: T }> {
  while (true) {
    try {
      return { opened, value: await read(opened) };
    } catch (error) {
      if (!(error instanceof SyntaxError) || /^https?:\/\//i.test(path)) throw error;
      opened = await openBefore(path, { ...options, before: opened.folder.place, failure: error });
    }
  }
}

/** Opens the model at an address, which cannot be asked what else is there. */
async function openAddress(address: string, options: HeadOptions): Promise<OpenedModel> {
  const folder = urlFolder(address);
  try {
    return await openModel(folder, { ...options, keepFiles: true });
  } catch (error) {
    // what has just been waited for in vain is not waited for again
    const again = urlFolder(address, { limits: { patience: 2000 } });
    const json = await readJson(again, "config.json").catch(() => undefined) as Record<string, unknown> | undefined;
    if (!json || !("training" in json && "model" in json)) throw error;
    throw new RangeError(
      `Cannot use ${address}: it is the folder of a run; over http its checkpoints cannot be listed, so give the address of ` +
        "one of them, which ends in checkpoints/step- and a number",
    );
  }
}

function warned(model: OpenedModel): OpenedModel {
  const { unused } = model.weights;
  if (unused.length > 0) {
    const some = unused.slice(0, 3).map((name) => `"${name}"`).join(", ");
    sayAside(
      `note: ${unused.length} tensors are not used: ${some}${unused.length > 3 ? " and others" : ""}`,
    );
  }
  return model;
}

/** A model whose weights, where they take long to be read, tell how many were. */
export function watchedModel(opened: OpenedModel): OpenedModel {
  const work = longWork(progressAside(), `reading ${opened.folder.place}`);
  return { ...opened, weights: watchedWeights(opened.weights, { work, parameters: parameterCount(opened.config) }) };
}

/** Which flags say where a model runs. */
interface BusyOptions {
  /** Whether they are {@linkcode busyDeviceFlags}. */
  readonly isBusy?: boolean | undefined;
}

/** Loads a model onto the device that the flags ask for, and passes it on with what the user should know of the device. */
export async function withModel<T>(
  path: string,
  parsed: ParsedFlags,
  use: (model: MaskedLanguageModel, device: { readonly reason: string }) => Promise<T>,
  { isBusy = false, ...options }: HeadOptions & BusyOptions = {},
): Promise<T> {
  const named = await openNamed(path, options);
  const opened = await openDevice(parsed.get(deviceFlags.device), {
    threads: parsed.get(deviceFlags.threads),
    blas: parsed.get((isBusy ? busyDeviceFlags : deviceFlags).blas),
  }).catch(async (error) => {
    await named.weights.close();
    throw error;
  });
  const { device, notice, reason } = opened;
  if (notice) sayAside(`note: ${notice}`);
  try {
    const { opened: { folder, tokenizer }, value: model } = await readNamed(
      path,
      named,
      (opened) => toDevice(watchedModel(opened), device),
      options,
    );
    const pooling = await readPooling(folder).then((pooling) => pooling, notPooled);
    const loaded = new MaskedLanguageModel({ place: folder.place, model, tokenizer, pooling, ownDevice: false });
    try {
      return await use(loaded, { reason });
    } finally {
      loaded.destroy();
    }
  } finally {
    device.destroy();
  }
}

/** Loads models one after the other, and passes them on with what the user should know of their device. */
export async function withModels<T>(
  [path, ...rest]: readonly string[],
  parsed: ParsedFlags,
  use: (models: MaskedLanguageModel[], device: { readonly reason: string }) => Promise<T>,
  options: BusyOptions = {},
): Promise<T> {
  return await withModel(path!, parsed, async (model, device) => {
    if (rest.length === 0) return await use([model], device);
    return await withModels(rest, parsed, (others, device) => use([model, ...others], device), options);
  }, options);
}
