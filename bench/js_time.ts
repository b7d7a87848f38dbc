/**
 * JavaScript's time for a training step, without a graphics card: the calls of base's step on thin layers, encoded but not submitted.
 * A driver's part of a submission comes on top. `deno run -A bench/js_time.ts [--layers 12] [--steps 200]`
 */
import { flag } from "../lib/cli/flags.ts";
import { parseCount } from "../lib/cli/flag_values.ts";
import { optionsOf } from "./script.ts";
import { capacityFor } from "../lib/batch/masking.ts";
import { openWebGpuDevice } from "../lib/device/webgpu/open_webgpu.ts";
import { modelConfig } from "../lib/model/config.ts";
import { Model } from "../lib/model/model.ts";
import { madeUpBatch, madeUpTokenizer } from "./made_up_batch.ts";

const flags = {
  layers: { ...flag("N", "layers", parseCount), default: 12 },
  steps: { ...flag("N", "steps", parseCount), default: 200 },
};
const parsed = await optionsOf(
  "JavaScript's time for a training step.\n\nUsage: deno run -A bench/js_time.ts [options]",
  { Options: flags },
);
const [layers, steps] = [parsed.get(flags.layers), parsed.get(flags.steps)];
const [length, windows, vocab] = [512, 8, 30_522];

let calls = 0;
const { dispatchWorkgroups } = GPUComputePassEncoder.prototype;
GPUComputePassEncoder.prototype.dispatchWorkgroups = function (...grid) {
  calls++;
  dispatchWorkgroups.apply(this, grid);
};

const device = await openWebGpuDevice({ matmul: "tiled", attention: "rows" });
const optimizer = { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0.01, clip: 1 };
const model = new Model(device, modelConfig({ vocab, layers, width: 64, heads: 2, hidden: 128, maxLength: length }));
const shape = { windows, length, capacity: capacityFor({ windows, length, rate: 0.15 }) };
const program = await model.compileTraining(shape, optimizer);
const tokenizer = madeUpTokenizer(vocab);
const batch = madeUpBatch(shape, { tokenizer });

/** Calls of a step that is encoded, and counts what it does. */
function countCalls(): number {
  const { submit } = GPUQueue.prototype;
  GPUQueue.prototype.submit = () => {};
  calls = 0;
  program.program.run("gradients", "update");
  Object.assign(GPUQueue.prototype, { submit });
  GPUComputePassEncoder.prototype.dispatchWorkgroups = dispatchWorkgroups;
  return calls;
}

const parts: Record<string, number[]> = { scalars: [], batch: [], "encode": [], all: [] };
await model.readRecords({ first: 0, end: 1 });
const callsOfStep = countCalls();
GPUQueue.prototype.submit = () => {};
for (let step = 0; step < steps; step++) {
  const begun = performance.now();
  model.writeStep({ seed: 1, step, microStep: 0, lossScale: 1, learningRate: 1e-4, optimizer });
  const written = performance.now();
  program.write(batch);
  const ready = performance.now();
  program.program.run("gradients", "update");
  const end = performance.now();
  const times = [written - begun, ready - written, end - ready, end - begun];
  for (const [i, name] of Object.keys(parts).entries()) parts[name]!.push(times[i]!);
}
console.log(`${callsOfStep} calls a step; milliseconds of JavaScript a step, of ${steps}:`);
for (const [name, times] of Object.entries(parts)) {
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.floor(share * (times.length - 1))]!.toFixed(3);
  console.log(`${name.padEnd(18)} tenth ${at(0.1)}  median ${at(0.5)}`);
}
program.destroy();
model.destroy();
device.destroy();
