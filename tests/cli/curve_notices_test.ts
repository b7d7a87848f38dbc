import { assertEquals, assertMatch } from "@std/assert";
import { type CurveFacts, curveNotices } from "../../lib/cli/curve_notices.ts";
import type { TrainRecord, ValidationRecord } from "../../lib/train/events.ts";

const STEPS = 1000;
const EVERY = 50;

/** Numbers of a normal distribution, the same ones every time. */
function normal(seed: number): () => number {
  let state = seed;
  const uniform = () => (state = (state * 1103515245 + 12345) % 2 ** 31) / 2 ** 31;
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

type Curve = (step: number) => number;

const facts: CurveFacts = { vocab: 70, entropy: 3.3, progress: ({ step }) => step / STEPS };

/** What is said of made-up curves. */
function said(
  {
    training,
    validation,
    noise = 0,
    trainNoise = 2 * noise,
    seed = 1,
    tokens = 1000,
    every = EVERY,
    length = () => 128,
    ...other
  }:
    & { training: Curve; validation: Curve; noise?: number; trainNoise?: number; seed?: number; every?: number }
    & { tokens?: number; length?: (step: number) => number }
    & Omit<Partial<CurveFacts>, "tokens">,
): string[] {
  const lines: string[] = [];
  const random = normal(seed);
  const { event } = curveNotices({ ...facts, ...other }, (line) => lines.push(line));
  for (let step = 1; step <= STEPS; step++) {
    const at = { step, tokens: tokens * step };
    event({ kind: "train", ...at, length: length(step), loss: training(step) + trainNoise * random() } as TrainRecord);
    if (step % every > 0) continue;
    event({ kind: "validation", ...at, loss: validation(step) + noise * random() } as ValidationRecord);
  }
  return lines;
}

/** A loss that falls as those of runs do. */
const falling: Curve = (step) => 1.2 + 3 * Math.exp(-step / 150) + 0.6 * (1 - step / STEPS);

Deno.test("curveNotices() says once that validation rises while training falls, and what to do", () => {
  const validation: Curve = (step) => step < 400 ? falling(step) : falling(400) + 0.4 * (step - 400) / 600;
  const lines = said({ training: falling, validation });
  assertEquals(lines.length, 1, lines.join("\n"));
  assertMatch(
    lines[0]!,
    /^note: validation got worse since step 400, from 1\.\d+ to 1\.\d+ at step 6\d0, while .* Ctrl-C/,
  );
  for (let seed = 1; seed <= 20; seed++) {
    const noisy = said({ training: falling, validation, noise: 0.01, seed });
    assertEquals(noisy.map((line) => line.slice(0, 26)), ["note: validation got worse"], `seed ${seed}`);
  }
  // at the end there is nothing to stop
  const late: Curve = (step) => step < 850 ? falling(step) : falling(850) + 0.3 * (step - 850) / 150;
  const [end, ...others] = said({ training: falling, validation: late });
  assertEquals(others, []);
  assertMatch(end!, /at step 1,000, while .* by heart; the best checkpoint is kept; take more text/);
  assertEquals(said({ training: falling, validation, every: 100 }).length, 1, "with the default of ten validations");
});

Deno.test("curveNotices() says nothing of validation that rises with training: that is no overfitting", () => {
  const rising: Curve = (step) => step < 400 ? falling(step) : falling(400) + 0.4 * (step - 400) / 600;
  const lines = said({ training: rising, validation: rising });
  assertEquals(lines.filter((line) => line.includes("by heart")), []);
});

Deno.test("curveNotices() explains once why validation lies above training while windows are short", () => {
  const far = (step: number) => step <= 400 ? falling(step) + 1 : falling(step);
  const about = (lines: string[]) => lines.filter((line) => line.includes("windows"));
  const length = (step: number) => step <= 400 ? 16 : 128;
  assertEquals(about(said({ training: falling, validation: far, length, finalLength: 128 })), [
    "note: validation reads windows of 128 tokens, and training has come to 16 so far: it falls as training's grow longer",
  ]);
  // where they are as long, or it lies no higher, there is nothing to explain
  assertEquals(about(said({ training: falling, validation: far, length: () => 128, finalLength: 128 })), []);
  assertEquals(about(said({ training: falling, validation: falling, length, finalLength: 128 })), []);
});

Deno.test("curveNotices() takes no loss for one that stands while the learning rate still rises", () => {
  const flat: Curve = () => 3.2;
  const early = said({ training: flat, validation: flat, isWarmUp: () => true });
  assertEquals(early.filter((line) => line.includes("stood")), []);
  const late = said({ training: flat, validation: flat, isWarmUp: ({ step }) => step < 300 });
  assertEquals(late.filter((line) => line.includes("stood")).length, 1);
});

Deno.test("curveNotices() says once that validation stands still, if that is long before the end", () => {
  const flat = (from: number): Curve => (step) => falling(Math.min(step, from));
  for (let seed = 1; seed <= 20; seed++) {
    const lines = said({ training: flat(300), validation: flat(300), noise: 0.001, seed });
    assertEquals(lines.length, 1, `seed ${seed}`);
    assertMatch(
      lines[0]!,
      /^note: validation has stood at about 2\.0\d+ since step (350|400|450): .* --resume with half the --lr/,
    );
  }
  assertEquals(said({ training: flat(850), validation: flat(850), noise: 0.001 }), []);
});

Deno.test("curveNotices() says nothing of runs that go well, however noisy", () => {
  for (const noise of [0, 0.005, 0.02, 0.05, 0.1]) {
    for (let seed = 1; seed <= 40; seed++) {
      for (const every of [20, 50, 100]) {
        const lines = said({ training: falling, validation: falling, noise, seed, every });
        assertEquals(lines, [], `noise ${noise}, seed ${seed}, every ${every}`);
      }
    }
  }
});

Deno.test("curveNotices() says nothing of losses that leap up for a moment, or stay between two lengths for a while", () => {
  const leap: Curve = (step) => falling(step) + (step >= 500 && step < 560 ? 0.3 : 0);
  const stairs: Curve = (step) => falling(step < 200 ? Math.min(step, 150) : step);
  assertEquals(said({ training: leap, validation: leap }), []);
  assertEquals(said({ training: stairs, validation: stairs }), []);
});

Deno.test("curveNotices() tells a loss of frequencies alone, and one that is worse than guessing", () => {
  const flat = (loss: number): Curve => () => loss;
  const [frequencies, ...none] = said({ training: flat(3.32), validation: falling, trainNoise: 0.05 });
  assertEquals(none, []);
  assertMatch(
    frequencies!,
    /^note: after 250 steps the loss of 3\.3\d is about what knowing how frequent .* \(3\.30\)/,
  );
  const [guessing, ...others] = said({ training: flat(4.6), validation: falling, trainNoise: 0.05 });
  assertEquals(others, []);
  assertMatch(
    guessing!,
    /the loss of 4\.[56]\d is unusually high: guessing among 70 tokens gives 4\.25; .* lower --lr$/,
  );
  // it is only the beginning, or not known
  assertEquals(said({ training: (step) => step < 190 ? 4.6 : 2, validation: falling }), []);
  assertEquals(said({ training: flat(3.32), validation: falling, entropy: undefined }), []);
});

Deno.test("curveNotices() tells that a text was read several times, and often where that does not help any more", () => {
  const begin = (lines: string[]) => lines.map((line) => line.split(":").slice(0, 2).join(":"));
  const some = "note: the text of 20,000 tokens was read 4 times";
  // as long as validation falls more passes do help
  assertEquals(begin(said({ training: falling, validation: falling, textTokens: 20_000 })), [some]);
  const flat: Curve = (step) => falling(Math.min(step, 600));
  assertEquals(begin(said({ training: falling, validation: flat, textTokens: 15_000 })), [
    "note: the text of 15,000 tokens was read 4 times",
    "note: the text of 15,000 tokens was read 46 times and validation stays at 1.495",
  ]);
  assertEquals(said({ training: falling, validation: falling, textTokens: 300_000 }), []);
});

Deno.test("curveNotices() does not say again what was said before a run was resumed", () => {
  const lines: string[] = [];
  const validations = [...[3, 2, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5].entries()].map(([i, loss]) =>
    ({ kind: "validation", step: 50 * (i + 1), tokens: i, loss }) as ValidationRecord
  );
  const resumed = curveNotices({ ...facts, validations, textTokens: 10, tokens: 50 }, (line) => lines.push(line));
  resumed.event({ kind: "train", step: 401, tokens: 51, loss: 1.5 } as TrainRecord);
  resumed.event({ kind: "validation", step: 450, tokens: 60, loss: 1.5 } as ValidationRecord);
  assertEquals(lines, []);
  // the same curve without the past says it
  const begun = curveNotices(facts, (line) => lines.push(line));
  for (const validation of validations) begun.event(validation);
  assertEquals(lines.length, 1);
});
