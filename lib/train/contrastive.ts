/**
 * Training that makes vectors of texts good for comparing them.
 *
 * @module
 */

import { contrastiveDefaults } from "./contrastive_settings.ts";
import type { TrainEvent } from "./events.ts";
import type { ContrastiveSettings, TrainOptions } from "./settings.ts";
import { train } from "./trainer.ts";

/** Options of {@linkcode contrastive}: those of {@linkcode train}, of which what concerns masks means nothing. */
export interface ContrastiveOptions extends Omit<TrainOptions, "contrastive">, Partial<ContrastiveSettings> {
  /**
   * Longest text in tokens, where no curriculum is given.
   *
   * @default {64}
   */
  length?: number | undefined;
}

/**
 * Trains a model by comparing texts, so that the means of its hidden states are like where texts are: the two views of a text are
 * to have the highest cosine among those of a batch (Gao et al., SimCSE, 2021). Views are a text twice under dropout, its halves,
 * or the two texts of each pair of a {@linkcode pairCorpus}. Events are those of {@linkcode train}; accuracy is the share of texts
 * whose other view is the nearest of the batch, in validation that of the two halves of a text, nothing dropped. The head for
 * masked tokens stays as it is, and no longer fits.
 *
 * @throws {RangeError} for views by dropout of a model that drops nothing, and batches of no whole pairs.
 *
 * @example
 * ```ts
 * import * as cloze from "@cloze/mlm";
 *
 * const corpus = cloze.storiesCorpus({ seed: 1 });
 * const tokenizer = cloze.characterTokenizer("abcdefghijklmnopqrstuvwxyzABCDEFGHIJL .,?\n");
 * const { device } = await cloze.openDevice("cpu", { threads: 1 });
 * const config = cloze.modelConfig({ size: "tiny", vocab: tokenizer.size, dropout: 0.1 });
 * const model = cloze.createModel(device, config);
 * const batch = { length: 16, batchTokens: 128, evaluateTokens: 128 };
 * for await (const event of cloze.contrastive({ model, corpus, tokenizer, budget: { steps: 2 }, ...batch })) {
 *   if (event.kind === "train") console.log(event.step, event.loss, event.accuracy);
 * }
 * for await (const { embedding } of cloze.embedTexts({ model, tokenizer }, ["a ball", "a cat"])) console.log(embedding);
 * model.destroy();
 * device.destroy();
 * ```
 */
export function contrastive(
  { temperature, views, length, ...options }: ContrastiveOptions,
): AsyncGenerator<TrainEvent, void, void> {
  const { preset, width } = options.model.config;
  const defaults = contrastiveDefaults({ preset, width, length });
  const how = defaults.contrastive!;
  return train({
    ...defaults,
    ...options,
    contrastive: { temperature: temperature ?? how.temperature, views: views ?? how.views },
  });
}
