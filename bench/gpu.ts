/**
 * One command for whoever has a graphics card: the kernels' tests on it, the tuner, and whole training steps, as a table of
 * Markdown to paste into an issue. On an adapter that is software, the tests and a few tiny steps.
 * `deno task gpu [--skip-tests] [folder of tests ...]`
 */
import project from "../deno.json" with { type: "json" };
import type { Device } from "../lib/device/device.ts";
import {
  adapterFacts,
  NoAdapterError,
  openWebGpuDevice,
  type WebGpuOptions,
} from "../lib/device/webgpu/open_webgpu.ts";
import type { TuneReport } from "../lib/device/webgpu/tuner.ts";
import { type DeviceSpeed, measureDevice } from "../lib/speed/measure_device.ts";
import { estimateStep } from "../lib/speed/step_estimate.ts";
import { prepareStep, timeSteps } from "./card_step.ts";
import { type CardCase, cardCases } from "./cases.ts";
import { exists } from "../lib/files/paths.ts";
import { flagSwitch, type ParsedFlags, UsageError } from "../lib/cli/flags.ts";
import { quoted } from "../lib/sentences/safe_text.ts";
import { runScript } from "./script.ts";
import { type GpuReport, gpuTable, type MeasuredStep } from "./gpu_table.ts";

/** What software does in a few seconds. */
const softwareCases: readonly CardCase[] = [{ size: "tiny", length: 32, tokens: 128, vocab: 70 }];

/** Folders whose tests run every kernel in every variant. */
const testFolders = ["tests/ops", "tests/device", "tests/optimizer", "tests/model", "tests/graph"];

/** Milliseconds of measuring the steps of a model. */
const LIMITS = { card: { milliseconds: 3000 }, software: { milliseconds: 0, warmUp: 1, steps: 1 } };

/** Milliseconds between lines of progress. */
const PROGRESS = 10_000;

/** Progress goes aside, so that what is left is the table. */
const tell = (line: string) => console.error(line);

/** Runs the tests; their summary, and the names of those that failed. */
async function runTests(folders: readonly string[]): Promise<GpuReport["tests"]> {
  tell(`tests of every kernel and variant, some minutes on a graphics card: ${folders.join(", ")}`);
  const began = performance.now();
  const command = new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--no-check", ...folders],
    cwd: new URL("..", import.meta.url),
    env: { CLOZE_REQUIRE_GPU: "1", NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
  const child = command.spawn();
  // what drivers and passing tests say aside is told only of tests that failed
  const aside = new Response(child.stderr).text();
  const lines: string[] = [];
  let [passed, told] = [0, performance.now()];
  for await (const line of linesOf(child.stdout)) {
    lines.push(line);
    if (/ \.\.\. ok/.test(line)) passed++;
    if (/ \.\.\. FAILED/.test(line)) tell(`  ${line}`);
    if (performance.now() - told < PROGRESS) continue;
    told = performance.now();
    tell(`  ${passed} passed, ${Math.round((told - began) / 1000)} s`);
  }
  const { success } = await child.status;
  if (!success) tell(await aside);
  const failures = lines.flatMap((line) => /^(.*) \.\.\. FAILED/.exec(line)?.slice(1) ?? []);
  const found = lines.findLast((line) => /^(ok|FAILED) \| /.test(line))?.replace(/ \([^)]*\)$/, "");
  const seconds = Math.round((performance.now() - began) / 1000);
  tell(`  ${found ?? "they did not end"}, ${seconds} s`);
  return { summary: `${found ?? "the tests did not end"}, ${seconds} s`, failures };
}

/** The lines of a stream. */
async function* linesOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
  if (rest !== "") yield rest;
}

/** Opens a device, prepares a step on it and has it measured; whatever comes of it, the memory is given back. */
async function on<T>(
  one: CardCase,
  options: WebGpuOptions,
  use: (device: Device, step: Awaited<ReturnType<typeof prepareStep>>, prepared: number) => Promise<T>,
): Promise<T> {
  const device = await openWebGpuDevice(options);
  try {
    const began = performance.now();
    const step = await prepareStep(device, one);
    return await use(device, step, performance.now() - began);
  } finally {
    device.destroy();
  }
}

