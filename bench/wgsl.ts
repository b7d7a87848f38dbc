/**
 * A kernel as it is given to a GPU's compiler: constants in place, loops written out where the device does.
 * `deno run bench/wgsl.ts KERNEL [NAME=VALUE ...] > kernel.wgsl`; attention's by length and width of a head, as they are chosen:
 * `deno run bench/wgsl.ts attention --length 512 --width 64 [--memory 16384]`; with tensors in f16: `--f16 a,b,c`
 */
import { flag } from "../lib/cli/flags.ts";
import { parseCount } from "../lib/cli/flag_values.ts";
import { quoted } from "../lib/sentences/safe_text.ts";
import { optionsOf } from "./script.ts";
import { type AttentionPass, chooseAttention, MOST_WORKGROUP_BYTES } from "../lib/device/webgpu/choices.ts";
import { kernelSources } from "../lib/device/webgpu/kernel_sources.ts";
import { codeFor } from "../lib/device/webgpu/pipelines.ts";
import type { Tensor } from "../lib/tensor/tensor.ts";

const flags = {
  length: flag("N", "tokens of a sequence, for attention's kernels", parseCount),
  width: { ...flag("N", "width of a head", parseCount), default: 64 },
  memory: { ...flag("BYTES", "memory of a workgroup", parseCount), default: MOST_WORKGROUP_BYTES },
  f16: flag("NAMES", "tensors in f16, such as a,b", String),
};
const parsed = await optionsOf(
  "A kernel as it is given to a GPU's compiler.\n\nUsage: deno run bench/wgsl.ts KERNEL [NAME=VALUE ...] [options]",
  { Options: flags },
);
const [name = "", ...settings] = parsed.positional;
const [length, width, f16] = [parsed.get(flags.length), parsed.get(flags.width), parsed.get(flags.f16)];
const given = Object.fromEntries(settings.map((setting) => {
  const [key, value] = setting.split("=") as [string, string];
  return [key, value === "true" || value === "false" ? value === "true" : Number(value)];
}));
const columns4 = width / 4;
const choice = length === undefined ? undefined : chooseAttention(
  name as AttentionPass,
  { length, columns4 },
  { attention: "blocks", workgroupBytes: parsed.get(flags.memory) },
);
const kernel = choice?.kernel ?? name;
const source = kernelSources[kernel];
if (!source) {
  console.error(`error: There is no kernel ${quoted(name)}: there are ${Object.keys(kernelSources).join(", ")}`);
  Deno.exit(2);
}
const chosen = choice ? { ...choice.constants, HEAD_COLUMNS4: columns4 } : {};
const halves = f16 === undefined ? [] : f16.split(",");
const tensors = Object.fromEntries(
  halves.map((name): [string, Tensor] => [name, { name, shape: [4], size: 4, dtype: "f16" }]),
);
console.log(codeFor(source, { kernel, tensors, params: {}, constants: { ...chosen, ...given }, grid: [1, 1, 1] }));
