/**
 * What a token costs in smaller steps than others, `small` on a CPU, by turns in one process:
 * `deno run -A bench/step_tokens.ts [--turns 40] [--small 256] [--large 512] [--blas auto] [length ...]`.
 */
import { capacityFor } from "../lib/batch/masking.ts";
import { flag } from "../lib/cli/flags.ts";
import { parseCount, parseFew } from "../lib/cli/flag_values.ts";
import { openCpuDevice } from "../lib/device/cpu/open_cpu.ts";
import { defaultSettings, muonSettings } from "../lib/train/settings.ts";
import { optionsOf } from "./script.ts";
import { comparedByTurns, config, prepareStep } from "./two_steps.ts";

/** Share of the tokens that is masked: about the mean of a run. */
const MASKED = 0.3;
/** Tokens of a turn. */
const TURN = 4096;

const flags = {
  turns: { ...flag("N", "turns of both", parseFew), default: 40 },
  small: { ...flag("N", "tokens of the smaller steps", parseCount), default: 256 },
  large: { ...flag("N", "tokens of the larger steps", parseCount), default: 512 },
  blas: { ...flag("PATH", "BLAS of the CPU: auto, off or the path of a library", String), default: "auto" },
};
const parsed = await optionsOf(
  "What a token costs in smaller steps than others.\n\nUsage: deno run -A bench/step_tokens.ts [options] [length ...]",
  { Options: flags },
);
const [turns, small, large] = [parsed.get(flags.turns), parsed.get(flags.small), parsed.get(flags.large)];
const blas = parsed.get(flags.blas);
const { optimizer: usual } = defaultSettings({ preset: config.preset, width: config.width });

for (const length of parsed.positional.length > 0 ? parsed.positional.map(parseFew) : [16, 32, 64, 128]) {
  for (const library of blas === "off" ? ["off"] : [blas, "off"]) {
    const device = await openCpuDevice({ threads: 2, blas: library });
    const stepOf = async (tokens: number) => {
      const windows = Math.max(1, Math.floor(tokens / length));
      const shape = { windows, length, capacity: capacityFor({ windows, length, rate: MASKED }) };
      const muon = muonSettings({ width: config.width, stepTokens: tokens });
      const steps = Math.max(1, Math.round(TURN / tokens));
      return await prepareStep(device, { shape, optimizer: { ...usual, muon }, rate: MASKED, steps });
    };
    const [more, fewer] = [await stepOf(large), await stepOf(small)];
    const words = await comparedByTurns(more, fewer, turns);
    const [, ratio] = /^([\d.]+) times/.exec(words)!;
    const name = library === "off" ? "WebAssembly" : "BLAS";
    console.log(
      `length ${length}, ${name}: a token takes ${(Number(ratio) * large / small).toFixed(2)} times; a step ${words}`,
    );
    device.destroy();
  }
}
