/**
 * A trace as a file that chrome://tracing and Perfetto open: an array of Chrome's trace events.
 *
 * @module
 */

import type { TraceLog, TraceSpan } from "../device/trace.ts";
import { type FileWriter, writeFile } from "../files/write_files.ts";
import { grouped } from "./figures.ts";

/** Numbers of the process and of its two tracks. */
const PROCESS = 1;
const tracks = { host: 1, device: 2 } as const;

/** A span as a complete event; times are whole nanoseconds in microseconds. */
function event(
  { name, start, milliseconds, details }: TraceSpan,
  { track, origin }: { track: number; origin: number },
) {
  const microseconds = (time: number) => Math.round(1e6 * Math.max(0, time)) / 1000;
  const [ts, dur] = [microseconds(start - origin), microseconds(milliseconds)];
  return { name, ph: "X", ts, dur, pid: PROCESS, tid: track, ...(details ? { args: details } : {}) };
}

/** A span beside which others may begin and end. */
function* waitEvents({ name, ...span }: TraceSpan, { id, origin }: { id: number; origin: number }) {
  const { ts, dur } = event({ name, ...span }, { track: tracks.host, origin });
  const shared = { name, cat: "wait", id, pid: PROCESS, tid: tracks.host };
  yield { ...shared, ph: "b", ts };
  yield { ...shared, ph: "e", ts: ts + dur };
}

const naming = (what: string, name: string, tid?: number) => {
  return { name: what, ph: "M", pid: PROCESS, ...(tid === undefined ? {} : { tid }), args: { name } };
};

/** A trace as events, those that name the tracks first. */
export function* traceEvents(log: TraceLog, { device }: { device: string }): Generator<Record<string, unknown>> {
  yield naming("process_name", "cloze");
  yield naming("thread_name", "host: loader, upload, encode, read back", tracks.host);
  yield naming("thread_name", device, tracks.device);
  // what lies within another begins behind it: viewers nest by order where two begin together
  const inOrder = (spans: readonly TraceSpan[]) =>
    spans.toSorted((a, b) => a.start - b.start || b.milliseconds - a.milliseconds);
  const [host, passes, waits] = [log.host, log.device, log.waits].map(inOrder) as [
    TraceSpan[],
    TraceSpan[],
    TraceSpan[],
  ];
  let origin = Infinity;
  for (const { start } of [...host, ...passes, ...waits]) origin = Math.min(origin, start);
  for (const span of host) yield event(span, { track: tracks.host, origin });
  for (const span of passes) yield event(span, { track: tracks.device, origin });
  for (const [id, span] of waits.entries()) yield* waitEvents(span, { id, origin });
}

const what = "the trace";

/**
 * Makes sure that the file can be written, before anything is traced.
 *
 * @throws {WriteError} that says why not.
 */
export async function claimTrace(path: string): Promise<void> {
  await writeFile(path, "[]\n", { what });
}

/** Writes a trace; returns what is said of it. */
export async function writeTrace(path: string, log: TraceLog, { device }: { device: string }): Promise<string> {
  const encoder = new TextEncoder();
  let count = 0;
  await writeFile(path, async (file: FileWriter) => {
    for (const one of traceEvents(log, { device })) {
      await file.write(encoder.encode(`${count++ === 0 ? "[\n" : ",\n"}${JSON.stringify(one)}`));
    }
    await file.write(encoder.encode("\n]\n"));
  }, { what });
  const [kept, all] = [log.size, log.size + log.dropped];
  const part = kept < all ? `the first ${grouped(kept)} of ${grouped(all)} spans` : `${grouped(kept)} spans`;
  return `trace   ${part} in ${path}; open it at https://ui.perfetto.dev or chrome://tracing`;
}
