/**
 * Learning rates that a run had one after the other, as its configuration and its metrics note them.
 *
 * @module
 */

import type { LearningRate } from "../train/schedule.ts";
import { appendMetrics } from "./metrics_file.ts";
import { changeRun, type FormerRate, readRun } from "./run_folder.ts";

/** A learning rate, and those before it. */
export interface Rates {
  /** Now. */
  readonly learningRate: LearningRate;
  /** Before, in order. */
  readonly ratesBefore?: readonly FormerRate[] | undefined;
}

/** Another peak from a step on. */
export function changedRate(
  { learningRate, ratesBefore = [] }: Rates,
  { peak, step, why }: { peak: number; step: number; why: FormerRate["why"] },
): Required<Rates> {
  // a run that goes back never was beyond that step
  const before = ratesBefore.map((rate) => ({ ...rate, until: Math.min(rate.until, step) }));
  return {
    learningRate: { ...learningRate, peak },
    ratesBefore: [...before, { peak: learningRate.peak, until: step, why }],
  };
}

/** Notes a change of the rate in a run's config.json, and in its metrics at the step where it happens. */
export async function noteRates(path: string, { learningRate, ratesBefore = [] }: Rates): Promise<void> {
  const config = await readRun(path);
  if (ratesBefore.length === (config.ratesBefore?.length ?? 0)) return;
  await changeRun(path, { training: { ...config.training, learningRate }, ratesBefore });
  const { peak: before, until: step, why } = ratesBefore.at(-1)!;
  appendMetrics(path, { kind: "rate", step, peak: learningRate.peak, before, why });
}

/** Returns to earlier checkpoints since a rate was last asked for. */
export function returnsOf(ratesBefore: readonly FormerRate[] = []): number {
  return ratesBefore.length - 1 - ratesBefore.findLastIndex(({ why }) => why === "asked");
}

/** A rate for a command line: one digit of a tenth of a rate, and of no more than is usual. */
export const lowerRate = (peak: number, usual = Infinity): string =>
  String(Number(Math.min(peak / 10, usual).toPrecision(1)));
