import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { createSeries, type SeriesPart } from "../../lib/page/series.ts";

const shape = {
  step: { of: "step", keeps: "last" },
  mean: { of: "loss", keeps: "mean" },
  low: { of: "loss", keeps: "low" },
  high: { of: "loss", keeps: "high" },
} as const;

const lossAt = (step: number) => 5 * Math.sin(step) + step / 1000;

Deno.test("createSeries() joins neighbours of 100,000 steps to a bounded number of rows, each true to its steps", () => {
  const series = createSeries(shape, 2000);
  const count = 100_000;
  for (let step = 1; step <= count; step++) series.add({ step, loss: lossAt(step) });
  const { size, columns } = series.since(undefined)!;
  assert(series.rows > 1000 && series.rows <= 2000);
  assertEquals(columns.step!.at(-1), count);
  for (const [i, end] of columns.step!.entries()) {
    const begin = i === 0 ? 0 : columns.step![i - 1]!;
    if (i < series.rows - 1) assertEquals(end! - begin, size);
    const losses = Array.from({ length: end! - begin }, (_, k) => lossAt(begin + k + 1));
    assertAlmostEquals(columns.mean![i]!, losses.reduce((a, b) => a + b) / losses.length, 1e-3);
    assertAlmostEquals(columns.low![i]!, Math.min(...losses), 1e-3);
    assertAlmostEquals(columns.high![i]!, Math.max(...losses), 1e-3);
  }
});

Deno.test("createSeries() keeps the only number where others are none", () => {
  const series = createSeries(shape, 2);
  for (const [i, loss] of [NaN, 3, Infinity, NaN].entries()) series.add({ step: i + 1, loss });
  const { columns } = series.since(undefined)!;
  assertEquals(columns, { step: [2, 4], mean: [3, null], low: [3, null], high: [3, null] });
});

Deno.test("since() tells what is new, and its parts put together are the whole", () => {
  const series = createSeries(shape, 16);
  const known: Record<string, (number | null)[]> = {};
  let place = series.place();
  const take = ({ from, columns }: SeriesPart) => {
    for (const [name, values] of Object.entries(columns)) {
      known[name] = [...(known[name] ?? []).slice(0, from), ...values];
    }
  };
  let [parts, sent] = [0, 0];
  for (let step = 1; step <= 500; step++) {
    series.add({ step, loss: lossAt(step) });
    if (step % 3 > 0 && step % 7 > 0) continue;
    const part = series.since(place)!;
    [parts, sent] = [parts + 1, sent + part.columns.step!.length];
    take(part);
    place = series.place();
    assertEquals(known, series.since(undefined)!.columns);
    assertEquals(series.since(place), undefined);
  }
  assert(sent < 4 * parts, "sends little more than what is new");
});
