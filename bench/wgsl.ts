/**
 * A kernel as it is given to a GPU's compiler: constants in place, loops written out where the device does.
 * `deno run bench/wgsl.ts KERNEL [NAME=VALUE ...] > kernel.wgsl`; attention's by length and width of a head, as they are chosen:
 * `deno run bench/wgsl.ts attention --length 512 --width 64 [--memory 16384]`; with tensors in f16: `--f16 a,b,c`
 */
import { parseArgs } from "@std/cli";
import { type AttentionPass, chooseAttention, MOST_WORKGROUP_BYTES } from "../lib/device/webgpu/choices.ts";
import { kernelSources } from "../lib/device/webgpu/kernel_sources.ts";
import { codeFor } from "../lib/device/webgpu/pipelines.ts";
import type { Tensor } from "../lib/tensor/tensor.ts";

const { length, width, memory, f16, _: [name, ...settings] } = parseArgs(Deno.args, {
  string: ["length", "width", "memory", "f16"],
});
const given = Object.fromEntries(settings.map((setting) => {
  const [key, value] = String(setting).split("=") as [string, string];
  return [key, value === "true" || value === "false" ? value === "true" : Number(value)];
}));
const columns4 = Number(width) / 4;
const choice = length === undefined ? undefined : chooseAttention(
  name as AttentionPass,
  { length: Number(length), columns4 },
  { attention: "blocks", workgroupBytes: Number(memory ?? MOST_WORKGROUP_BYTES) },
);
const kernel = choice?.kernel ?? String(name);
const source = kernelSources[kernel];
if (!source) throw new TypeError(`There is no kernel "${name}"`);
const chosen = choice ? { ...choice.constants, HEAD_COLUMNS4: columns4 } : {};
const halves = f16 === undefined ? [] : String(f16).split(",");
const tensors = Object.fromEntries(
  halves.map((name): [string, Tensor] => [name, { name, shape: [4], size: 4, dtype: "f16" }]),
);
console.log(codeFor(source, { kernel, tensors, params: {}, constants: { ...chosen, ...given }, grid: [1, 1, 1] }));
