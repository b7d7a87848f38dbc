/**
 * What comes of a run: whether its losses are those of a model that learns.
 *
 * @module
 */

import { DivergedError } from "../train/diverged.ts";
import type { ValidationRecord } from "../train/events.ts";
import type { Reporter } from "./reporter.ts";

/** Nats above a guess among all tokens from which on a loss is that of no model: twenty times the perplexity of guessing. */
const FAR = 3;

/** The same for texts that are compared: cosines that are divided by a small temperature are far apart when they are wrong. */
const FAR_TEXTS = 20;

/** Tells whether a run learns. */
export interface Outcome extends Reporter {
  /** Steps that were skipped. */
  readonly skipped: number;
  /** Steps in f16 whose gradient overflowed. */
  readonly overflowed: number;
  /** Whether the losses, which were good before, are of no use now: no state to replace a better one. */
  readonly isLost: boolean;
  /** The latest step up to which weights are good, of those up to a step that are not known to be bad. */
  soundUntil(step: number): number;
  /** Why nothing was learned; undefined if something was. */
  problem(): string | undefined;
}

/**
 * Watches the losses of a run. A validation loss that is far above that of guessing, after better ones, throws.
 *
 * @param vocab Different tokens, or texts that each is compared with.
 * @param choices What they are.
 * @param validations Those of before, in order.
 */
export function watchOutcome(
  { vocab, choices = "tokens", validations }: {
    vocab: number;
    choices?: "tokens" | "texts";
    validations: readonly ValidationRecord[];
  },
): Outcome {
  const guess = Math.log(Math.max(2, vocab));
  const isHigh = (loss: number) => !(loss <= guess + (choices === "texts" ? FAR_TEXTS : FAR));
  let loss = NaN;
  let [hasLearned, skipped, overflowed] = [false, 0, 0];
  let sound = validations.findLast((record) => !isHigh(record.loss))?.step;
  /** The first of the steps until now whose losses are high. */
  let highSince: number | undefined;
  const far = () =>
    `the loss is ${loss.toFixed(2)}, where guessing among ${vocab} ${choices} gives ${guess.toFixed(2)}`;
  return {
    event(event) {
      if (event.kind === "skipped") skipped = event.total;
      if (event.kind === "overflow") overflowed++;
      if (event.kind !== "train" && event.kind !== "validation") return;
      ({ loss } = event);
      const { step } = event;
      if (event.kind === "train") {
        hasLearned ||= loss > 0;
        highSince = isHigh(loss) ? highSince ?? step : undefined;
        // its loss is that of the weights before it
        if (!isHigh(loss)) sound ??= step - 1;
      } else if (!isHigh(loss)) sound = step;
      else if (sound !== undefined) {
        throw new DivergedError(`Training diverged by step ${step}: ${far()}`, { step, soundUntil: sound });
      }
    },
    get skipped() {
      return skipped;
    },
    get overflowed() {
      return overflowed;
    },
    get isLost() {
      return highSince !== undefined && sound !== undefined;
    },
    soundUntil: (step) => Math.min(step, highSince === undefined ? step : highSince - 2),
    problem() {
      if (!hasLearned && overflowed > 0) {
        return "the gradient of every step overflowed in f16, whose loss scale takes a few more";
      }
      if (!hasLearned && skipped > 0) return "no step had a loss and a gradient that are numbers";
      if (!hasLearned) {
        return `the loss of every step is 0, for ${
          choices === "texts" ? "all texts were alike" : "nothing was masked"
        }`;
      }
      if (loss === 0 || !Number.isFinite(loss)) return `the loss is ${loss}`;
      return isHigh(loss) ? far() : undefined;
    },
  };
}
