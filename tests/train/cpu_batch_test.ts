import { assertAlmostEquals, assertEquals } from "@std/assert";
import { parseCurriculum } from "../../lib/batch/curriculum.ts";
import { type ChosenRecipe, cpuBatch } from "../../lib/train/cpu_batch.ts";
import type { Budget } from "../../lib/train/schedule.ts";
import { defaultSettings, muonSettings } from "../../lib/train/settings.ts";

type Changes = Partial<ReturnType<typeof defaultSettings>>;

function suited(
  width: number,
  { chosen, budget = { tokens: 500_000 }, ...changes }: Changes & { chosen?: ChosenRecipe; budget?: Budget } = {},
) {
  const config = { preset: "modernbert" as const, width };
  const settings = cpuBatch({ ...defaultSettings(config), ...changes }, {
    config,
    budget,
    ...(chosen ? { chosen } : {}),
  });
  if (!settings) return undefined;
  const { batchTokens, learningRate: { peak }, optimizer: { muon } } = settings;
  return { batchTokens, peak, muonRate: muon && peak * muon.relativeRate, every: muon?.every ?? 1 };
}

Deno.test("cpuBatch() takes small batches and Muon, whose products are made the seldomer the more they cost", () => {
  for (const [width, every] of [[64, 2], [128, 4], [256, 4]] as const) {
    const { muonRate, peak, ...rest } = suited(width)!;
    assertEquals(rest, { batchTokens: 256, every });
    assertEquals(peak, defaultSettings({ preset: "modernbert", width }).learningRate.peak);
    assertAlmostEquals(muonRate!, 0.01 / Math.SQRT2, 1e-12);
  }
});

Deno.test("cpuBatch() takes steps twice as large in long runs, and Muon's usual rate", () => {
  const batchTokens = (budget: Budget, width = 128, changes: Changes = {}) =>
    suited(width, { budget, ...changes })!.batchTokens;
  assertEquals([999_999, 1e6, 3e6].map((tokens) => batchTokens({ tokens })), [256, 512, 512]);
  // who counts steps is not to wait for twice as many tokens
  assertEquals([100, 100_000].map((steps) => batchTokens({ steps })), [256, 256]);
  assertEquals([2, 3].map((minutes) => batchTokens({ minutes })), [256, 512]);
  assertEquals([2, 3].map((minutes) => batchTokens({ minutes }, 64)), [256, 512]);
  assertEquals([7, 80].map((minutes) => batchTokens({ minutes }, 256)), [256, 256]);
  assertEquals([3_999_999, 4e6].map((tokens) => batchTokens({ tokens }, 64)), [256, 512]);
  assertEquals([999_999, 1e8].map((tokens) => batchTokens({ tokens }, 256)), [256, 256]);
  const { muonRate, every } = suited(128, { budget: { tokens: 3e6 } })!;
  assertEquals([Number(muonRate!.toPrecision(6)), every], [0.01, 2]);
});

Deno.test("cpuBatch() takes a run whose budget nobody has told for a long one", () => {
  const config = { preset: "modernbert" as const, width: 128 };
  assertEquals(cpuBatch(defaultSettings(config), { config })!.batchTokens, 512);
});

Deno.test("cpuBatch() leaves a step two windows of the longest, and takes no more tokens than usual", () => {
  const lengths = ["128", "32:20%,256", "512", "1024"].map((text) => parseCurriculum(text));
  const tokens = lengths.map((curriculum) => suited(128, { curriculum })!.batchTokens);
  assertEquals(tokens, [256, 512, 1024, 1024]);
  // where a step has as many tokens as usual, so are the rates
  assertEquals(suited(128, { curriculum: lengths[2]! }), { batchTokens: 1024, peak: 0.002, muonRate: 0.01, every: 1 });
});

Deno.test("cpuBatch() keeps what was chosen, and makes the rest suit it", () => {
  assertEquals(suited(128, { batchTokens: 4096, chosen: { batch: true } }), {
    batchTokens: 4096,
    peak: 0.002,
    muonRate: 0.01,
    every: 1,
  });
  const learningRate = { ...defaultSettings({ preset: "modernbert", width: 128 }).learningRate, peak: 5e-4 };
  const { muonRate, ...rest } = suited(128, { learningRate })!;
  assertEquals(rest, { batchTokens: 256, peak: 5e-4, every: 4 });
  assertAlmostEquals(muonRate!, 0.01 / Math.SQRT2, 1e-12);
  assertEquals(suited(128, { chosen: { adamw: true } }), {
    batchTokens: 256,
    peak: 0.002,
    muonRate: undefined,
    every: 1,
  });
  const own = suited(128, { chosen: { muonRate: 0.03, muonEvery: 1 } })!;
  assertEquals([own.every, Number(own.muonRate!.toPrecision(6))], [1, 0.03]);
});

