/**
 * Whole training steps on a graphics card: tokens a second of models of four sizes, and with --profile where the time goes, and
 * with --attention rows without blocks, with --precision f16 in that.
 * Adapters that are software, which take minutes a step of the largest, are refused. `deno run -A bench/card.ts [--profile] [--attention WAY] [--precision f16] [case ...]`
 */
import { definedOnly, flag, flagSwitch } from "../lib/cli/flags.ts";
import { parseChoice } from "../lib/cli/flag_values.ts";
import { profileTable } from "../lib/cli/profile_table.ts";
import type { AttentionVariant } from "../lib/device/webgpu/choices.ts";
import { openWebGpuDevice, type WebGpuOptions } from "../lib/device/webgpu/open_webgpu.ts";
import { measurePeaks } from "../lib/speed/measure_peaks.ts";
import { precisions } from "../lib/tensor/tensor.ts";
import { prepareStep, timeSteps } from "./card_step.ts";
import type { CardCase } from "./cases.ts";
import { casesOf, runScript } from "./script.ts";

const attentionWays: readonly AttentionVariant[] = ["rows", "blocks", "by length"];

/** Milliseconds of measuring. */
const MILLISECONDS = 3000;

async function measure(name: string, one: CardCase, options: WebGpuOptions): Promise<void> {
  const { profile = false } = options;
  const device = await openWebGpuDevice(options);
  if (device.software) throw new Error(`there is no graphics card here, only ${device.description}, which is software`);
  const begun = performance.now();
  const prepared = await prepareStep(device, one);
  const compiled = performance.now() - begun;
  await timeSteps(prepared, { milliseconds: 0, steps: 1 });
  await device.takeProfile();
  const ms = await timeSteps(prepared, { milliseconds: profile ? 0 : MILLISECONDS, warmUp: 0 });
  console.log(
    `${name.padEnd(18)} length ${one.length}, ${one.tokens} tokens a step: ${ms.toFixed(2)} ms, ` +
      `${(1000 * one.tokens / ms).toFixed(0)} tokens/s; compiled in ${compiled.toFixed(0)} ms; ${device.description}`,
  );
  const kernels = await device.takeProfile();
  if (kernels) console.log(profileTable(kernels, { peaks: await measurePeaks(device) }));
  device.destroy();
}

const flags = {
  profile: flagSwitch("show where the time goes, by kernel"),
  attention: flag("WAY", `how attention is computed: ${attentionWays.join(", ")}`, parseChoice(attentionWays)),
  precision: flag("TYPE", `how activations are stored: ${precisions.join(" or ")}`, parseChoice(precisions)),
};
const about = "Whole training steps on a graphics card.\n\nUsage: deno run -A bench/card.ts [options] [case ...]";
Deno.exit(
  await runScript({ about, groups: { Options: flags } }, async (parsed) => {
    const options = {
      profile: parsed.get(flags.profile) === true,
      ...definedOnly({ attention: parsed.get(flags.attention), precision: parsed.get(flags.precision) }),
    };
    for (const [name, one] of casesOf(parsed.positional)) await measure(name, one, options);
  }),
);
