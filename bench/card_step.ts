/**
 * A training step of a model on made-up text, for what measures whole steps.
 */
import { capacityFor } from "../lib/batch/masking.ts";
import type { Device } from "../lib/device/device.ts";
import { modelConfig } from "../lib/model/config.ts";
import { createModel } from "../lib/model/model.ts";
import { recordedStep } from "../lib/model/recorded_step.ts";
import type { CardCase } from "./cases.ts";
import { median } from "./helpers.ts";
import { madeUpBatch, madeUpTokenizer } from "./made_up_batch.ts";

/** Steps submitted before waiting once. */
const STEPS = 8;

const optimizer = { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0.01, clip: 1 };

/** A step of a model that was compiled, with the choices of the device if it makes some, and a wait for all that were submitted. */
export async function prepareStep(device: Device, { size, length, tokens, vocab }: CardCase) {
  const tokenizer = madeUpTokenizer(vocab);
  const windows = tokens / length;
  const shape = { windows, length, capacity: capacityFor({ windows, length, rate: 0.15 }) };
  const model = createModel(device, modelConfig({ size, vocab: tokenizer.size, maxLength: length }));
  if (device.tune) await device.tune((await recordedStep(device, model.config, { shape, optimizer })).operations);
  const program = await model.compileTraining(shape, optimizer);
  const batch = madeUpBatch(shape, { tokenizer });
  const lossScale = 1 / batch.labels.length;
  return {
    step() {
      model.writeStep({ seed: 1, step: 0, microStep: 0, lossScale, learningRate: 1e-4, optimizer });
      program.write(batch);
      program.program.run();
    },
    wait: () => model.readRecords({ first: 0, end: 1 }),
    destroy() {
      program.destroy();
      model.destroy();
    },
  };
}

/** Milliseconds of a step: the median of groups of steps, of which there are three at least and as many as there is time for. */
export async function timeSteps(
  { step, wait }: Pick<Awaited<ReturnType<typeof prepareStep>>, "step" | "wait">,
  { milliseconds, warmUp = 3, steps = STEPS }: { milliseconds: number; warmUp?: number; steps?: number },
): Promise<number> {
  for (let i = 0; i < warmUp; i++) {
    step();
    await wait();
  }
  const times: number[] = [];
  const end = performance.now() + milliseconds;
  while (times.length < 3 || performance.now() < end) {
    const start = performance.now();
    for (let i = 0; i < steps; i++) step();
    await wait();
    times.push((performance.now() - start) / steps);
  }
  return median(times);
}
