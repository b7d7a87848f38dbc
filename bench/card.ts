/**
 * Whole training steps on a graphics card: tokens a second of models of four sizes, and with --profile where the time goes, and
 * with --attention rows without blocks.
 * Adapters that are software, which take minutes a step of the largest, are refused. `deno run -A bench/card.ts [--profile] [--attention WAY] [case ...]`
 */
import { parseArgs } from "@std/cli";
import { maskBatch } from "../lib/batch/loader.ts";
import { capacityFor } from "../lib/batch/masking.ts";
import { profileTable } from "../lib/cli/profile_table.ts";
import type { Device } from "../lib/device/device.ts";
import type { AttentionVariant } from "../lib/device/webgpu/choices.ts";
import { openWebGpuDevice, type WebGpuOptions } from "../lib/device/webgpu/open_webgpu.ts";
import { modelConfig } from "../lib/model/config.ts";
import { createModel } from "../lib/model/model.ts";
import { characterTokenizer } from "../lib/tokenizer/character.ts";
import { type CardCase, cardCases } from "./cases.ts";
import { median } from "./helpers.ts";

/** Steps submitted before waiting once, and milliseconds of measuring. */
const STEPS = 8;
const MILLISECONDS = 3000;

const optimizer = { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0.01, clip: 1 };

/** A step of a model, and a wait for all that were submitted. */
async function prepare(device: Device, { size, length, tokens, vocab }: CardCase) {
  const characters = Array.from({ length: vocab - 5 }, (_, i) => String.fromCodePoint(0x4e00 + i));
  const tokenizer = characterTokenizer(characters);
  const windows = tokens / length;
  const capacity = capacityFor({ windows, length, rate: 0.15 });
  const model = createModel(device, modelConfig({ size, vocab: tokenizer.size, maxLength: length }));
  const program = await model.compileTraining({ windows, length, capacity }, optimizer);
  const list = Array.from({ length: windows }, (_, index) => ({
    tokens: Uint32Array.from({ length }, (_, i) => 5 + (7 * i * i + 13 * index) % characters.length),
    epoch: 0,
    block: 0,
    index,
  }));
  const { batch } = maskBatch(list, { tokenizer, rate: 0.15, seed: 1, capacity });
  const lossScale = 1 / batch.labels.length;
  return {
    step() {
      model.writeStep({ seed: 1, step: 0, microStep: 0, lossScale, learningRate: 1e-4, optimizer });
      program.write(batch);
      program.program.run();
    },
    wait: () => model.readRecords({ first: 0, end: 1 }),
  };
}

async function measure(name: string, one: CardCase, options: WebGpuOptions): Promise<void> {
  const { profile = false } = options;
  const device = await openWebGpuDevice(options);
  if (device.software) throw new Error(`${device.description} is no graphics card`);
  const begun = performance.now();
  const { step, wait } = await prepare(device, one);
  const compiled = performance.now() - begun;
  for (let i = 0; i < 3; i++) {
    step();
    await wait();
  }
  await device.takeProfile();
  const times: number[] = [];
  const end = performance.now() + (profile ? 0 : MILLISECONDS);
  while (times.length < 3 || performance.now() < end) {
    const start = performance.now();
    for (let i = 0; i < STEPS; i++) step();
    await wait();
    times.push((performance.now() - start) / STEPS);
  }
  const ms = median(times);
  console.log(
    `${name.padEnd(18)} length ${one.length}, ${one.tokens} tokens a step: ${ms.toFixed(2)} ms, ` +
      `${(1000 * one.tokens / ms).toFixed(0)} tokens/s; compiled in ${compiled.toFixed(0)} ms; ${device.description}`,
  );
  const kernels = await device.takeProfile();
  if (kernels) console.log(profileTable(kernels));
  device.destroy();
}

const { profile, attention, _: names } = parseArgs(Deno.args, { boolean: ["profile"], string: ["attention"] });
const options = { profile: profile === true, ...(attention ? { attention: attention as AttentionVariant } : {}) };
for (const [name, one] of Object.entries(cardCases)) {
  if (names.length === 0 || names.includes(name)) await measure(name, one, options);
}
