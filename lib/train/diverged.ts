/**
 * Training whose numbers are lost.
 *
 * @module
 */

/** Steps that may be skipped one after the other: one bad batch is no reason to stop, but weights do not heal. */
export const MOST_SKIPPED = 5;

/** Training diverged: too many steps in a row were skipped, or the weights or the validation loss are of no use. */
export class DivergedError extends Error {
  /** Name of the class. */
  override name = "DivergedError";
  /** What was found, without what helps. */
  readonly what: string;
  /** The step at which that was seen first. */
  readonly step: number;
  /** Latest number of steps behind which the weights were still good; checkpoints of later steps are of no use. */
  readonly soundUntil: number;

  /** What was found, and where to go back to. */
  constructor(what: string, { step, soundUntil }: { step: number; soundUntil: number }) {
    super(`${what}; a lower learning rate or a longer warm-up helps`);
    this.what = what;
    this.step = step;
    this.soundUntil = soundUntil;
  }
}
