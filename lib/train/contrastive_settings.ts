/**
 * The settings of training by comparing texts, and what must hold of them.
 *
 * @module
 */

import type { ModelConfig, Preset } from "../model/config.ts";
import { TEMPERATURE } from "../model/heads/contrastive.ts";
import type { Corpus } from "../text/corpus.ts";
import { stepSize } from "./schedule.ts";
import { defaultSettings, type TrainingSettings } from "./settings.ts";

/** Tokens of a text where nothing else is said. */
export const TEXT_LENGTH = 64;

/** Texts of a batch: each is compared with the second views of all of them. */
export const BATCH_TEXTS = 64;

/** Share of activations that is dropped in a model that drops none, so that the views of a text differ (SimCSE). */
export const VIEW_DROPOUT = 0.1;

/** Learning rate at width 768; narrower models have learned less that could be forgotten, and get more. */
const PEAK = 3e-5;

/**
 * Defaults of training by comparing texts, for a model of the given width and texts of the given length. At width 768 these are
 * SimCSE's numbers.
 */
export function contrastiveDefaults(
  { preset, width, length = TEXT_LENGTH }: { preset: Preset; width: number; length?: number | undefined },
): Omit<TrainingSettings, "budget"> {
  const defaults = defaultSettings({ preset, width });
  return {
    ...defaults,
    curriculum: [{ length, share: 1 }],
    batchTokens: 2 * BATCH_TEXTS * length,
    pack: "line",
    contrastive: { temperature: TEMPERATURE, views: "dropout" },
    maskRate: { start: 0.15, end: 0.15 },
    lastLayer: undefined,
    learningRate: { peak: PEAK * (768 / width) ** 1.5, schedule: "linear", warmup: { share: 0.1 } },
    optimizer: { ...defaults.optimizer, beta2: 0.999, weightDecay: 0 },
  };
}

/**
 * Throws where texts cannot be compared.
 *
 * @throws {RangeError} that says why.
 */
export function checkContrastive(
  { curriculum, batchTokens, contrastive }: Pick<TrainingSettings, "curriculum" | "batchTokens" | "contrastive">,
  { model, corpus }: { model: { readonly config: Pick<ModelConfig, "dropout"> }; corpus: Pick<Corpus, "pairs"> },
): void {
  for (const { length, batchTokens: own = batchTokens } of curriculum) checkBatch({ length, batchTokens: own });
  const isSame = contrastive?.views === "dropout" && !corpus.pairs && model.config.dropout === 0;
  if (!isSame) return;
  throw new RangeError(
    `Cannot compare a text with itself: nothing is dropped, so both views are the same; wanted a dropout of ${VIEW_DROPOUT}, or views "halves"`,
  );
}

/** Throws where a batch does not hold two windows for each of at least two texts. */
function checkBatch({ length, batchTokens }: { length: number; batchTokens: number }): void {
  const { windows } = stepSize({ length, batchTokens, accumulate: 1 });
  if (windows >= 4 && windows % 2 === 0) return;
  const wish = 2 * length * Math.max(2, Math.floor(windows / 2));
  throw new RangeError(
    `Cannot compare texts in batches of ${batchTokens} tokens: that is ${windows} windows of ${length}, wanted two for each of ` +
      `two texts or more, such as ${wish} tokens`,
  );
}
