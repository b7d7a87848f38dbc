/**
 * How the losses of a run go: which steps were skipped, and which losses leap out.
 *
 * @module
 */

/** What is remembered of the losses so far: plain data, a part of a checkpoint. */
export interface LossTrend {
  /** Tokens in a window of the steps that follow counts; another length has losses of its own. */
  readonly length: number;
  /** Steps of that length. */
  readonly steps: number;
  /** Moving mean of the losses. */
  readonly mean: number;
  /** Moving variance of the losses. */
  readonly variance: number;
  /** Steps for which no spike is told, for one was told. */
  readonly quiet: number;
  /** Steps that were skipped. */
  readonly skipped: number;
  /** Steps that were skipped one after the other until now. */
  readonly inARow: number;
}

/** The trend of a run that begins. */
export const NO_TREND: LossTrend = { length: 0, steps: 0, mean: 0, variance: 0, quiet: 0, skipped: 0, inARow: 0 };

/** Steps over which losses are averaged; none of the first ones is a spike. */
const WINDOW = 50;

/** A spike is so many standard deviations, and so many nats, above the mean. */
const DEVIATIONS = 6;
const LEAST = 0.5;

/** The trend after a step that was skipped. */
export function afterSkip(trend: LossTrend): LossTrend {
  return { ...trend, skipped: trend.skipped + 1, inARow: trend.inARow + 1 };
}

/** The trend after a loss; `usual` is what the loss was about before, where it is a spike to be told. */
export function afterLoss(
  before: LossTrend,
  { loss, length }: { loss: number; length: number },
): { trend: LossTrend; usual: number | undefined } {
  const { skipped } = before;
  if (length !== before.length) {
    return { trend: { ...NO_TREND, skipped, length, steps: 1, mean: loss }, usual: undefined };
  }
  const { steps, mean, variance, quiet } = before;
  const highest = mean + Math.max(LEAST, DEVIATIONS * Math.sqrt(variance));
  const isHigh = steps >= WINDOW && loss > highest;
  const isSpike = isHigh && quiet === 0;
  // a spike must not make the next one look usual
  const difference = (isHigh ? highest : loss) - mean;
  const share = 1 / Math.min(steps + 1, WINDOW);
  const trend = {
    length,
    steps: steps + 1,
    mean: mean + share * difference,
    variance: (1 - share) * (variance + share * difference ** 2),
    // quiet until the losses have been as usual for a while
    quiet: isHigh ? WINDOW : Math.max(0, quiet - 1),
    skipped,
    inARow: 0,
  };
  return { trend, usual: isSpike ? mean : undefined };
}
