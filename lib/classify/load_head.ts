/**
 * Loading a model that tells classes.
 *
 * @module
 */

import { openDevice } from "../device/open_device.ts";
import type { TextModel } from "../evaluate/text_model.ts";
import type { ModelFolder } from "../format/model_folder.ts";
import { openModel } from "../format/open_model.ts";
import { folderOf, type LoadOptions, toDevice } from "../inference/load.ts";
import type { ClassifiedUnit } from "../model/config.ts";

/** A model that tells classes, and whether its device is its own. */
export interface LoadedHead extends TextModel {
  /** Whether the device was opened for it. */
  readonly ownDevice: boolean;
}

/** What to call for models of the other kind. */
const others: Readonly<Record<ClassifiedUnit, string>> = {
  text: "it tells classes of words; loadTagger loads it",
  token: "it tells classes of texts; loadClassifier loads it",
};

/**
 * Loads a model that tells classes of texts or of tokens.
 *
 * @throws {RangeError} if it does not.
 */
export async function loadHead(
  source: string | URL | ModelFolder,
  { of, device: choice = "auto", threads, blas }: LoadOptions & { of: ClassifiedUnit },
): Promise<LoadedHead> {
  const opened = await openModel(await folderOf(source), { classifier: true });
  const { folder: { place }, config, tokenizer, weights } = opened;
  if (config.classification!.of !== of) {
    await weights.close();
    throw new RangeError(`Cannot use ${place}: ${others[of]}`);
  }
  const ownDevice = typeof choice === "string";
  try {
    const device = ownDevice ? (await openDevice(choice, { threads, blas })).device : choice;
    try {
      return { model: await toDevice(opened, device), tokenizer, ownDevice };
    } catch (error) {
      if (ownDevice) device.destroy();
      throw error;
    }
  } catch (error) {
    await weights.close();
    throw error;
  }
}
