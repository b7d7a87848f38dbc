/**
 * What a token costs in training, by which the speed at one length tells that at another.
 *
 * @module
 */

import { capacityFor } from "../batch/masking.ts";
import { architectures, type ModelConfig } from "../model/config.ts";

/** What a token costs going forward only, compared with training: a step goes forward once and backward twice as long. */
export const FORWARD_SHARE = 1 / 3;

/** Parts of training that follow from a step's plan. */
export interface StepShape {
  /** Tokens in a window. */
  readonly length: number;
  /** Share of tokens that are masked. */
  readonly maskRate: number;
}

/** Tokens of a batch for which the room for masked ones is reckoned here. */
const BATCH_TOKENS = 1024;

/**
 * Floating-point operations of training on a token, about: two for each weight forward and twice as many backward, as much for its
 * products with the keys and values of the window, and the head for the share that is masked; of the last layer what comes behind
 * its attention for as many rows as there is room for masked ones.
 */
export function tokenFlop(config: ModelConfig, { length, maskRate }: StepShape): number {
  const { preset, layers, width, hidden, vocab, local, nextSentence } = config;
  const { gated, head } = architectures[preset];
  const behind = width * width + (gated ? 3 : 2) * width * hidden;
  // where texts are compared nothing is masked
  const isWhole = nextSentence || maskRate === 0;
  const room = isWhole ? 1 : capacityFor({ windows: 1, length: BATCH_TOKENS, rate: maskRate }) / BATCH_TOKENS;
  const encoder = layers * 3 * width * width + (layers - 1 + room) * behind;
  const seen = Array.from(
    { length: layers },
    (_, layer) => local?.layers.includes(layer) ? Math.min(length, local.window) : length,
  );
  const attention = seen.reduce((sum, keys) => sum + 2 * keys * width, 0);
  const predicted = vocab * width + (head === "plain" ? 0 : width * width);
  return 6 * (encoder + attention + maskRate * predicted);
}
