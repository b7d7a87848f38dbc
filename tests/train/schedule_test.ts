import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { parseCurriculum } from "../../lib/batch/curriculum.ts";
import {
  describeBudget,
  highestMaskRate,
  isDue,
  learningRateAt,
  maskRateAt,
  planStages,
  planStep,
  progressOf,
  type Schedule,
  stepSize,
} from "../../lib/train/schedule.ts";

/** The rate at each of so many steps. */
function rates(schedule: Schedule, { steps = 1000, share = 0.1 } = {}): number[] {
  return Array.from({ length: steps }, (_, step) =>
    learningRateAt({ peak: 2, schedule, warmup: { share } }, {
      progress: step / steps,
      step,
      stepShare: 1 / steps,
      width: 128,
    }));
}

Deno.test("learningRateAt() rises over the warm-up and reaches the peak at its end", () => {
  for (const schedule of ["linear", "cosine", "trapezoidal"] as const) {
    const all = rates(schedule);
    assertAlmostEquals(all[0]!, 0.02, 1e-12);
    assertAlmostEquals(all[49]!, 1, 1e-12);
    assertAlmostEquals(all[99]!, 2, 1e-12);
    assert(Math.max(...all) <= 2);
    assert(all.at(-1)! < 0.1 && all.at(-1)! > 0);
  }
});

Deno.test("learningRateAt() falls in the shape of its name", () => {
  assertAlmostEquals(rates("linear")[550]!, 1, 1e-9);
  assertAlmostEquals(rates("cosine")[550]!, 1, 1e-9);
  assertAlmostEquals(rates("cosine")[325]!, 1 + Math.SQRT1_2, 1e-9);
  assertEquals(rates("trapezoidal")[799], 2);
  assertAlmostEquals(rates("trapezoidal")[850]!, 2 * (1 - Math.sqrt(0.25)), 1e-9);
});

Deno.test("learningRateAt() by noam peaks at 0.001976 at labml's step 2000", () => {
  const at = (step: number) =>
    learningRateAt({ peak: 1, schedule: "noam", warmup: { steps: 2000 } }, {
      progress: 0,
      step: step - 1,
      stepShare: 1e-5,
      width: 128,
    });
  assertAlmostEquals(at(2000), 0.001976, 5e-7);
  assertAlmostEquals(at(1000), at(2000) / 2, 1e-12);
  assertAlmostEquals(at(8000), at(2000) / 2, 1e-12);
});

Deno.test("isDue() is true once for every multiple, the last included", () => {
  const count = (every: Parameters<typeof isDue>[0], steps: number) =>
    Array.from(
      { length: steps },
      (_, step) => isDue(every, { step, progress: step / steps }, { step: step + 1, progress: (step + 1) / steps }),
    ).filter(Boolean)
      .length;
  assertEquals(count({ share: 0.1 }, 977), 10);
  assertEquals(count({ share: 0.3 }, 50), 3);
  assertEquals(count({ steps: 20 }, 100), 5);
  assertEquals(count({ share: 0.01 }, 10), 10);
});

Deno.test("planStep() reads length, mask rate and learning rate from one clock", () => {
  const settings = {
    budget: { tokens: 10_000 },
    curriculum: parseCurriculum("16:50%,32"),
    maskRate: { start: 0.4, end: 0.2 },
    learningRate: { peak: 1, schedule: "linear" as const, warmup: { share: 0.1 } },
    batchTokens: 100,
    accumulate: 2,
    width: 64,
  };
  const at = (tokens: number) => planStep({ step: 0, tokens, seconds: 0 }, settings);
  assertEquals([at(0).length, at(4999).length, at(5000).length], [16, 16, 32]);
  assertAlmostEquals(at(5000).maskRate, 0.3, 1e-12);
  assertAlmostEquals(at(5500).learningRate, 0.5, 1e-12);
  assertAlmostEquals(at(0).learningRate, 0.0192 / 0.1, 1e-12);
  assertEquals(progressOf({ minutes: 2 }, { step: 0, tokens: 0, seconds: 30 }), 0.25);
  assertEquals(progressOf({ steps: 8 }, { step: 2, tokens: 0, seconds: 0 }), 0.25);
});

