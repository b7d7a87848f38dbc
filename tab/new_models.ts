/**
 * Models to train: new ones, and copies of what was trained before.
 *
 * @module
 */

import { createModel, Model, modelConfig, type Tokenizer, trainTokenizer } from "../mod.ts";
import { type Corpus, textsOf } from "../text.ts";
import type { TabDevice } from "./devices.ts";
import type { TabSettings } from "./messages.ts";

/** A model, its vocabulary and the device that it lies on. */
export interface PlacedModel {
  /** The device. */
  readonly place: TabDevice;
  /** The model. */
  readonly model: Model;
  /** Its vocabulary. */
  readonly tokenizer: Tokenizer;
}

/** A model of random weights, with a vocabulary of a text. */
export async function newModel(place: TabDevice, corpus: Corpus, settings: TabSettings): Promise<PlacedModel> {
  const { size, vocabulary: type, vocabularySize, length, seed } = settings;
  const tokenizer = await trainTokenizer(textsOf(corpus, "training"), {
    type,
    ...(type === "char" ? {} : { size: vocabularySize }),
  });
  const config = modelConfig({ size, vocab: tokenizer.size, maxLength: Math.max(length, LONGEST) });
  return { place, tokenizer, model: createModel(place.device, config, { seed }) };
}

/** Tokens of a text that may be filled in, at least. */
const LONGEST = 256;

/** A model with the weights of another, as if it had never been trained. */
export async function copiedModel(place: TabDevice, { model, tokenizer }: PlacedModel): Promise<PlacedModel> {
  const { store, config, device } = model;
  const [bytes] = await device.read([store.values]);
  const copy = new Model(place.device, config);
  copy.writeParameters(store.split(new Float32Array(bytes!)));
  return { place, tokenizer, model: copy };
}
