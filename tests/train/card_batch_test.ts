import { assert, assertEquals } from "@std/assert";
import { modelConfig, type Size } from "../../lib/model/config.ts";
import { cardBatch } from "../../lib/train/card_batch.ts";
import { defaultSettings } from "../../lib/train/settings.ts";
import type { Budget } from "../../lib/train/schedule.ts";

function chosen(budget: Budget, size: Size = "small") {
  const config = modelConfig({ size, vocab: 70 });
  const settings = defaultSettings({ preset: "modernbert", width: config.width });
  const filled = cardBatch(settings, { budget, config });
  return filled && { tokens: filled.batchTokens, factor: filled.learningRate.peak / settings.learningRate.peak };
}

Deno.test("cardBatch() takes more tokens a step the longer a run is, and leaves it a thousand steps", () => {
  assertEquals(chosen({ tokens: 3_000_000 }), undefined);
  assertEquals(chosen({ tokens: 5_000_000 }, "tiny")?.tokens, 4096);
  for (const tokens of [5e6, 1e7, 2e7, 1e8]) assert(tokens / chosen({ tokens })!.tokens >= 1000);
  assertEquals([1e7, 1e8].map((tokens) => chosen({ tokens })?.tokens), [8192, 16_384]);
  // steps are steps of the usual size
  assertEquals([chosen({ steps: 100 }), chosen({ steps: 4000 })?.tokens], [undefined, 4096]);
});

Deno.test("cardBatch() judges minutes by what a card makes of a model", () => {
  assertEquals(chosen({ minutes: 1 }, "base"), undefined);
  assertEquals(chosen({ minutes: 1 })?.tokens, 16_384);
  assert(chosen({ minutes: 30 }, "base") !== undefined);
});

Deno.test("cardBatch() lets the rate grow to what was measured, and less in wide models", () => {
  const factors = (["tiny", "small", "mini", "base"] as const).map((size) => chosen({ tokens: 1e8 }, size)!.factor);
  assertEquals(factors.map((factor) => Number(factor.toPrecision(2))), [4, 2.9, 2, 1.2]);
});

Deno.test("cardBatch() leaves batches alone that are as large already, and what else is set", () => {
  const config = modelConfig({ size: "small", vocab: 70 });
  const settings = { ...defaultSettings({ preset: "modernbert", width: 128 }), batchTokens: 4096, seed: 7 };
  assertEquals(cardBatch(settings, { budget: { tokens: 5_000_000 }, config }), undefined);
  const filled = cardBatch({ ...settings, batchTokens: 1024 }, { budget: { tokens: 5_000_000 }, config })!;
  const { batchTokens: _, learningRate, ...rest } = filled;
  const { batchTokens: __, learningRate: usual, ...others } = settings;
  assertEquals(rest, others);
  assertEquals({ ...learningRate, peak: 0 }, { ...usual, peak: 0 });
});