/** Measures the steps of a model with products by the rule, then with those that time chose, and in f16. */
async function measure(
  one: CardCase,
  { speed, software, hasHalves }: { speed: DeviceSpeed; software: boolean; hasHalves: boolean },
): Promise<MeasuredStep> {
  const limits = software ? LIMITS.software : LIMITS.card;
  const usual = await on(one, {}, async (device, step, compiled) => {
    const { tokensPerSecond: estimated } = await estimateStep(device, speed, one);
    return { compiled, estimated, usual: await timeSteps(step, limits) };
  });
  let report: TuneReport | undefined;
  const tune = { software, report: (found: TuneReport) => void (report = found) };
  const tuned = await on(one, { tune }, (_, step) => timeSteps(step, limits));
  const { milliseconds = 0, products = 0, chosen = {}, changed = 0 } = report ?? {};
  const tuning = { milliseconds, products, timed: Object.keys(chosen).length, changed };
  const half = hasHalves
    ? await on(one, { precision: "f16", tune: { software } }, (_, step) => timeSteps(step, limits))
    : undefined;
  tell(
    `  ${one.size}, ${one.tokens} tokens a step: ${usual.usual.toFixed(2)} ms by the rule, ${tuned.toFixed(2)} tuned` +
      (half === undefined ? "" : `, ${half.toFixed(2)} in f16`),
  );
  return { ...one, ...usual, tuned, half, tuning };
}

const flags = { "skip-tests": flagSwitch("measure only") };
const about =
  `The tests of the kernels, the tuner and training steps on a graphics card, as a table to paste into an issue.

Usage: deno task gpu [options] [folder of tests ...]

It takes some minutes on a graphics card, most of them for tests; --skip-tests takes a minute or two. Progress goes to standard error.`;

/** The sentence that says what to install. */
async function noAdapter(): Promise<Error> {
  const error = await openWebGpuDevice().catch((error: Error) => error);
  return error instanceof Error ? error : new NoAdapterError("There is no adapter");
}

async function report(parsed: ParsedFlags): Promise<number> {
  const given = parsed.positional;
  for (const folder of given) await checkFolder(folder);
  const adapter = await adapterFacts();
  if (!adapter) throw await noAdapter();
  const { software, description } = adapter;
  tell(description);
  if (software) tell("this adapter is software: only the tests, and a few tiny steps that tell nothing of a card");
  const tests = parsed.get(flags["skip-tests"]) ? undefined : await runTests(given.length > 0 ? given : testFolders);
  tell("rates, and training steps: a minute or two on a graphics card");
  const device = await openWebGpuDevice();
  const speed = await measureDevice(device);
  device.destroy();
  const steps: MeasuredStep[] = [];
  const failed: string[] = [];
  const hasHalves = adapter.features.includes("shader-f16");
  for (const one of software ? softwareCases : Object.values(cardCases)) {
    // a card without the memory for one size has it for others
    await measure(one, { speed, software, hasHalves }).then(
      (measured) => steps.push(measured),
      (error: Error) => failed.push(`${one.size}: ${error.message}`),
    );
  }
  const versions = `Deno ${Deno.version.deno}, ${Deno.build.os} ${Deno.osRelease()}, Cloze ${project.version}`;
  const date = new Date().toISOString().slice(0, 10);
  console.log(gpuTable({ adapter, versions, date, tests, speed, steps, failed }));
  return tests && (tests.failures.length > 0 || !tests.summary.startsWith("ok")) || failed.length > 0 ? 1 : 0;
}

async function checkFolder(folder: string): Promise<void> {
  const isThere = await exists(new URL(`../${folder}`, import.meta.url).pathname);
  if (!isThere) throw new UsageError(`There is no ${quoted(folder)} to test: name files and folders of the clone`);
}

Deno.exit(await runScript({ about, groups: { Options: flags } }, report));
