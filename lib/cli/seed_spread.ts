/**
 * Means over seeds, how far they are spread, and whether a difference is more than that.
 *
 * @module
 */

/** A value over seeds. */
export interface Spread {
  /** Mean. */
  readonly mean: number;
  /** Standard deviation between seeds; undefined of one. */
  readonly deviation: number | undefined;
  /** Seeds. */
  readonly count: number;
}

/** Which of several is the best, and how sure that is. */
export interface Verdict {
  /** Numbers of the best and of the second. */
  readonly best: number;
  readonly second: number;
  /** How much lower the loss of the best is, in nats. */
  readonly margin: number;
  /** Half of the margin's 95 % interval over seeds; undefined where seeds do not tell their spread. */
  readonly uncertainty: number | undefined;
}

/** The mean of numbers. */
export const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** The spread of values over seeds; undefined where one of them has none. */
export function spreadOf(values: readonly (number | undefined)[]): Spread | undefined {
  const known = values.filter((value) => value !== undefined);
  if (known.length === 0 || known.length < values.length) return undefined;
  const [mean, count] = [meanOf(known), known.length];
  const squares = known.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, count, deviation: count > 1 ? Math.sqrt(squares / (count - 1)) : undefined };
}

/** The lowest of some means and the next; undefined where there are fewer than two. */
export function verdictOf(spreads: readonly (Spread | undefined)[]): Verdict | undefined {
  const order = [...spreads.keys()].filter((i) => spreads[i] !== undefined)
    .sort((a, b) => spreads[a]!.mean - spreads[b]!.mean);
  const [best, second] = order;
  if (best === undefined || second === undefined) return undefined;
  const [a, b] = [spreads[best]!, spreads[second]!];
  return { best, second, margin: b.mean - a.mean, uncertainty: uncertaintyOf(a, b) };
}

/**
 * Half of the 95 % interval of the difference of two means (Welch, 1947). One that has a single seed is taken to be spread as
 * the other is.
 */
export function uncertaintyOf(a: Spread, b: Spread): number | undefined {
  const [first, second] = [variance(a, b), variance(b, a)];
  if (first === undefined || second === undefined) return undefined;
  const error = first + second;
  // losses that are equal for all seeds say nothing of what another seed would give
  if (Math.sqrt(error) < NO_SPREAD) return undefined;
  const parts = [[first, a.count], [second, b.count]] as const;
  // a single seed adds nothing to what is known of the spread
  const sum = parts.reduce((sum, [part, count]) => sum + (count > 1 ? part ** 2 / (count - 1) : 0), 0);
  const own = Math.max(a.count, b.count) - 1;
  const freedom = a.count > 1 && b.count > 1 && sum > 0 ? error ** 2 / sum : own;
  return quantile(freedom) * Math.sqrt(error);
}

/** Nats below which a spread is that of rounding. */
const NO_SPREAD = 1e-9;

/** Squared standard error of a mean. */
function variance({ deviation, count }: Spread, other: Spread): number | undefined {
  const known = deviation ?? other.deviation;
  return known === undefined ? undefined : known ** 2 / count;
}

/** Quantiles of Student's t, 97.5 %, from one degree of freedom on; fractions are rounded down. */
const quantiles = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];

const quantile = (freedom: number) => quantiles[Math.max(1, Math.floor(freedom)) - 1] ?? quantiles.at(-1)!;
