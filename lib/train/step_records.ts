/**
 * What steps reported, as events.
 *
 * @module
 */

import type { StepRecords } from "../model/model.ts";
import type { StepRecord } from "../optimizer/step.ts";
import type { TrainRecord } from "./events.ts";
import type { PreparedStep } from "./step_queue.ts";

/** What steps reported, each as if it had trained. */
export function* stepRecords(
  steps: readonly PreparedStep[],
  records: readonly StepRecords[],
  { seconds, since }: { seconds: number; since: number },
): Generator<TrainRecord> {
  const tokens = steps.reduce((sum, { before, after }) => sum + after.tokens - before.tokens, 0);
  const tokensPerSecond = tokens / Math.max(1e-9, seconds - since);
  for (const [i, { masked, pairs }] of records.entries()) {
    const { after, plan } = steps[i]!;
    const { loss, accuracy } = meanOf(masked);
    // of single texts nothing is told
    const nextSentence = pairs && pairs.labels > 0 ? meanOf(pairs) : undefined;
    yield {
      kind: "train",
      ...after,
      seconds: since + (seconds - since) * (i + 1) / steps.length,
      length: plan.length,
      maskRate: plan.maskRate,
      loss,
      accuracy,
      ...(nextSentence ? { nextSentence } : {}),
      learningRate: plan.learningRate,
      gradientNorm: masked.gradientNorm,
      tokensPerSecond,
    };
  }
}

/** Mean loss and accuracy; 0 where nothing was to be predicted. */
function meanOf({ lossSum, correct, labels }: StepRecord): { loss: number; accuracy: number } {
  return labels === 0 ? { loss: 0, accuracy: 0 } : { loss: lossSum / labels, accuracy: correct / labels };
}
