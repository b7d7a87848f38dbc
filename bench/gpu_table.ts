/**
 * What `deno task gpu` found, as Markdown to paste.
 */
import type { AdapterFacts } from "../lib/device/webgpu/open_webgpu.ts";
import type { DeviceSpeed } from "../lib/speed/measure_device.ts";
import type { CardCase } from "./cases.ts";

/** Steps of a model as they were measured. */
export interface MeasuredStep extends CardCase {
  /** Milliseconds of compiling, and of a step, with the products that the rule chooses. */
  readonly compiled: number;
  readonly usual: number;
  /** Milliseconds of a step with the products that were timed. */
  readonly tuned: number;
  /** The same in f16, where shaders have it. */
  readonly half: number | undefined;
  /** Milliseconds of tuning; kinds of products, those timed, and those of them that are not the usual ones. */
  readonly tuning: {
    readonly milliseconds: number;
    readonly products: number;
    readonly timed: number;
    readonly changed: number;
  };
  /** Tokens a second that the measured rates let expect. */
  readonly estimated: number | undefined;
}

/** Everything that is reported. */
export interface GpuReport {
  readonly adapter: AdapterFacts;
  /** Deno, operating system and package. */
  readonly versions: string;
  readonly date: string;
  /** Of the tests; undefined: they were skipped. */
  readonly tests: { readonly summary: string; readonly failures: readonly string[] } | undefined;
  readonly speed: DeviceSpeed;
  readonly steps: readonly MeasuredStep[];
  /** Sizes that could not be measured, and why. */
  readonly failed: readonly string[];
}

const count = (value: number) => Math.round(value).toLocaleString("en");

/** A rate in thousands of millions a second. */
const billions = (rate: number) => rate < 1e11 ? (rate / 1e9).toPrecision(3) : count(rate / 1e9);
const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;

/** Text in a cell of a table. */
const cell = (text: string) => text.replaceAll("|", "\\|").replaceAll(/\s+/g, " ");

/** A report as one section of Markdown. */
export function gpuTable({ adapter, versions, date, tests, speed, steps, failed }: GpuReport): string {
  const { description, vendor, device, architecture, features, software } = adapter;
  const facts: [string, string][] = [
    ["hardware", [`vendor ${vendor}`, `device ${device}`, architecture].filter(Boolean).join(", ")],
    ["features", features.join(", ") || "none of those that may be used"],
    ["correctness", tests ? tests.summary : "skipped"],
    ["memory, one tensor added to another", `${billions(speed.bandwidth)} GB/s`],
    ["a large product", `${billions(speed.products)} GFLOP/s`],
    ["attention with its gradient", `${billions(speed.attention)} GFLOP/s`],
    [
      "a call · JavaScript and driver for it",
      [speed.call, speed.submit].map((s) => `${(1e6 * s).toFixed(1)} µs`).join(" · "),
    ],
  ];
  const rows = steps.map(({ size, length, tokens, vocab, compiled, usual, tuned, half, tuning, estimated }) => [
    `${size}, length ${length}, ${count(tokens)}, vocabulary ${count(vocab)}`,
    `${usual.toFixed(2)} ms · ${count(1000 * tokens / usual)}`,
    `${tuned.toFixed(2)} ms · ${count(1000 * tokens / tuned)}`,
    half === undefined ? "–" : `${half.toFixed(2)} ms · ${count(1000 * tokens / half)}`,
    `${tuning.changed} of ${tuning.timed} timed of ${tuning.products}, ${(tuning.milliseconds / 1000).toFixed(1)} s`,
    estimated === undefined ? "–" : count(estimated),
    `${(compiled / 1000).toFixed(1)} s`,
  ]);
  return [
    `### ${cell(description)}${software ? ", software" : ""}`,
    "",
    `${date}, ${versions}, \`deno task gpu\`:`,
    "",
    row([cell(description), ""]),
    row(["---", "---"]),
    ...facts.map((fact) => row(fact.map(cell))),
    "",
    row([
      "model, tokens a step",
      "tokens/s by the rule",
      "tokens/s tuned",
      "tokens/s tuned, f16",
      "choices changed",
      "tokens/s estimated",
      "compiled in",
    ]),
    row(Array(7).fill("---")),
    ...rows.map(row),
    ...failed.map((what) => `\nNot measured: ${what}`),
    ...(tests?.failures ?? []).map((name, i) => `${i === 0 ? "\n" : ""}- failed: ${name}`),
    "",
  ].join("\n");
}
