import { assertEquals, assertThrows } from "@std/assert";
import { DivergedError, MOST_SKIPPED } from "../../lib/train/diverged.ts";
import type { TrainRecord } from "../../lib/train/events.ts";
import { NO_TREND } from "../../lib/train/loss_trend.ts";
import { stepJudge } from "../../lib/train/step_judge.ts";

const step = (number: number, changes: Partial<TrainRecord> = {}) =>
  ({
    kind: "train",
    step: number,
    tokens: 100 * number,
    length: 16,
    loss: 2,
    accuracy: 0.5,
    gradientNorm: 1,
    learningRate: 1e-3,
    ...changes,
  }) as TrainRecord;

/** Kinds of what becomes of steps. */
const kinds = (judge: ReturnType<typeof stepJudge>, ...steps: readonly TrainRecord[]) =>
  steps.flatMap((record) => [...judge.judged(record)].map(({ kind }) => kind));

Deno.test("stepJudge() tells steps that trained from those that were skipped, and is sound after the former", () => {
  const judge = stepJudge({ lossScale: undefined });
  assertEquals(kinds(judge, step(1)), ["train"]);
  assertEquals(judge.isSound, true);
  const pairs = step(3, { nextSentence: { loss: Infinity, accuracy: 0.5 } });
  assertEquals(kinds(judge, step(2, { loss: NaN }), pairs), ["skipped", "skipped"]);
  assertEquals([judge.isSound, judge.trend.inARow, judge.trend.skipped], [false, 2, 2]);
  assertEquals(kinds(judge, step(4)), ["train"]);
  assertEquals([judge.isSound, judge.trend.skipped], [true, 2]);
});

Deno.test("stepJudge() tells of a loss that leaps up, as seen from where a run before was", () => {
  const before = stepJudge({ lossScale: undefined });
  kinds(before, ...Array.from({ length: 400 }, (_, i) => step(i + 1, { loss: 2 + 0.01 * (i % 2) })));
  const judge = stepJudge({ trend: before.trend, lossScale: undefined });
  assertEquals(kinds(judge, step(401, { loss: 9 })), ["train", "spike"]);
  assertEquals(kinds(stepJudge({ trend: NO_TREND, lossScale: undefined }), step(1, { loss: 9 })), ["train"]);
});

Deno.test("stepJudge() ends a run of which too many steps in a row were skipped, and says until when it was sound", () => {
  const judge = stepJudge({ lossScale: undefined });
  kinds(judge, step(1), step(2));
  const bad = Array.from({ length: MOST_SKIPPED }, (_, i) => step(3 + i, { gradientNorm: Infinity }));
  const error = assertThrows(() => kinds(judge, ...bad), DivergedError, "Training diverged at step 3");
  assertEquals([error.step, error.soundUntil], [3, 1]);
});

Deno.test("stepJudge() halves a loss scale that was too high, which is no skipped step, and tells of the scale otherwise", () => {
  const judge = stepJudge({ lossScale: { factor: 8, goodSteps: 0 } });
  assertEquals(kinds(judge, step(1, { gradientNorm: Infinity })), ["overflow"]);
  assertEquals([judge.lossScale, judge.isSound, judge.trend.skipped], [{ factor: 4, goodSteps: 0 }, true, 0]);
  const [told] = [...judge.judged(step(2))];
  assertEquals([told?.kind, (told as TrainRecord).lossScale], ["train", 4]);
  // a loss that is not finite is no question of its scale
  assertEquals(kinds(judge, step(3, { loss: NaN, gradientNorm: NaN })), ["skipped"]);
  assertEquals(judge.lossScale, { factor: 4, goodSteps: 1 });
});
