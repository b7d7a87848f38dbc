/**
 * What a token costs in training, by which the speed at one length tells that at another.
 *
 * @module
 */

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

/**
 * Floating-point operations of training on a token: two for each weight forward and twice as many backward, as much for its
 * products with the keys and values of the window, and the head for the share that is masked.
 */
export function tokenFlop(config: ModelConfig, { length, maskRate }: StepShape): number {
  const { preset, layers, width, hidden, vocab, local } = config;
  const { gated, head } = architectures[preset];
  const encoder = layers * (4 * width * width + (gated ? 3 : 2) * width * hidden);
  const seen = Array.from(
    { length: layers },
    (_, layer) => local?.layers.includes(layer) ? Math.min(length, local.window) : length,
  );
  const attention = seen.reduce((sum, keys) => sum + 2 * keys * width, 0);
  const predicted = vocab * width + (head === "plain" ? 0 : width * width);
  return 6 * (encoder + attention + maskRate * predicted);
}
