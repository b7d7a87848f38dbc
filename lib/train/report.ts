/**
 * Telling of work that a device does, while it does the next.
 *
 * @module
 */

import type { TrainEvent } from "./events.ts";

/** What there is to tell of work that was submitted. */
export interface Report {
  /** Begins to wait for the work, called right before more is submitted; absent where no work belongs to it. */
  readonly begin?: (() => void) | undefined;
  /** Waits, and yields what there is to tell. */
  events(): AsyncGenerator<TrainEvent>;
  /** Whether it is to be told before more is submitted. */
  readonly isFirst?: boolean | undefined;
}

/**
 * Tells reports in order. Where a device works by itself, `overlaps`, each report is asked for, and so its work submitted, before
 * those in front of it are told: the device has work while the host waits and whoever listens does something with what is told.
 * At most one report with work waits.
 *
 * WebGPU in Deno waits inside the call that maps memory, until everything submitted is done: so waiting begins before more is
 * submitted, and what was waited for is looked at afterwards.
 */
export async function* tellReports(
  reports: AsyncGenerator<Report>,
  { overlaps }: { overlaps: boolean },
): AsyncGenerator<TrainEvent> {
  let waiting: Report[] = [];
  while (true) {
    for (const { begin } of waiting) begin?.();
    const next: Report[] = [];
    // what has no work keeps a device busy no longer
    let isOver = false;
    while (!isOver && !next.at(-1)?.begin && !next.at(-1)?.isFirst) {
      const { done, value } = await reports.next();
      if (done) isOver = true;
      else next.push(value);
      if (!overlaps) break;
    }
    for (const report of waiting) yield* report.events();
    waiting = next;
    if (isOver || !overlaps || next.at(-1)?.isFirst) {
      for (const report of waiting) {
        report.begin?.();
        yield* report.events();
      }
      waiting = [];
    }
    if (isOver) return;
  }
}
