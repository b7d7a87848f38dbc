/**
 * Attention on a graphics card, by rows and in every shape of blocks that its workgroups have memory for: which to write into
 * lib/device/webgpu/choices.ts. GFLOP/s by timestamp queries. `deno run -A bench/attention_card.ts [--length 512] [--width 64] [--pairs 96]`
 */
import { flag } from "../lib/cli/flags.ts";
import { parseCount } from "../lib/cli/flag_values.ts";
import { optionsOf } from "./script.ts";
import type { KernelTime } from "../lib/device/profile.ts";
import type { AttentionBlocks, AttentionPass, AttentionTable } from "../lib/device/webgpu/choices.ts";
import { openWebGpuDevice, type WebGpuOptions } from "../lib/device/webgpu/open_webgpu.ts";
import { Graph } from "../lib/graph/graph.ts";
import { attention } from "../lib/ops/attention.ts";
import { median } from "./helpers.ts";

/** Sequence length, width of a head, and pairs of sequence and head. */
interface Shape {
  length: number;
  width: number;
  pairs: number;
}

const passes: readonly AttentionPass[] = ["attention", "attention_backward_query", "attention_backward_key_value"];

const forward: AttentionBlocks[] = [1, 2].flatMap((columns) =>
  [true, false].flatMap((held) => [2, 4].map((depth) => ({ widest: 64, columns, tiles: 1, held, depth })))
);
const backward: AttentionBlocks[] = [1, 2].flatMap((columns) =>
  [2, 1].flatMap((tiles) => [1, 2, 4].map((depth) => ({ widest: 64, columns, tiles, depth })))
);

/** Five profiles of ten runs each of attention and its gradient. */
async function measure(options: WebGpuOptions, { length, width, pairs }: Shape): Promise<KernelTime[][]> {
  const device = await openWebGpuDevice({ ...options, profile: true, workgroupBytes: 65536 });
  const graph = new Graph();
  const qkv = graph.persistent("qkv", [pairs * length, 3 * width]);
  const y = graph.keep(attention(graph, qkv, { length, heads: 1 }));
  const d_y = graph.persistent("d_y", y.shape);
  graph.seed(y, d_y);
  graph.backward();
  const program = await graph.compile(device);
  for (const tensor of [qkv, d_y]) device.write(tensor, new Float32Array(tensor.size).map(() => Math.random() - 0.5));
  const profiles: KernelTime[][] = [];
  for (let i = 0; i < 6; i++) {
    for (let run = 0; run < 10; run++) program.run();
    const times = await device.takeProfile();
    // the first run compiles
    if (i > 0) profiles.push([...times!]);
  }
  program.destroy();
  device.destroy();
  return profiles;
}

/** The time of the kernel that computes a pass. */
function timeOf(times: readonly KernelTime[], pass: AttentionPass): KernelTime {
  return times.find(({ name }) => name.replace(/_blocked(_read)?$/, "") === pass)!;
}

/** Median GFLOP/s of a pass. */
function rate(profiles: readonly (readonly KernelTime[])[], pass: AttentionPass): string {
  const rates = profiles.map((times) => timeOf(times, pass)).map(({ flop, milliseconds }) => flop / milliseconds / 1e6);
  return median(rates).toFixed(0).padStart(8);
}

const flags = {
  length: { ...flag("N", "tokens of a sequence", parseCount), default: 512 },
  width: { ...flag("N", "width of a head", parseCount), default: 64 },
  pairs: { ...flag("N", "pairs of sequence and head", parseCount), default: 96 },
};
const parsed = await optionsOf(
  "Attention's kernels on a graphics card.\n\nUsage: deno run -A bench/attention_card.ts [options]",
  { Options: flags },
);
const shape = { length: parsed.get(flags.length), width: parsed.get(flags.width), pairs: parsed.get(flags.pairs) };
console.log(`${shape.pairs} pairs of sequence and head, length ${shape.length}, heads of ${shape.width}: GFLOP/s`);
const rows = await measure({ attention: "rows" }, shape);
for (const pass of passes) {
  console.log(`${pass}\n${rate(rows, pass)} by rows`);
  for (const blocks of pass === "attention" ? forward : backward) {
    const none: AttentionTable = { attention: [], attention_backward_query: [], attention_backward_key_value: [] };
    const profiles = await measure({ attention: "blocks", attentionBlocks: { ...none, [pass]: [blocks] } }, shape);
    const { widest: _, ...shown } = blocks;
    const isInBlocks = timeOf(profiles[0]!, pass).name !== pass;
    console.log(`${isInBlocks ? rate(profiles, pass) : "no room".padStart(8)} ${JSON.stringify(shown)}`);
  }
}
