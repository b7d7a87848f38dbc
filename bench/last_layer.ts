/**
 * What it is worth that the last layer is computed for masked rows alone, behind its attention: a step of the default of a CPU with
 * whole batches there beside one without. Of `small` on characters. `deno run -A bench/last_layer.ts [length ...]`
 */
import { flag } from "../lib/cli/flags.ts";
import { parseFew, parseShare } from "../lib/cli/flag_values.ts";
import { capacityFor } from "../lib/batch/masking.ts";
import { openCpuDevice } from "../lib/device/cpu/open_cpu.ts";
import { cpuBatch } from "../lib/train/cpu_batch.ts";
import { defaultSettings } from "../lib/train/settings.ts";
import { optionsOf } from "./script.ts";
import { comparedByTurns, config, prepareStep } from "./two_steps.ts";

const flags = {
  turns: { ...flag("N", "turns of both", parseFew), default: 40 },
  steps: { ...flag("N", "steps of each in a turn", parseFew), default: 8 },
  rate: { ...flag("SHARE", "share of tokens that is masked (default: 15% and 50%)", parseShare), repeatable: true },
  tokens: { ...flag("N", "tokens of a step, in whole windows but at least one", parseFew), default: 256 },
  blas: { ...flag("PATH", "BLAS of the CPU: auto, off or the path of a library", String), default: "auto" },
};
const parsed = await optionsOf(
  "What it is worth that the last layer is computed for masked rows alone.\n\n" +
    "Usage: deno run -A bench/last_layer.ts [options] [length ...]",
  { Options: flags },
);
const [turns, steps, tokens] = [parsed.get(flags.turns), parsed.get(flags.steps), parsed.get(flags.tokens)];
const [blas, rates] = [parsed.get(flags.blas), parsed.all(flags.rate)];
const usual = defaultSettings({ preset: config.preset, width: config.width });
// a short run, whose steps have so few tokens
const { optimizer } = { ...usual, ...cpuBatch(usual, { config, budget: { tokens: 500_000 } }) };

for (const length of parsed.positional.length > 0 ? parsed.positional.map(parseFew) : [16, 128, 512]) {
  for (const rate of rates.length > 0 ? rates : [0.15, 0.5]) {
    for (const library of [...(blas === "off" ? [] : [String(blas)]), "off"]) {
      const device = await openCpuDevice({ threads: 2, blas: library });
      const windows = Math.max(1, Math.floor(tokens / length));
      const shape = { windows, length, capacity: capacityFor({ windows, length, rate }) };
      const [masked, whole] = [
        await prepareStep(device, { shape, optimizer, rate, steps }),
        await prepareStep(device, { shape: { ...shape, lastLayer: "whole" }, optimizer, rate, steps }),
      ];
      const what = `length ${length}, ${rate} masked, ${library === "off" ? "WebAssembly" : "BLAS"}`;
      console.log(`${what}: whole batches take ${await comparedByTurns(masked, whole, turns)}`);
      device.destroy();
    }
  }
}
