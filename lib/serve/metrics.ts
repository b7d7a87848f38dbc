/**
 * What a server counts, as Prometheus reads it.
 *
 * @module
 */

import type { BatchFigures } from "./batcher.ts";
import { tasks } from "./work.ts";

/** Upper bounds of the classes of seconds. */
const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Figures that are asked for as they are now. */
export interface Gauges {
  /** Requests that wait or are under way. */
  readonly requests: number;
  /** Tokens of theirs. */
  readonly tokens: number;
  /** Programs that were compiled. */
  readonly programs: number;
}

/** Counters of a server. */
export interface Metrics {
  /** Counts an answer. */
  answered(path: string, answer: { readonly status: number; readonly seconds: number }): void;
  /** Counts a batch. */
  ran(batch: BatchFigures): void;
  /** All of it in Prometheus' text format. */
  text(gauges: Gauges): string;
}

type Labels = Readonly<Record<string, string | number>>;

/** Counters at zero. */
export function createMetrics(info: Labels): Metrics {
  const requests = new Map<string, number>();
  const times = new Map<string, { counts: number[]; sum: number; count: number }>();
  const batches = new Map(tasks.map((task) => [task, { batches: 0, windows: 0, tokens: 0, padding: 0, seconds: 0 }]));
  return {
    answered(path, { status, seconds }) {
      const key = labelled({ path, status });
      requests.set(key, (requests.get(key) ?? 0) + 1);
      const time = times.get(path) ?? { counts: BOUNDS.map(() => 0), sum: 0, count: 0 };
      times.set(path, time);
      for (const [i, bound] of BOUNDS.entries()) if (seconds <= bound) time.counts[i]!++;
      time.sum += seconds;
      time.count++;
    },
    ran({ task, length, windows, seconds }) {
      const total = batches.get(task)!;
      const tokens = windows.reduce((sum, { ids }) => sum + ids.length, 0);
      total.batches++;
      total.windows += windows.length;
      total.tokens += tokens;
      total.padding += windows.length * length - tokens;
      total.seconds += seconds;
    },
    text({ requests: waiting, tokens, programs }) {
      const byTask = (field: "batches" | "windows" | "tokens" | "padding" | "seconds") =>
        tasks.map((task) => [labelled({ task }), batches.get(task)![field]] as const);
      return [
        family("cloze_info", "gauge", "What is served.", [[labelled(info), 1]]),
        family("cloze_requests_total", "counter", "Requests that were answered.", [...requests]),
        histogram(times),
        family("cloze_requests_waiting", "gauge", "Requests that wait or are under way.", [["", waiting]]),
        family("cloze_tokens_waiting", "gauge", "Tokens of their sequences.", [["", tokens]]),
        family("cloze_batches_total", "counter", "Batches that went through the model.", byTask("batches")),
        family("cloze_sequences_total", "counter", "Sequences in them.", byTask("windows")),
        family("cloze_tokens_total", "counter", "Tokens in them, without padding.", byTask("tokens")),
        family("cloze_padding_tokens_total", "counter", "Tokens of padding in them.", byTask("padding")),
        family("cloze_batch_seconds_total", "counter", "Time that they took.", byTask("seconds")),
        family("cloze_programs_total", "counter", "Programs that were compiled.", [["", programs]]),
      ].join("");
    },
  };
}

function labelled(labels: Labels): string {
  const escaped = (value: string | number) =>
    String(value).replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
  return `{${Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`).join(",")}}`;
}

function family(name: string, type: string, help: string, values: readonly (readonly [string, number])[]): string {
  if (values.length === 0) return "";
  const lines = values.map(([labels, value]) => `${name}${labels} ${value}\n`).join("");
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines}`;
}

function histogram(times: ReadonlyMap<string, { counts: readonly number[]; sum: number; count: number }>): string {
  const name = "cloze_request_seconds";
  const lines = [...times].flatMap(([path, { counts, sum, count }]) => [
    ...counts.map((value, i) => `${name}_bucket${labelled({ path, le: BOUNDS[i]! })} ${value}\n`),
    `${name}_bucket${labelled({ path, le: "+Inf" })} ${count}\n`,
    `${name}_sum${labelled({ path })} ${sum}\n`,
    `${name}_count${labelled({ path })} ${count}\n`,
  ]);
  if (lines.length === 0) return "";
  return `# HELP ${name} Time from a request to its answer.\n# TYPE ${name} histogram\n${lines.join("")}`;
}
