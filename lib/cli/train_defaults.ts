/**
 * What `train` does where the flags say nothing, for its plan and its help.
 *
 * @module
 */

import { type ModelConfig, modelConfig, type Preset, presets, type Size } from "../model/config.ts";
import { defaultSettings, type TrainingSettings } from "../train/settings.ts";
import type { TuneMode } from "./tuned_products.ts";

/** Tokens that are trained on. */
export const DEFAULT_TOKENS = 3_000_000;

/** Tokens of a vocabulary that is trained. */
export const DEFAULT_VOCABULARY = 8192;

/** System BLAS of a new run. */
export const DEFAULT_BLAS = "auto";

/** When a new run times the ways to make its products. */
export const DEFAULT_TUNE: TuneMode = "on";

/** Size of a model; labml.ai's is of one size only. */
export const defaultSize = (preset: Preset): Size | undefined => preset === "labml" ? undefined : "small";

/** A preset's model but for its vocabulary, and how it is trained. */
export type Defaults = ModelConfig & Omit<TrainingSettings, "budget">;

/** Defaults of a preset, trained to a final length. */
export function defaultsOf(preset: Preset, length?: number): Defaults {
  const model = modelConfig({ preset, size: defaultSize(preset), vocab: 1 });
  return { ...model, ...defaultSettings({ preset, width: model.width, length }) };
}

/** A default for help, and of which presets it is another: `default: 1024; labml: 2048`. */
export function byDefault<T>(pick: (defaults: Defaults) => T, spell: (value: T) => string = String): string {
  const [usual, ...others] = presets.map((preset) => ({ preset, text: spell(pick(defaultsOf(preset))) }));
  const different = others.filter(({ text }) => text !== usual!.text).map(({ preset, text }) => `${preset}: ${text}`);
  return [`default: ${usual!.text}`, ...different].join("; ");
}