Deno.test("maskRateAt() goes from point to point, and highestMaskRate() sees those within a stage", () => {
  const rate = { start: 0.4, by: [0.1, 0.2], end: 0.05 };
  const at = [-1, 0, 1 / 6, 1 / 3, 0.5, 2 / 3, 5 / 6, 1, 2].map((progress) => maskRateAt(rate, progress));
  const wanted = [0.4, 0.4, 0.25, 0.1, 0.15, 0.2, 0.125, 0.05, 0.05];
  for (const [i, value] of at.entries()) assertAlmostEquals(value, wanted[i]!, 1e-12);
  const stages = [{ length: 16, share: 0.25 }, { length: 32, share: 0.75 }];
  assertAlmostEquals(highestMaskRate(rate, stages, 0), 0.4, 1e-12);
  assertAlmostEquals(highestMaskRate(rate, stages, 1), 0.2, 1e-12);
});

Deno.test("planStages() and planStep() count the batches of a stage by its own size", () => {
  const curriculum = parseCurriculum("16:50%@32,16:25%,32@128");
  const common = {
    budget: { tokens: 1024 },
    curriculum,
    maskRate: { start: 0.2, end: 0.2 },
    batchTokens: 64,
    accumulate: 2,
  };
  const planned = planStages(common);
  assertEquals(planned.map(({ windows, tokens, steps }) => [windows, tokens, steps]), [[2, 64, 8], [4, 128, 2], [
    4,
    256,
    1,
  ]]);
  const learningRate = { peak: 1, schedule: "linear", warmup: { share: 0.25 } } as const;
  // the rate rises by tokens: a step of 64 of 1024 is a quarter of the warm-up
  const { learningRate: rate } = planStep({ step: 0, tokens: 0, seconds: 0 }, { ...common, learningRate, width: 64 });
  assertAlmostEquals(rate, 0.25, 1e-12);
});

Deno.test("planStages() shows what each stage amounts to", () => {
  const plan = planStages({
    budget: { tokens: 1_000_000 },
    curriculum: parseCurriculum("32:20%,64:20%,128"),
    maskRate: { start: 0.3, end: 0.15 },
    batchTokens: 1024,
    accumulate: 1,
  });
  assertEquals(plan.map(({ windows, tokens, steps }) => [windows, tokens, steps]), [[32, 1024, 196], [16, 1024, 195], [
    8,
    1024,
    586,
  ]]);
  assertAlmostEquals(plan[2]!.maskRate[0], 0.24, 1e-12);
  assertAlmostEquals(highestMaskRate({ start: 0.3, end: 0.15 }, plan, 1), 0.27, 1e-12);
  assertEquals(maskRateAt({ start: 0.3, end: 0.15 }, 2), 0.15);
});

Deno.test("planStages() counts the steps that planStep() gives each stage", () => {
  const common = { maskRate: { start: 0.3, end: 0.15 }, accumulate: 1, width: 64 };
  const learningRate = { peak: 1, schedule: "linear", warmup: { share: 0.1 } } as const;
  const curriculum = parseCurriculum("16:15%,48:30%,100");
  for (const batchTokens of [100, 128, 500]) {
    for (
      const budget of [{ steps: 1 }, { steps: 2 }, { steps: 7 }, { steps: 100 }, { tokens: 400 }, { tokens: 12_345 }]
    ) {
      const counts = curriculum.map(() => 0);
      let clock = { step: 0, tokens: 0, seconds: 0 };
      while (progressOf(budget, clock) < 1) {
        const { stage } = planStep(clock, { ...common, learningRate, curriculum, budget, batchTokens });
        counts[stage]!++;
        const { tokens } = stepSize({ length: curriculum[stage]!.length, batchTokens, accumulate: 1 });
        clock = { step: clock.step + 1, tokens: clock.tokens + tokens, seconds: 0 };
      }
      const planned = planStages({ ...common, curriculum, budget, batchTokens }).map(({ steps }) => steps);
      assertEquals(planned, counts, JSON.stringify({ batchTokens, budget }));
    }
  }
});

Deno.test("describeBudget() says whole and broken numbers as they are", () => {
  const budgets = [{ tokens: 3_000_000 }, { steps: 1 }, { minutes: 0.5 }, { minutes: 1 }, { minutes: 90 }];
  assertEquals(budgets.map(describeBudget), ["3,000,000 tokens", "1 step", "30 seconds", "1 minute", "90 minutes"]);
});
