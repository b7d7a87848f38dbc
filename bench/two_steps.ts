/**
 * Two kinds of training step, by turns in one process, so that other work on the machine weighs on both.
 */
import type { Device } from "../lib/device/device.ts";
import { workOf } from "../lib/device/profile.ts";
import { modelConfig } from "../lib/model/config.ts";
import { type BatchShape, createModel } from "../lib/model/model.ts";
import { recordedStep } from "../lib/model/recorded_step.ts";
import { updateSection } from "../lib/optimizer/muon.ts";
import type { OptimizerOptions } from "../lib/optimizer/optimizer.ts";
import { median } from "./helpers.ts";
import { madeUpBatch, madeUpTokenizer } from "./made_up_batch.ts";

const tokenizer = madeUpTokenizer(70);

/** `small` on characters. */
export const config = modelConfig({ size: "small", vocab: tokenizer.size, maxLength: 1024 });

/** A step that is ready to run. */
export interface PreparedStep {
  /** Runs it some times; milliseconds of one. */
  run(): Promise<number>;
  /** Floating-point operations of one that updates everything. */
  readonly flop: number;
  /** Kernels that it calls. */
  readonly calls: number;
}

/** Prepares a step on a batch of which a share is masked, which is run so many times in a turn. */
export async function prepareStep(
  device: Device,
  { shape, optimizer, rate, steps }: { shape: BatchShape; optimizer: OptimizerOptions; rate: number; steps: number },
): Promise<PreparedStep> {
  const model = createModel(device, config);
  const program = await model.compileTraining(shape, optimizer);
  const batch = madeUpBatch(shape, { tokenizer, rate });
  const lossScale = 1 / batch.labels.length;
  let done = 0;
  const { kernels } = await recordedStep(device, config, { shape, optimizer });
  return {
    async run() {
      const start = performance.now();
      for (let i = 0; i < steps; i++) {
        model.writeStep({ seed: 1, step: 0, microStep: 0, lossScale, learningRate: 1e-4, optimizer });
        program.write(batch);
        program.program.run("gradients", updateSection(optimizer, done++));
      }
      await model.readRecords({ first: 0, end: 1 });
      return (performance.now() - start) / steps;
    },
    flop: kernels.reduce((sum, call) => sum + workOf(call).flop, 0),
    calls: kernels.length,
  };
}

/** Runs two steps by turns and says how many times as long the second takes: the median, and the middle half of the ratios. */
export async function comparedByTurns(a: PreparedStep, b: PreparedStep, turns: number): Promise<string> {
  const times: [number, number][] = [];
  for (let turn = -2; turn < turns; turn++) {
    const [one, other] = turn % 2 ? [await b.run(), await a.run()] : [await a.run(), await b.run()];
    if (turn >= 0) times.push(turn % 2 ? [other, one] : [one, other]);
  }
  const ratios = times.map(([first, second]) => second / first).sort((x, y) => x - y);
  const quarter = (share: number) => ratios[Math.floor(share * ratios.length)]!.toFixed(2);
  const best = (i: 0 | 1) => Math.min(...times.map((both) => both[i])).toFixed(1);
  return `${median(ratios).toFixed(2)} times (${quarter(0.25)} to ${quarter(0.75)}), best ${best(0)} and ${
    best(1)
  } ms; ` +
    `${(a.flop / 1e9).toFixed(2)} and ${(b.flop / 1e9).toFixed(2)} GFLOP, ${a.calls} and ${b.calls} calls`;
}
