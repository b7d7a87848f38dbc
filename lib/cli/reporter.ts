/**
 * What hears of a run: the terminal, files, and whatever else is put on the list.
 *
 * @module
 */

import type { TrainEvent } from "../train/events.ts";

/** Hears of everything that happens in a run. */
export interface Reporter {
  /** Takes an event; training goes on when that is done. */
  event(event: TrainEvent): void | Promise<void>;
  /** Lets go of what it holds, however the run has ended. */
  close?(): void;
}
