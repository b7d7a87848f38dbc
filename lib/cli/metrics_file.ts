/**
 * The metrics of a run: a line of JSON for every step, every validation, and whatever goes wrong.
 *
 * @module
 */

import { objectOf } from "../sentences/json_line.ts";
import { oddKind } from "../access/odd_kind.ts";
import { systemReason } from "../sentences/reasons.ts";
import { writeAllSync, writeFile, writing } from "../files/write_files.ts";
import { validationLine } from "../train/run_fields.ts";
import type {
  OverflowRecord,
  SkippedRecord,
  SpikeRecord,
  TrainEvent,
  TrainRecord,
  ValidationRecord,
} from "../train/events.ts";
import type { Reporter } from "./reporter.ts";

const what = "the run's metrics";
const metricsOf = (path: string) => `${path}/metrics.jsonl`;

/**
 * Appends to the metrics in a run's folder. They are a log: written anew at every step they would cost more than the step. A
 * line that a crash cut short is dropped by {@linkcode cutMetrics}.
 */
export function metricsFile(path: string): Reporter {
  const file = openMetrics(path);
  return {
    event(event) {
      if (isNoted(event)) writeLine(file, { path, line: event });
    },
    close: () => file.close(),
  };
}

/** Appends a line of another kind. */
export function appendMetrics(path: string, line: Readonly<Record<string, unknown>>): void {
  using file = openMetrics(path);
  writeLine(file, { path, line });
}

/** What happens in the course of the steps, and not how a run ends. */
export function isNoted(
  event: TrainEvent,
): event is TrainRecord | SkippedRecord | OverflowRecord | SpikeRecord | ValidationRecord {
  return ["train", "skipped", "overflow", "spike", "validation"].includes(event.kind);
}

/** A step, whatever became of it. */
export function isStep(event: TrainEvent): event is TrainRecord | SkippedRecord | OverflowRecord {
  return isNoted(event) && event.kind !== "spike" && event.kind !== "validation";
}

function openMetrics(path: string): Deno.FsFile {
  const place = metricsOf(path);
  return writing({ what, place }, () => Deno.openSync(place, { append: true, create: true }));
}

/** The text of the metrics; none where there are none. They may be long, but are a file: a pipe would be waited for. */
async function readMetrics(path: string): Promise<string> {
  const place = metricsOf(path);
  const fail = (why: string) => new RangeError(`Cannot read ${what} in "${place}": ${why}`);
  try {
    const odd = oddKind(await Deno.stat(place));
    if (odd !== undefined) throw fail(`it is ${odd}, not a file`);
    return await Deno.readTextFile(place);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    const reason = systemReason(error);
    throw reason === undefined ? error : fail(reason);
  }
}

/**
 * The lines of a run's metrics, however many there are; one that is not yet whole is left out.
 *
 * @throws {RangeError} if there are none, or they are no file.
 */
export async function* metricLines(path: string): AsyncGenerator<string> {
  using file = await openToRead(metricsOf(path));
  const [decoder, block] = [new TextDecoder(), new Uint8Array(BLOCK)];
  let rest = "";
  for (let read: number | null; (read = await file.read(block)) !== null;) {
    const lines = (rest + decoder.decode(block.subarray(0, read), { stream: true })).split("\n");
    rest = lines.pop()!;
    for (const line of lines) if (line !== "") yield line;
  }
}

/** Bytes that are read at once. */
const BLOCK = 1 << 18;

async function openToRead(place: string): Promise<Deno.FsFile> {
  const fail = (why: string) => new RangeError(`Cannot read ${what} in "${place}": ${why}`);
  try {
    const odd = oddKind(await Deno.stat(place));
    if (odd !== undefined) throw fail(`it is ${odd}, not a file`);
    return await Deno.open(place);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw fail("there is no such file");
    const reason = systemReason(error);
    throw reason === undefined ? error : fail(reason);
  }
}

/** JSON has no word for what is not finite: there it is text. */
const spelled = (_: string, value: unknown) =>
  typeof value === "number" && !Number.isFinite(value) ? String(value) : value;

/** An event as a line of the metrics. */
export const jsonLine = (event: object): string => JSON.stringify(event, spelled) + "\n";

function writeLine(file: Deno.FsFile, { path, line }: { path: string; line: object }): void {
  const bytes = new TextEncoder().encode(jsonLine(line));
  writing({ what, place: metricsOf(path), bytes: bytes.length }, () => writeAllSync(file, bytes));
}

/** Takes back what was noted after a step that a run goes on from, and that it had ended. */
export async function cutMetrics(path: string, step: number): Promise<void> {
  const text = await readMetrics(path);
  const isKept = (line: string) => {
    const noted = objectOf(line);
    if (noted?.kind === "end") return false;
    // a line of another kind that knows no step stays; one that a crash cut short goes
    return typeof noted?.step === "number" ? noted.step <= step : noted !== undefined;
  };
  const lines = text.split("\n").filter((line) => line !== "" && isKept(line));
  await writeFile(metricsOf(path), lines.map((line) => line + "\n").join(""), { what });
}

/** The validations so far, in order. */
export async function readValidations(path: string): Promise<ValidationRecord[]> {
  const text = await readMetrics(path);
  const lines = text.split("\n").map(objectOf);
  return lines.filter((line) => line !== undefined && !validationLine(line)).map((line) => withNumbers(line!));
}

/** A validation; JSON has no word for what is not finite. */
function withNumbers(line: Record<string, unknown>): ValidationRecord {
  const number = (value: unknown) => value === null ? NaN : Number(value);
  const { loss, accuracy, perplexity, paddingShare = 0 } = line;
  const told = { loss, accuracy, perplexity, paddingShare };
  return {
    ...line,
    ...Object.fromEntries(Object.entries(told).map(([name, value]) => [name, number(value)])),
  } as unknown as ValidationRecord;
}
