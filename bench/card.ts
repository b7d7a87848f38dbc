/**
 * Whole training steps on a graphics card: tokens a second of models of four sizes, and with --profile where the time goes, and
 * with --attention rows without blocks, with --precision f16 in that.
 * Adapters that are software, which take minutes a step of the largest, are refused. `deno run -A bench/card.ts [--profile] [--attention WAY] [--precision f16] [case ...]`
 */
import { parseArgs } from "@std/cli";
import { profileTable } from "../lib/cli/profile_table.ts";
import type { AttentionVariant } from "../lib/device/webgpu/choices.ts";
import { openWebGpuDevice, type WebGpuOptions } from "../lib/device/webgpu/open_webgpu.ts";
import { measurePeaks } from "../lib/speed/measure_peaks.ts";
import type { Precision } from "../lib/tensor/tensor.ts";
import { prepareStep, timeSteps } from "./card_step.ts";
import { type CardCase, cardCases } from "./cases.ts";

/** Milliseconds of measuring. */
const MILLISECONDS = 3000;

async function measure(name: string, one: CardCase, options: WebGpuOptions): Promise<void> {
  const { profile = false } = options;
  const device = await openWebGpuDevice(options);
  if (device.software) throw new Error(`${device.description} is no graphics card`);
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

const { profile, attention, precision, _: names } = parseArgs(Deno.args, {
  boolean: ["profile"],
  string: ["attention", "precision"],
});
const options = {
  profile: profile === true,
  ...(attention ? { attention: attention as AttentionVariant } : {}),
  ...(precision ? { precision: precision as Precision } : {}),
};
for (const [name, one] of Object.entries(cardCases)) {
  if (names.length === 0 || names.includes(name)) await measure(name, one, options);
}
