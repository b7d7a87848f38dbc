import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { secondsOf, worthRow } from "../../bench/curriculum.ts";
import { curveSvg } from "../../bench/race/curve_svg.ts";
import type { RaceLine } from "../../bench/race/race_log.ts";

const speeds = new Map([[32, 200], [64, 150], [128, 100]]);

/** A run whose curve falls evenly to a loss over 1,000 tokens. */
const line = (recipe: string, seed: number, loss: number): RaceLine => ({
  ...{ commit: "a", recipe, flags: [], text: "t", length: 128, budget: { tokens: 1000 }, seed, date: "" },
  points: [0, 500, 1000].map((tokens) => ({ tokens, seconds: 1, loss: 3 + tokens / 1000 * (loss - 3), accuracy: 0 })),
  ...{ tokens: 1000, seconds: 1, device: {}, vectors: [] },
});

Deno.test("secondsOf() adds up the stages at their own speeds", () => {
  const stages = [{ length: 32, share: 0.2 }, { length: 64, share: 0.3 }, { length: 128, share: 0.5 }];
  const seconds = (tokens: number) => secondsOf(tokens, { stages, budget: 1000, speeds });
  assertEquals(seconds(0), 0);
  assertEquals(seconds(100), 0.5);
  assertEquals(seconds(350), 1 + 1);
  assertEquals(seconds(1000), 1 + 2 + 5);
  // the last step may go beyond the budget
  assertAlmostEquals(seconds(1010), 8.1, 1e-12);
});

Deno.test("worthRow() says what rising lengths take to come to the loss of one", () => {
  const lines = [1, 2].flatMap((seed) => [line("no-curriculum", seed, 2), line("default", seed, 1)]);
  // by default 20% at 32, 20% at 64: 500 tokens are at the loss of 2, after 1 + 200 / 150 + 1 seconds of 10
  assertEquals(worthRow({ length: 128, lines }, speeds), [
    "128",
    "2.000 ± 0.000",
    "1.000 ± 0.000",
    "500 (2.00 ×)",
    "3 of 10 (3.00 ×)",
  ]);
  const worse = [line("no-curriculum", 1, 2), line("default", 1, 2.5)];
  assertEquals(worthRow({ length: 128, lines: worse }, speeds).slice(1), [
    ...["2.000 ± ?", "2.500 ± ?", "not reached", "not reached"],
  ]);
});

Deno.test("curveSvg() draws a line and a band for each curve within the frame, and escapes names", () => {
  const points = [[0, 3], [50, 2], [100, 1]].map(([x, mean]) => ({
    x: x!,
    mean: mean!,
    low: mean! - 0.1,
    high: mean! + 0.1,
  }));
  const panel = { title: "a < b", curves: [{ name: "one", points }, { name: "two", points }] };
  const svg = curveSvg([panel, panel], { x: "seconds", y: "loss" });
  assertEquals(svg.match(/fill-opacity/g)!.length, 4);
  assert(svg.includes("a &#60; b") && !svg.includes("a < b"));
  for (const [, x, y] of svg.matchAll(/[ML](\d+\.\d) (\d+\.\d)/g)) {
    assert(Number(x) >= 44 && Number(x) <= 260 && Number(y) >= 28 && Number(y) <= 180, `${x} ${y}`);
  }
  // the curve begins at the left and ends at the right of its panel
  assert(/d="M44\.0 [\d.]+L152\.0 [\d.]+L260\.0 [\d.]+" fill="none"/.test(svg), svg);
  assertThrows(() => curveSvg([], { x: "", y: "" }), RangeError, "there are no points");
});
