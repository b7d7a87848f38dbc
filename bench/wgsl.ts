/**
 * A kernel as it is given to a GPU's compiler: constants in place, loops written out where the device does.
 * `deno run bench/wgsl.ts KERNEL [NAME=VALUE ...] > kernel.wgsl`; attention's by length and width of a head, as they are chosen:
 * `deno run bench/wgsl.ts attention --length 512 --width 64 [--memory 16384]`
 */
import { parseArgs } from "@std/cli";
import { type AttentionPass, chooseAttention, MOST_WORKGROUP_BYTES } from "../lib/device/webgpu/choices.ts";
import { kernelSources } from "../lib/device/webgpu/kernel_sources.ts";
import { unrollLoops } from "../lib/device/webgpu/unroll_loops.ts";
import { specialise } from "../lib/device/webgpu/wgsl.ts";

const { length, width, memory, _: [name, ...settings] } = parseArgs(Deno.args, {
  string: ["length", "width", "memory"],
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
const kernel = kernelSources[choice?.kernel ?? String(name)];
if (!kernel) throw new TypeError(`There is no kernel "${name}"`);
const chosen = choice ? { ...choice.constants, HEAD_COLUMNS4: columns4 } : {};
const code = specialise(kernel.source, { ...chosen, ...given });
console.log(kernel.unrolled ? unrollLoops(code) : code);
