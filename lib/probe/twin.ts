/**
 * A model as it was before it learned anything.
 *
 * @module
 */

import type { TextModel } from "../evaluate/text_model.ts";
import { Model } from "../model/model.ts";
import { initialValues, modelParameters } from "../model/parameters.ts";

/** The same encoder with random weights and the same vocabulary; its model is the caller's to destroy. */
export function randomTwin({ model: { device, config }, tokenizer }: TextModel, seed: number): TextModel {
  const names = new Set(modelParameters(config, { head: false }).map(({ name }) => name));
  const model = new Model(device, config, { head: false });
  try {
    model.writeParameters(initialValues(config, seed, { only: (name) => names.has(name) }));
  } catch (error) {
    model.destroy();
    throw error;
  }
  return { model, tokenizer };
}
