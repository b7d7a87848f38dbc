/**
 * The speed of now: that of some seconds, not that of the latest steps alone.
 *
 * @module
 */

import type { TrainRecord } from "../train/events.ts";

/** Weight, in seconds, of the only speed that is known when a length begins. */
const FIRST = 1e-3;

/** Follows the speed of a run. */
export interface RecentSpeed {
  /** Takes the next step. */
  add(record: TrainRecord): void;
  /** Work a second; undefined before the first step. */
  perSecond(): number | undefined;
}

/**
 * The speed of the steps, the latest counting most; another length begins anew.
 *
 * @param options.workOf Work of a token. Default: 1.
 * @param options.halfLife Seconds after which half of a speed is forgotten.
 */
export function recentSpeed(
  { workOf = () => 1, halfLife }: { workOf?: (record: TrainRecord) => number; halfLife: number },
): RecentSpeed {
  let [work, seconds] = [0, 0];
  let last: TrainRecord | undefined;
  return {
    add(record) {
      const goesOn = last !== undefined && last.length === record.length && last.step < record.step;
      if (goesOn) {
        const spent = record.seconds - last!.seconds;
        const kept = 2 ** (-spent / halfLife);
        [work, seconds] = [kept * work + workOf(record) * (record.tokens - last!.tokens), kept * seconds + spent];
      } else [work, seconds] = [workOf(record) * record.tokensPerSecond * FIRST, FIRST];
      last = record;
    },
    perSecond: () => seconds > 0 ? work / seconds : undefined,
  };
}
