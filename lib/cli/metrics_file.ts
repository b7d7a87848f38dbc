/**
 * The metrics of a run: a line of JSON for every step and every validation.
 *
 * @module
 */

import { writeAllSync, writeFile, writing } from "../files/write_files.ts";
import type { ValidationRecord } from "../train/events.ts";
import type { Reporter } from "./reporter.ts";

const what = "the run's metrics";
const metricsOf = (path: string) => `${path}/metrics.jsonl`;

/**
 * Appends to the metrics in a run's folder. They are a log: written anew at every step they would cost more than the step. A
 * line that a crash cut short is dropped by {@linkcode cutMetrics}.
 */
export function metricsFile(path: string): Reporter {
  const context = { what, place: metricsOf(path) };
  const file = writing(context, () => Deno.openSync(context.place, { append: true, create: true }));
  const encoder = new TextEncoder();
  return {
    event(event) {
      if (event.kind !== "train" && event.kind !== "validation") return;
      const bytes = encoder.encode(JSON.stringify(event) + "\n");
      writing({ ...context, bytes: bytes.length }, () => writeAllSync(file, bytes));
    },
    close: () => file.close(),
  };
}

/** Takes back what was noted after a step that a run goes on from. */
export async function cutMetrics(path: string, step: number): Promise<void> {
  const text = await Deno.readTextFile(metricsOf(path)).catch(() => "");
  const isKept = (line: string) => {
    try {
      return JSON.parse(line).step <= step;
    } catch {
      // a line that a crash cut short
      return false;
    }
  };
  const lines = text.split("\n").filter((line) => line !== "" && isKept(line));
  await writeFile(metricsOf(path), lines.map((line) => line + "\n").join(""), { what });
}

/** The validations so far, in order. */
export async function readValidations(path: string): Promise<ValidationRecord[]> {
  const lines = (await Deno.readTextFile(metricsOf(path))).split("\n");
  return lines.filter((line) => line.includes('"kind":"validation"')).map((line) => JSON.parse(line));
}
