/**
 * The metrics of a run as event files of TensorBoard: written while it is trained, or made of its metrics afterwards.
 *
 * @module
 */

import { joined } from "../files/paths.ts";
import { writeAllSync, writeFile, writing } from "../files/write_files.ts";
import { objectOf } from "../sentences/json_line.ts";
import { restartRecord, scalarRecord, type Scalars, versionRecord } from "./event_records.ts";
import { metricLines } from "./metrics_file.ts";
import type { Reporter } from "./reporter.ts";

const what = "the run's event file";

/** Fields of lines of metrics, by the names under which TensorBoard draws them. */
const tags: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  train: {
    loss: "train/loss",
    accuracy: "train/accuracy",
    learningRate: "train/learning_rate",
    gradientNorm: "train/gradient_norm",
    length: "train/length",
    maskRate: "train/mask_rate",
    tokensPerSecond: "train/tokens_per_second",
    lossScale: "train/loss_scale",
  },
  validation: {
    loss: "validation/loss",
    accuracy: "validation/accuracy",
    perplexity: "validation/perplexity",
    deviceBytes: "memory/device_bytes",
    residentBytes: "memory/resident_bytes",
  },
};

/** What is drawn of a line of metrics, or of an event; undefined: nothing. A skipped step is one whose loss is no number. */
export function scalarsOf(line: Readonly<Record<string, unknown>>): Scalars | undefined {
  const kind = line.kind === "skipped" ? "train" : String(line.kind);
  const names = Object.hasOwn(tags, kind) ? tags[kind] : undefined;
  if (!names || !Number.isSafeInteger(line.step)) return undefined;
  const scalars: Record<string, number> = {};
  const add = (name: string, value: unknown) => {
    if (value !== undefined && typeof value !== "object") scalars[name] = Number(value);
    else if (value === null) scalars[name] = NaN;
  };
  for (const [field, name] of Object.entries(names)) add(name, line[field]);
  const pairs = line.nextSentence as Record<string, unknown> | undefined;
  for (const field of ["loss", "accuracy"]) add(`${kind}/next_sentence_${field}`, pairs?.[field]);
  return scalars;
}

/** Names of the event files in a folder, in the order in which they are read. */
export async function eventFilesIn(folder: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(folder)) if (name.includes("tfevents")) names.push(name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return names.sort();
}

/** A name for one more file, which is read after those that are there, even where a clock was put back. */
function nextName(names: readonly string[], seconds: number): string {
  const times = names.map((name) => Number(/tfevents\.(\d+)/.exec(name)?.[1] ?? 0));
  return `events.out.tfevents.${String(Math.max(seconds, ...times.map((time) => time + 1))).padStart(10, "0")}.cloze`;
}

/**
 * Writes an event file into the folder of a run that begins, or goes on from a step: then a new one, which takes back what
 * those before it tell of later steps. Where there is none yet, it tells of the steps before, too.
 */
export async function tensorboardFile(path: string, { step }: { step: number }): Promise<Reporter> {
  const names = await eventFilesIn(path);
  const now = Date.now() / 1000;
  const place = joined(path, nextName(names, Math.floor(now)));
  const file = writing({ what, place }, () => Deno.openSync(place, { append: true, create: true }));
  const write = (bytes: Uint8Array) => writing({ what, place, bytes: bytes.length }, () => writeAllSync(file, bytes));
  try {
    write(versionRecord(now));
    if (names.length > 0) write(restartRecord({ wallTime: now, step: step + 1 }));
    else if (step > 0) { for await (const bytes of recordsOf(path)) write(bytes); }
  } catch (error) {
    file.close();
    throw error;
  }
  return {
    event(event) {
      const scalars = scalarsOf(event as unknown as Record<string, unknown>);
      if (!scalars) return;
      const { step } = event as { step: number };
      write(scalarRecord({ wallTime: Date.now() / 1000, step }, scalars));
    },
    close: () => file.close(),
  };
}

/** Writes the metrics of a run as an event file into a folder; returns its path. */
export async function exportEvents(run: string, folder: string): Promise<string> {
  const times = await timesOf(run);
  const place = joined(folder, nextName([], Math.floor(times.began)));
  await writeFile(place, async (file) => {
    await file.write(versionRecord(times.began));
    for await (const bytes of recordsOf(run, times)) await file.write(bytes);
  }, { what });
  return place;
}

/** When a run began, by its own clock and that of its metrics, in seconds since 1970. */
async function timesOf(run: string): Promise<{ began: number }> {
  const { mtime } = await Deno.stat(joined(run, "metrics.jsonl"));
  let seconds = 0;
  for await (const line of metricLines(run)) {
    const [, number] = /"seconds":([\d.e+-]+)/.exec(line) ?? [];
    seconds = Math.max(seconds, Number(number) || 0);
  }
  return { began: (mtime?.getTime() ?? Date.now()) / 1000 - seconds };
}

/** Records of a run's metrics, some at once. */
async function* recordsOf(run: string, times?: { began: number }): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const { began } = times ?? await timesOf(run);
  for await (const line of metricLines(run)) {
    const point = objectOf(line);
    const scalars = point && scalarsOf(point);
    if (!scalars) continue;
    const { step, seconds } = point as { step: number; seconds: unknown };
    yield scalarRecord({ wallTime: began + (Number(seconds) || 0), step }, scalars);
  }
}
