/**
 * The curves of a run as its folder has them.
 *
 * @module
 */

import { objectOf } from "../sentences/json_line.ts";
import { createSeries } from "../page/series.ts";
import { tailOf } from "../page/tail.ts";
import type { PlottedCurves } from "./curve_plot.ts";

/** Rows of a curve that are kept: a terminal has fewer columns. */
const ROWS = 400;

const shape = { tokens: { of: "tokens", keeps: "last" }, loss: { of: "loss", keeps: "mean" } } as const;

/** Reads the curves, thinned where they are long; none where there is no file. */
export async function readCurves(path: string): Promise<PlottedCurves> {
  const series = { train: createSeries(shape, ROWS), validation: createSeries(shape, ROWS) };
  const line = (text: string) => {
    const event = objectOf(text);
    if (event?.kind !== "train" && event?.kind !== "validation") return;
    series[event.kind].add({ tokens: Number(event.tokens), loss: Number(event.loss) });
  };
  await tailOf(`${path}/metrics.jsonl`, { line, again: () => {} })();
  const points = ({ since }: (typeof series)["train"]) => {
    const { tokens = [], loss = [] } = since(undefined)?.columns ?? {};
    return tokens.map((x, i) => [x ?? NaN, loss[i] ?? NaN] as const);
  };
  return { training: points(series.train), validation: points(series.validation) };
}
