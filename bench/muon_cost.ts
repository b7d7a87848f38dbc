/**
 * What a step with Muon costs beside one with AdamW: the median of the ratios, by how much they spread, and the products that
 * Newton-Schulz adds. Of `small` on characters, at length 64. `deno run -A bench/muon_cost.ts [tokens a step ...]`
 */
import { flag } from "../lib/cli/flags.ts";
import { parseFew } from "../lib/cli/flag_values.ts";
import { capacityFor } from "../lib/batch/masking.ts";
import { openCpuDevice } from "../lib/device/cpu/open_cpu.ts";
import { defaultSettings, muonSettings } from "../lib/train/settings.ts";
import { optionsOf } from "./script.ts";
import { comparedByTurns, config, prepareStep } from "./two_steps.ts";

const { optimizer: adamw } = defaultSettings({ preset: config.preset, width: config.width });
const LENGTH = 64;
const RATE = 0.15;

const flags = {
  turns: { ...flag("N", "turns of both", parseFew), default: 24 },
  steps: { ...flag("N", "steps of each in a turn", parseFew), default: 4 },
  every: { ...flag("N", "steps from one update of the matrices to the next", parseFew), default: 1 },
  blas: { ...flag("PATH", "BLAS of the CPU: auto, off or the path of a library", String), default: "auto" },
};
const parsed = await optionsOf(
  "What a step with Muon costs beside one with AdamW.\n\nUsage: deno run -A bench/muon_cost.ts [options] [tokens a step ...]",
  { Options: flags },
);
const [turns, steps, blas] = [parsed.get(flags.turns), parsed.get(flags.steps), parsed.get(flags.blas)];
const muon = { ...adamw, muon: { ...muonSettings(config), every: parsed.get(flags.every) } };

for (const tokens of parsed.positional.length > 0 ? parsed.positional.map(parseFew) : [1024, 2048]) {
  for (const library of [...(blas === "off" ? [] : [String(blas)]), "off"]) {
    const device = await openCpuDevice({ threads: 2, blas: library });
    const windows = tokens / LENGTH;
    const shape = { windows, length: LENGTH, capacity: capacityFor({ windows, length: LENGTH, rate: RATE }) };
    const [a, b] = [
      await prepareStep(device, { shape, optimizer: adamw, rate: RATE, steps }),
      await prepareStep(device, { shape, optimizer: muon, rate: RATE, steps }),
    ];
    const what = library === "off" ? "WebAssembly" : "BLAS";
    console.log(`${tokens} tokens a step, ${what}: ${await comparedByTurns(a, b, turns)}`);
    device.destroy();
  }
}
