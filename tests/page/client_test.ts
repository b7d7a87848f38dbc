import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import {
  applied,
  comparedFacts,
  latest,
  predictionsOf,
  shortNames,
  smoothed,
  stagesOf,
} from "../../lib/page/client/store.js";
import { bytes, colours, compact, duration, missing, nats, percent } from "../../lib/page/client/figures.js";

Deno.test("smoothed() averages without a pull to 0 at the beginning, and leaves gaps", () => {
  const noisy = Array.from({ length: 400 }, (_, i) => 3 + (i % 2 ? 1 : -1));
  const calm: number[] = smoothed(noisy, 0.95);
  assertEquals(calm[0], 2);
  assert(calm.slice(100).every((value) => Math.abs(value - 3) < 0.1));
  assertEquals(smoothed(noisy, 0), noisy);
  const gap = smoothed([2, null, 2], 0.5);
  assertEquals([gap[1], gap[2]], [null, 2]);
  assertAlmostEquals(smoothed([1, 2], 0.5)[1], (0.5 * 0.5 * 1 + 0.5 * 2) / 0.75, 1e-12);
});

Deno.test("applied() puts rows in the place of those that they begin at", () => {
  const first = applied(undefined, { id: "a", train: { size: 1, from: 0, columns: { step: [1, 2], loss: [5, 4] } } });
  const second = applied(first, { id: "a", train: { size: 1, from: 1, columns: { step: [3, 4], loss: [3, 2] } } });
  assertEquals(second.train.columns, { step: [1, 3, 4], loss: [5, 3, 2] });
  assertEquals(applied(second, { id: "a", state: "running" }).train, second.train);
  assertEquals(first.samples, []);
});

Deno.test("applied() keeps samples that are still shown, and puts new ones in their places", () => {
  const sample = (step: number, text: string) => ({ step, samples: [[text]] });
  const first = applied(undefined, { samples: { steps: [1, 2], told: [sample(1, "a"), sample(2, "b")] } });
  const second = applied(first, { samples: { steps: [1, 2, 3], told: [sample(2, "c"), sample(3, "d")] } });
  assertEquals(second.samples, [sample(1, "a"), sample(2, "c"), sample(3, "d")]);
  assertEquals(applied(second, {}).samples, second.samples);
  assertEquals(applied(second, { samples: { steps: [3], told: [] } }).samples, [sample(3, "d")]);
});

Deno.test("predictionsOf() tells how the prediction of a place changed over the steps", () => {
  const at = (step: number, entry: unknown) => ({ step, samples: [["a"], ["b", entry]] });
  const all = [at(1, ["x", "y"]), at(2, ["x", "y", []]), at(3, "x"), at(4, ["x", "x"]), { step: 5, samples: [] }];
  assertEquals(predictionsOf(all, 1, 1), [{ predicted: "y", until: 2 }, { predicted: "x", until: 4 }]);
  assertEquals(predictionsOf(all, 0, 0), []);
});

Deno.test("stagesOf() finds where the length changes, over steps and over time", () => {
  const columns = { step: [1, 2, 3], seconds: [1, 2, 9], length: [16, 16, 32] };
  const run = { train: { columns } };
  assertEquals(stagesOf(run, "step"), [{ length: 16, start: 0, end: 2 }, { length: 32, start: 2, end: 3 }]);
  assertEquals(stagesOf(run, "seconds").at(-1), { length: 32, start: 2, end: 9 });
  assertEquals(stagesOf(undefined, "step"), []);
});

Deno.test("comparedFacts() tells apart what differs and what does not", () => {
  const runs = [{ facts: { layers: "2", seed: "1" } }, { facts: { layers: "2", seed: "2", init: "m" } }];
  assertEquals(comparedFacts(runs), { different: ["seed", "init"], same: ["layers"] });
  assertEquals(comparedFacts([]), { different: [], same: [] });
});

Deno.test("shortNames() leaves out what all names begin with", () => {
  assertEquals(shortNames(["bert-small-plays", "bert-small-plays-2", "bert-tiny"]), [
    "…small-plays",
    "…small-plays-2",
    "…tiny",
  ]);
  assertEquals(shortNames(["a-b", "a"]), ["a-b", "a"]);
  assertEquals(shortNames(["bert-small"]), ["bert-small"]);
  assertEquals(shortNames([]), []);
});

Deno.test("figures are short, and what is missing is a dash", () => {
  assertEquals([nats(2.34567), nats(12.34), percent(0.1234), compact(1_234_567)], ["2.346", "12.3", "12.3%", "1.23M"]);
  assertEquals([duration(42), duration(185), duration(7620)], ["42s", "3m05s", "2h07m"]);
  assertEquals([nats(null), percent(undefined)], [missing, missing]);
  assertEquals(latest([1, 2, null, undefined]), 2);
  assertEquals([bytes(3 << 20), bytes(1.5 * 2 ** 30), bytes(0), bytes(null)], ["3 MiB", "1.5 GiB", "0 KiB", missing]);
});

/** Relative luminance and contrast, as WCAG 2 defines them. */
function contrast(one: string, other: string): number {
  const luminance = (colour: string) => {
    const [r, g, b] = [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16) / 255)
      .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4) as [number, number, number];
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

Deno.test("text has a contrast of 4.5 at least and lines of 3, in both themes", async () => {
  const css = await Deno.readTextFile(new URL("../../lib/page/client/page.css", import.meta.url));
  const [light, dark] = [...css.matchAll(/:root[^{]*\{([^}]*)\}/g)].map(([, rules]) =>
    Object.fromEntries([...rules!.matchAll(/--([\w-]+): (#\w{6})/g)].map(([, name, colour]) => [name, colour!]))
  ) as [Record<string, string>, Record<string, string>];
  for (const [name, theme] of [["light", light], ["dark", dark]] as const) {
    for (const back of [theme.back!, theme.card!, theme.stage!]) {
      for (const text of [theme.ink!, theme.quiet!]) assert(contrast(text, back) >= 4.5, `${name} ${text} on ${back}`);
      for (const line of colours[name]) assert(contrast(line, back) >= 3, `${name} ${line} on ${back}`);
    }
    for (const mark of ["right", "wrong"]) {
      assert(contrast(theme[mark]!, theme[`${mark}-back`]!) >= 4.5, `${name} ${mark}`);
    }
    assert(contrast(theme.quiet!, theme["wrong-back"]!) >= 4.5, `${name} what was there`);
  }
});
