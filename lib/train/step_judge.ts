/**
 * Tells steps that trained from those that were skipped, and losses that leap up from others.
 *
 * @module
 */

import { isOverflow, type LossScale, nextLossScale } from "../optimizer/loss_scale.ts";
import { DivergedError, MOST_SKIPPED } from "./diverged.ts";
import type { OverflowRecord, SkippedRecord, SpikeRecord, TrainRecord } from "./events.ts";
import { afterLoss, afterSkip, type LossTrend, NO_TREND } from "./loss_trend.ts";

/** What becomes of a step that was read back. */
type StepEvent = TrainRecord | SkippedRecord | OverflowRecord | SpikeRecord;

/** Judges the steps of a run, in order. */
export interface StepJudge {
  /** How the losses went so far. */
  readonly trend: LossTrend;
  /** What the device multiplies the next step's loss by, as far as steps were judged, where activations are f16. */
  readonly lossScale: LossScale | undefined;
  /** Whether the weights are worth keeping as far as is known: the latest step was not skipped. */
  readonly isSound: boolean;
  /**
   * A step as events: one that trained, perhaps with a spike, or one that was skipped.
   *
   * @throws {DivergedError} if too many in a row were.
   */
  judged(told: TrainRecord): Generator<StepEvent>;
}

/** A judge of a run that begins, or goes on. */
export function stepJudge(
  { trend = NO_TREND, lossScale }: { trend?: LossTrend | undefined; lossScale: LossScale | undefined },
): StepJudge {
  return {
    get trend() {
      return trend;
    },
    get lossScale() {
      return lossScale;
    },
    get isSound() {
      return trend.inARow === 0;
    },
    *judged(told) {
      const { overflow, record, next }: Scaled = lossScale ? scaled(told, lossScale) : { record: told };
      lossScale = next;
      if (overflow) {
        yield overflow;
        return;
      }
      const { step, tokens, loss, gradientNorm, nextSentence, learningRate } = record;
      if ([loss, gradientNorm, nextSentence?.loss ?? 0].every(Number.isFinite)) {
        const { trend: after, usual } = afterLoss(trend, record);
        trend = after;
        yield record;
        if (usual !== undefined) yield { kind: "spike", step, tokens, loss, learningRate, usual };
        return;
      }
      trend = afterSkip(trend);
      yield skipped(record, trend);
      if (trend.inARow >= MOST_SKIPPED) throw diverged(record, trend);
    },
  };
}

/** A step with its loss scale, and the next one's. */
interface Scaled {
  readonly record: TrainRecord;
  /** Told instead, where the scale was too high. */
  readonly overflow?: OverflowRecord;
  readonly next?: LossScale;
}

/** A step with its loss scale, and whether that was too high: what the device found, once more. */
function scaled(record: TrainRecord, scale: LossScale): Scaled {
  const { loss, gradientNorm, nextSentence } = record;
  // a loss that is not finite is one, whichever it is
  const found = { loss: loss + (nextSentence?.loss ?? 0), gradientNorm };
  const [next, lossScale] = [nextLossScale(scale, found), scale.factor];
  if (!isOverflow(scale, found)) return { record: { ...record, lossScale }, next };
  const { accuracy: _, nextSentence: __, gradientNorm: ___, ...rest } = record;
  return { record, overflow: { ...rest, kind: "overflow", lossScale }, next };
}

function skipped(record: TrainRecord, { inARow, skipped: total }: LossTrend): SkippedRecord {
  const { accuracy: _, nextSentence: pairs, ...rest } = record;
  const { loss } = record;
  return { ...rest, kind: "skipped", loss: Number.isFinite(loss) ? pairs?.loss ?? loss : loss, inARow, total };
}

function diverged({ step, loss, gradientNorm, learningRate }: TrainRecord, { inARow }: LossTrend): DivergedError {
  const first = step - inARow + 1;
  return new DivergedError(
    `Training diverged at step ${first}: ${inARow} steps in a row had a loss of ${loss} and a gradient norm of ` +
      `${gradientNorm} at a learning rate of ${learningRate.toPrecision(3)}`,
    // the weights behind step first - 1 are the bad ones, those before it had a good loss
    { step: first, soundUntil: first - 2 },
  );
}
