/**
 * What a step with Muon costs beside one with AdamW, by turns in one process so that other work on the machine weighs on both:
 * the median of the ratios, by how much they spread, and the products that Newton-Schulz adds. Of `small` on characters, at length 64.
 * `deno run -A bench/muon_cost.ts [tokens a step ...]`
 */
import { flag } from "../lib/cli/flags.ts";
import { parseCount } from "../lib/cli/flag_values.ts";
import { optionsOf } from "./script.ts";
import { maskBatch } from "../lib/batch/loader.ts";
import { capacityFor } from "../lib/batch/masking.ts";
import type { Device } from "../lib/device/device.ts";
import { openCpuDevice } from "../lib/device/cpu/open_cpu.ts";
import { workOf } from "../lib/device/profile.ts";
import { updateSection } from "../lib/optimizer/muon.ts";
import { modelConfig } from "../lib/model/config.ts";
import { createModel } from "../lib/model/model.ts";
import { recordedStep } from "../lib/model/recorded_step.ts";
import { characterTokenizer } from "../lib/tokenizer/character.ts";
import { defaultSettings, muonSettings } from "../lib/train/settings.ts";
import { median } from "./helpers.ts";

const tokenizer = characterTokenizer(Array.from({ length: 65 }, (_, i) => String.fromCodePoint(33 + i)));
const config = modelConfig({ size: "small", vocab: tokenizer.size });
const { optimizer: adamw } = defaultSettings({ preset: config.preset, width: config.width });
const LENGTH = 64;

const flags = {
  turns: { ...flag("N", "turns of both", parseCount), default: 24 },
  steps: { ...flag("N", "steps of each in a turn", parseCount), default: 4 },
  every: { ...flag("N", "steps from one update of the matrices to the next", parseCount), default: 1 },
  blas: { ...flag("PATH", "BLAS of the CPU: auto, off or the path of a library", String), default: "auto" },
};
const parsed = await optionsOf(
  "What a step with Muon costs beside one with AdamW.\n\nUsage: deno run -A bench/muon_cost.ts [options] [tokens a step ...]",
  { Options: flags },
);
const [turns, steps, blas] = [parsed.get(flags.turns), parsed.get(flags.steps), parsed.get(flags.blas)];

const muon = { ...muonSettings(config), every: parsed.get(flags.every) };
const optimizers = { adamw, muon: { ...adamw, muon } };

async function prepare(device: Device, tokens: number, optimizer: typeof adamw) {
  const windows = tokens / LENGTH;
  const capacity = capacityFor({ windows, length: LENGTH, rate: 0.15 });
  const shape = { windows, length: LENGTH, capacity };
  const model = createModel(device, config);
  const program = await model.compileTraining(shape, optimizer);
  const list = Array.from({ length: windows }, (_, index) => ({
    tokens: Uint32Array.from({ length: LENGTH }, (_, i) => 5 + (7 * i * i + 13 * index) % 65),
    epoch: 0,
    block: 0,
    index,
  }));
  const { batch } = maskBatch(list, { tokenizer, rate: 0.15, seed: 1, capacity });
  const lossScale = 1 / batch.labels.length;
  let done = 0;
  const run = async () => {
    const start = performance.now();
    for (let i = 0; i < steps; i++) {
      model.writeStep({ seed: 1, step: 0, microStep: 0, lossScale, learningRate: 1e-4, optimizer });
      program.write(batch);
      program.program.run("gradients", updateSection(optimizer, done++));
    }
    await model.readRecords({ first: 0, end: 1 });
    return (performance.now() - start) / steps;
  };
  const { kernels } = await recordedStep(device, config, { shape, optimizer });
  const flop = kernels.reduce((sum, call) => sum + workOf(call).flop, 0);
  return { run, flop, calls: kernels.length };
}

for (const tokens of parsed.positional.length > 0 ? parsed.positional.map(Number) : [1024, 2048]) {
  for (const library of [...(blas === "off" ? [] : [String(blas)]), "off"]) {
    const device = await openCpuDevice({ threads: 2, blas: library });
    const [a, b] = [await prepare(device, tokens, optimizers.adamw), await prepare(device, tokens, optimizers.muon)];
    const times: [number, number][] = [];
    for (let turn = -2; turn < turns; turn++) {
      const [one, other] = turn % 2 ? [await b.run(), await a.run()] : [await a.run(), await b.run()];
      if (turn >= 0) times.push(turn % 2 ? [other, one] : [one, other]);
    }
    const ratios = times.map(([adam, muon]) => muon / adam).sort((x, y) => x - y);
    const quarter = (share: number) => ratios[Math.floor(share * ratios.length)]!.toFixed(2);
    const best = (i: 0 | 1) => Math.min(...times.map((both) => both[i])).toFixed(1);
    console.log(
      `${tokens} tokens a step, ${library === "off" ? "WebAssembly" : "BLAS"}: ${median(ratios).toFixed(2)} times ` +
        `(${quarter(0.25)} to ${quarter(0.75)}), best ${best(0)} and ${best(1)} ms; ` +
        `${(a.flop / 1e9).toFixed(2)} and ${(b.flop / 1e9).toFixed(2)} GFLOP, ${a.calls} and ${b.calls} calls`,
    );
    device.destroy();
  }
}
