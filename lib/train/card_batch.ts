/**
 * Batches that fill a graphics card, where a run is long enough to learn as well with them.
 *
 * @module
 */

import type { ModelConfig } from "../model/config.ts";
import type { Budget } from "./schedule.ts";
import type { TrainingSettings } from "./settings.ts";
import { tokenFlop } from "./step_cost.ts";

/** Steps that a run has at the least with larger batches; with 489, at equal tokens, a model was behind: bench/RESULTS.md. */
const FEWEST_STEPS = 1000;

/** Tokens of a step that fill a card, the most first. */
const BATCHES = [16_384, 8192, 4096];

/** How much the learning rate grows at most: as much as was measured. */
const MOST_FACTOR = 4;

/**
 * The largest rate times the model's width: 1.1e-2 at width 64, for which it was measured. What rate is still stable falls with the width
 * (Yang et al., Tensor Programs V, 2022).
 */
const MOST_RATE_WIDTH = 0.73;

/** Operations a second that a graphics card makes of a training step at the least, for budgets by the clock. */
const CARD_FLOP = 3e12;

/** What of the settings decides. */
type Batches = Pick<TrainingSettings, "batchTokens" | "learningRate" | "curriculum" | "maskRate">;

/**
 * The settings with as many tokens a step as suit a graphics card, and a learning rate that grows with them; undefined where the run is
 * too short for more of them. The rate grows as the batch does, up to four times (Goyal et al., Accurate, Large Minibatch SGD, 2017), and
 * up to 0.73 / width.
 */
export function cardBatch<Settings extends Batches>(
  settings: Settings,
  { budget, config }: { budget: Budget; config: ModelConfig },
): Settings | undefined {
  const { batchTokens: usual, learningRate } = settings;
  const tokens = runTokens(settings, { budget, config });
  const batchTokens = BATCHES.find((batch) => tokens >= FEWEST_STEPS * batch);
  if (batchTokens === undefined || batchTokens <= usual) return undefined;
  const factor = Math.min(MOST_FACTOR, batchTokens / usual);
  const most = Math.max(learningRate.peak, MOST_RATE_WIDTH / config.width);
  const peak = Number(Math.min(factor * learningRate.peak, most).toPrecision(3));
  return { ...settings, batchTokens, learningRate: { ...learningRate, peak } };
}

/** Tokens of a run; with a budget by the clock as many as any card sees. */
function runTokens(
  { batchTokens, curriculum, maskRate }: Batches,
  { budget, config }: { budget: Budget; config: ModelConfig },
): number {
  if ("tokens" in budget) return budget.tokens;
  // who counts steps has counted them for the usual batch
  if ("steps" in budget) return budget.steps * batchTokens;
  const { length } = curriculum.at(-1)!;
  return 60 * budget.minutes * CARD_FLOP / tokenFlop(config, { length, maskRate: maskRate.start });
}