Deno.test("cpuBatch() gives embeddings of many tokens twice the rate, where nobody has chosen one", () => {
  const rateOf = (vocab: number, chosen: ChosenRecipe = {}) => {
    const config = { preset: "modernbert" as const, width: 128, vocab };
    return cpuBatch(defaultSettings(config), { config, chosen })!.optimizer.embeddingRate;
  };
  assertEquals([rateOf(70), rateOf(1023), rateOf(1024), rateOf(30_522)], [undefined, undefined, 2, 2]);
  assertEquals([rateOf(4096, { embeddingRate: true }), rateOf(4096, { adamw: true })], [undefined, undefined]);
});

Deno.test("cpuBatch() takes steps twice as large with a vocabulary of pieces, and Muon's usual rate", () => {
  const of = (vocab: number, chosen: ChosenRecipe = {}) => {
    const config = { preset: "modernbert" as const, width: 128, vocab };
    const { batchTokens, learningRate: { peak }, optimizer: { muon } } = cpuBatch(defaultSettings(config), {
      config,
      budget: { tokens: 300_000 },
      chosen,
    })!;
    return [batchTokens, muon && Number((peak * muon.relativeRate).toPrecision(3)), muon?.every];
  };
  assertEquals([of(1023), of(1024)], [[256, 0.00707, 4], [512, 0.01, 2]]);
  assertEquals([of(1024, { batch: true }), of(1024, { adamw: true })], [[1024, 0.01, undefined], [
    512,
    undefined,
    undefined,
  ]]);
});

Deno.test("cpuBatch() leaves a curriculum its own batches, and goes by what a step has on average", () => {
  const of = (text: string) => suited(128, { curriculum: parseCurriculum(text) })!;
  assertEquals([of("64:50%@2048,128@2048").every, of("64:50%@2048,128@2048").batchTokens], [1, 1024]);
  assertEquals(of("32:50%@256,128@768").every, 2);
});

Deno.test("cpuBatch() updates all matrices at every step of a short run", () => {
  const config = { preset: "modernbert" as const, width: 128 };
  const every = (budget: Budget) => cpuBatch(defaultSettings(config), { config, budget })!.optimizer.muon!.every ?? 1;
  const found = [{ steps: 99 }, { steps: 100 }, { tokens: 25_000 }, { tokens: 26_000 }, { minutes: 1 }].map(every);
  assertEquals(found, [1, 4, 1, 4, 4]);
});

Deno.test("cpuBatch() leaves models alone for which it was not measured, and the schedule of labml", () => {
  assertEquals(suited(512), undefined);
  for (const preset of ["bert", "labml"] as const) {
    const config = { preset, width: 128 };
    assertEquals(cpuBatch(defaultSettings(config), { config }), undefined);
  }
  const noam = { schedule: "noam", peak: 1, warmup: { steps: 10 } } as const;
  assertEquals(suited(128, { learningRate: noam }), undefined);
});

Deno.test("muonSettings() updates matrices every fourth step at the seldomest", () => {
  const every = (width: number, stepTokens?: number) => muonSettings({ width, stepTokens }).every ?? 1;
  assertEquals([every(128), every(128, 1024), every(128, 512), every(768, 1024), every(768, 8192)], [1, 1, 2, 4, 1]);
});

Deno.test("cpuBatch() begins with shorter windows and more masks, where nobody has chosen others", () => {
  const config = { preset: "modernbert" as const, width: 128 };
  const of = (length: number, chosen: ChosenRecipe = {}, changes: Changes = {}) => {
    const usual = { ...defaultSettings({ ...config, length }), ...changes };
    const { curriculum, maskRate } = cpuBatch(usual, { config, chosen })!;
    return { usual, curriculum, maskRate };
  };
  const { curriculum, maskRate } = of(128);
  assertEquals(curriculum, parseCurriculum("16:15%,32:20%,64:25%,128:40%"));
  assertEquals(maskRate, { start: 0.5, end: 0.15 });
  // others were not measured, and neither without the other
  for (const length of [64, 136, 256]) {
    const { usual, ...found } = of(length);
    assertEquals(found, { curriculum: usual.curriculum, maskRate: usual.maskRate });
  }
  for (const chosen of [{ curriculum: true }, { maskRate: true }, { adamw: true }]) {
    const { usual, ...found } = of(128, chosen);
    assertEquals(found, { curriculum: usual.curriculum, maskRate: usual.maskRate });
  }
  const own: Changes = { curriculum: parseCurriculum("64:50%,128"), maskRate: { start: 0.3, end: 0.1 } };
  const { curriculum: lengths, maskRate: masks } = of(128, {}, own);
  assertEquals({ curriculum: lengths, maskRate: masks }, own);
  const spans = of(128, {}, { maskMode: "span" });
  assertEquals(spans.maskRate, spans.usual.maskRate);
});
