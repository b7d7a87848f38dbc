/**
 * Every kernel of a training step, in every form in which it is recorded for a graphics card, as a compiler is given it: a file each.
 * `deno run --allow-write=FOLDER bench/step_kernels.ts FOLDER [case ...]`, the cases of bench/count.ts.
 */
import { lower } from "../lib/device/webgpu/lower.ts";
import { capacityFor } from "../lib/batch/masking.ts";
import type { Device } from "../lib/device/device.ts";
import { fuseCalls } from "../lib/device/webgpu/fuse_calls.ts";
import { kernelSources } from "../lib/device/webgpu/kernel_sources.ts";
import { unrollLoops } from "../lib/device/webgpu/unroll_loops.ts";
import { specialise } from "../lib/device/webgpu/wgsl.ts";
import { modelConfig } from "../lib/model/config.ts";
import { recordedStep } from "../lib/model/recorded_step.ts";
import type { KernelCall, OpCall } from "../lib/tensor/tensor.ts";
import { type CardCase, cardCases } from "./cases.ts";
import { card } from "./paper_card.ts";

const optimizer = { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0.01, clip: 1 };

async function callsOf({ size, length, tokens, vocab }: CardCase): Promise<readonly KernelCall[]> {
  const device = {
    maxTensorBytes: card.maxTensorBytes,
    lower: (call: OpCall) => lower(call, card),
    fuse: (calls: readonly KernelCall[]) => fuseCalls(calls, card),
  } as unknown as Device;
  const windows = tokens / length;
  const shape = { windows, length, capacity: capacityFor({ windows, length, rate: 0.15 }) };
  return (await recordedStep(device, modelConfig({ size, vocab, maxLength: length }), { shape, optimizer })).kernels;
}

const [folder, ...names] = Deno.args;
if (folder === undefined) throw new TypeError("Say which folder the kernels are to be written to");
const forms = new Map<string, { call: KernelCall; uses: Map<string, number> }>();
for (const [name, one] of Object.entries(cardCases)) {
  if (names.length > 0 && !names.includes(name)) continue;
  for (const call of await callsOf(one)) {
    const key = `${call.kernel} ${JSON.stringify(Object.entries(call.constants).sort())}`;
    const form = forms.get(key) ?? { call, uses: new Map() };
    form.uses.set(name, (form.uses.get(name) ?? 0) + 1);
    forms.set(key, form);
  }
}
for (const [i, { call: { kernel, constants }, uses }] of [...forms.values()].entries()) {
  const { source, unrolled } = kernelSources[kernel]!;
  const code = specialise(source, constants);
  const file = `${String(i).padStart(2, "0")}_${kernel}.wgsl`;
  Deno.writeTextFileSync(`${folder}/${file}`, unrolled ? unrollLoops(code) : code);
  const given = Object.entries(constants).filter(([, value]) => value !== false && value !== 0);
  const set = given.map(([name, value]) => value === true ? name : `${name} ${value}`).join(", ");
  console.log(`${file}  ${[...uses].map(([name, count]) => `${count} × ${name}`).join(", ")}  ${set}`);
}
