/**
 * The metrics of a run as rows of a table: one for each step, or one for each validation.
 *
 * @module
 */

import { objectOf } from "../sentences/json_line.ts";
import { metricLines } from "./metrics_file.ts";

/** What rows tell of. */
export type RowKind = "train" | "validation";

/** Columns, called as the fields of metrics.jsonl are. */
const columns: Readonly<Record<RowKind, readonly string[]>> = {
  train: [
    "step",
    "tokens",
    "seconds",
    "length",
    "maskRate",
    "loss",
    "accuracy",
    "learningRate",
    "gradientNorm",
    "tokensPerSecond",
  ],
  validation: [
    "step",
    "tokens",
    "seconds",
    "length",
    "loss",
    "accuracy",
    "perplexity",
    "deviceBytes",
    "residentBytes",
  ],
};

/** What came of the lines. */
export interface RowCount {
  /** Rows that were written. */
  rows: number;
  /** Lines that could not be read. */
  unreadable: number;
}

/** Writes lines of CSV with a heading; what is no number is NaN, Infinity or, where it is not told, empty. */
export async function writeCsv(
  path: string,
  { kind, write }: { kind: RowKind; write: (line: string) => void },
): Promise<RowCount> {
  const count: RowCount = { rows: 0, unreadable: 0 };
  // pairs are told of from the first line on, or not at all
  let hasPairs: boolean | undefined;
  const head = () => [...columns[kind], ...(hasPairs ? ["nextSentenceLoss", "nextSentenceAccuracy"] : [])];
  for await (const point of pointsOf(path, { count, isWanted: (point) => point.kind === kind })) {
    if (hasPairs === undefined) {
      hasPairs = typeof point.nextSentence === "object";
      write(head().join(","));
    }
    const pairs = point.nextSentence as Record<string, unknown> | undefined;
    const values = [...columns[kind].map((name) => point[name]), ...(hasPairs ? [pairs?.loss, pairs?.accuracy] : [])];
    write(values.map(cell).join(","));
    count.rows++;
  }
  if (hasPairs === undefined) write(head().join(","));
  return count;
}

/** Writes lines of JSON: all that are whole, or those of a kind. */
export async function writeJsonLines(
  path: string,
  { kind, write }: { kind: RowKind | undefined; write: (line: string) => void },
): Promise<RowCount> {
  const count: RowCount = { rows: 0, unreadable: 0 };
  const isWanted = (point: Record<string, unknown>) => kind === undefined || point.kind === kind;
  for await (const point of pointsOf(path, { count, isWanted })) {
    write(JSON.stringify(point));
    count.rows++;
  }
  return count;
}

async function* pointsOf(
  path: string,
  { count, isWanted }: { count: RowCount; isWanted: (point: Record<string, unknown>) => boolean },
): AsyncGenerator<Record<string, unknown>> {
  for await (const line of metricLines(path)) {
    const point = objectOf(line);
    if (!point) count.unreadable++;
    else if (isWanted(point)) yield point;
  }
}

/** A number; NaN where the line has none. */
function cell(value: unknown): string {
  if (value === undefined || (typeof value === "object" && value !== null)) return "";
  return value === null ? "NaN" : String(Number(value));
}
