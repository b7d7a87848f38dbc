/**
 * What a training step is on a graphics card, without one: dispatches, arithmetic, memory traffic and memory of models of three
 * sizes, from the program that would be recorded. `deno run bench/count.ts [--kernels] [--muon] [--precision f16] [case ...]`
 */
import { capacityFor } from "../lib/batch/masking.ts";
import type { Device, Program, Recording } from "../lib/device/device.ts";
import { type KernelWork, workOf } from "../lib/device/profile.ts";
import { lower } from "../lib/device/webgpu/lower.ts";
import { parseChoice } from "../lib/cli/flag_values.ts";
import { flag, flagSwitch, type ParsedFlags } from "../lib/cli/flags.ts";
import { fuseCalls } from "../lib/device/webgpu/fuse_calls.ts";
import { modelConfig } from "../lib/model/config.ts";
import { Model } from "../lib/model/model.ts";
import { type Precision, precisions } from "../lib/tensor/tensor.ts";
import { muonSettings } from "../lib/train/settings.ts";
import { casesOf, runScript } from "./script.ts";
import { card } from "./paper_card.ts";

const optimizer = { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0.01, clip: 1 };

/** A device that runs nothing and remembers what it was to run, and how much memory was asked for. */
function paperDevice(precision: Precision) {
  const seen: { recording?: Recording; bytes: number } = { bytes: 0 };
  const device: Device = {
    kind: "webgpu",
    description: "a card on paper",
    settings: { kind: "webgpu", adapter: "paper", matmul: "tiled" },
    software: false,
    precision,
    maxTensorBytes: card.maxTensorBytes,
    allocate(bytes) {
      seen.bytes += bytes;
      return { bytes, destroy() {} };
    },
    write() {},
    read: () => Promise.reject(new Error("There is nothing to read from paper")),
    lower: (call) => lower(call, card),
    fuse: (calls) => fuseCalls(calls, card),
    build(recording) {
      seen.recording = recording;
      const bytes = recording.arenas.reduce((sum, arena) => sum + arena, 0);
      seen.bytes += bytes;
      return Promise.resolve<Program>({ run() {}, bytes, destroy() {} });
    },
    takeProfile: () => Promise.resolve(undefined),
    destroy() {},
  };
  return { device, seen };
}

/** Calls of each kernel with their work, those of most calls first. */
function byKernel(works: readonly (KernelWork & { kernel: string })[]): string {
  const totals = Map.groupBy(works, ({ kernel }) => kernel);
  return [...totals].sort(([, a], [, b]) => b.length - a.length).map(([kernel, calls]) => {
    const sum = (key: "flop" | "bytes") => (calls.reduce((sum, call) => sum + call[key], 0) / 1e9).toFixed(2);
    return `  ${String(calls.length).padStart(4)} ${kernel.padEnd(40)} ${sum("flop").padStart(9)} GFLOP ${
      sum("bytes").padStart(7)
    } GB`;
  }).join("\n");
}

const flags = {
  kernels: flagSwitch("show the calls of each kernel"),
  muon: flagSwitch("update matrices by Muon"),
  precision: {
    ...flag("TYPE", `how activations are stored: ${precisions.join(" or ")}`, parseChoice(precisions)),
    default: "f32" as const,
  },
};
const about =
  "What a training step is on a graphics card, without one.\n\nUsage: deno run bench/count.ts [options] [case ...]";

async function count(parsed: ParsedFlags): Promise<void> {
  const cases = casesOf(parsed.positional);
  console.log("| model, tokens a step | dispatches | GFLOP | GB moved | MiB of activations | MiB in all |");
  console.log("| -------------------- | ---------- | ----- | -------- | ------------------ | ---------- |");
  for (const [name, { size, length, tokens, vocab }] of cases) {
    const { device, seen } = paperDevice(parsed.get(flags.precision));
    const windows = tokens / length;
    const config = modelConfig({ size, vocab, maxLength: length });
    const shape = { windows, length, capacity: capacityFor({ windows, length, rate: 0.15 }) };
    await new Model(device, config).compileTraining(
      shape,
      parsed.get(flags.muon) ? { ...optimizer, muon: muonSettings(config) } : optimizer,
    );
    const { sections, arenas } = seen.recording!;
    // what rounds weights that the host has written is no part of a step
    const calls = [...sections].flatMap(([name, calls]) => name === "weights" ? [] : calls);
    const works = calls.map((call) => ({ ...workOf(call), kernel: call.kernel }));
    const total = (key: "flop" | "bytes") => works.reduce((sum, work) => sum + work[key], 0) / 1e9;
    const mebibytes = (bytes: number) => (bytes / 2 ** 20).toFixed(0);
    console.log(
      `| ${name}, length ${length}, ${tokens.toLocaleString("en")} | ${works.length} | ${total("flop").toFixed(1)} | ` +
        `${total("bytes").toFixed(2)} | ${mebibytes(arenas.reduce((sum, arena) => sum + arena, 0))} | ${
          mebibytes(seen.bytes)
        } |`,
    );
    if (parsed.get(flags.kernels)) console.log(byKernel(works));
  }
}

Deno.exit(await runScript({ about, groups: { Options: flags } }, count));
