/**
 * Whether an index was made by a model as it is now.
 *
 * @module
 */

import { embedTexts } from "../inference/embed.ts";
import type { MaskedLanguageModel } from "../inference/load.ts";
import type { StoredIndex } from "./index_folder.ts";

/** Difference of vectors, as a share of their length, that other devices and 16-bit weights may make. */
const LIKENESS = 0.01;

/** Whether the model makes of the first passage the vector that the index has of it. */
export async function isSameModel(model: MaskedLanguageModel, index: StoredIndex): Promise<boolean> {
  const { config: { width, ways: { pool } }, vectors, passage } = index;
  if (model.config.width !== width) return false;
  const before = vectors.subarray(0, width);
  for await (const { embedding } of embedTexts(model, [passage(0).text], { pool })) {
    const difference = Math.hypot(...embedding.map((value, i) => value - before[i]!));
    return difference <= LIKENESS * Math.hypot(...before);
  }
  return false;
}
