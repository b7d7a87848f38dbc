import { assert, assertEquals, assertLess } from "@std/assert";
import type { Device } from "../../lib/device/device.ts";
import { openWebGpuDevice } from "../../lib/device/webgpu/open_webgpu.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { createModel } from "../../lib/model/model.ts";
import { trainingTexts } from "../../lib/text/corpus.ts";
import { storiesCorpus } from "../../lib/text/stories.ts";
import { characterTokenizer, scanCharacters } from "../../lib/tokenizer/character.ts";
import { train } from "../../lib/train/trainer.ts";
import { withoutGpu, withoutHalves } from "../helpers/devices.ts";
import { runCli } from "../helpers/run_cli.ts";
import { runLosses } from "../helpers/run_losses.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const corpus = storiesCorpus();
const tokenizer = characterTokenizer(await scanCharacters(trainingTexts(corpus)));
const config = modelConfig({ vocab: tokenizer.size, layers: 2, width: 32, heads: 2, hidden: 44, maxLength: 16 });

/** Validation loss after a short run, and the first training loss. */
async function learned(device: Device, seed: number): Promise<{ first: number; last: number }> {
  const model = createModel(device, config, { seed });
  let [first, last] = [NaN, NaN];
  const events = train({
    ...{ model, corpus, tokenizer, seed, budget: { steps: 80 } },
    ...{ curriculum: [{ length: 16, share: 1 }], batchTokens: 256, evaluateTokens: 2048 },
    ...{ evaluateEvery: { share: 1 }, sampleEvery: { share: 1 }, saveEvery: { share: 1 } },
  });
  for await (const event of events) {
    if (event.kind === "train" && event.step === 1) first = event.loss;
    if (event.kind === "validation") last = event.loss;
    assert(event.kind !== "skipped");
  }
  model.destroy();
  return { first, last };
}

Deno.test({
  name: "train() in f16 learns stories as it does in f32",
  ignore: withoutHalves,
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const seeds = [1, 2, 3];
    const losses: Record<string, number[]> = {};
    for (const precision of ["f32", "f16"] as const) {
      const device = await openWebGpuDevice({ precision });
      losses[precision] = [];
      for (const seed of seeds) {
        const { first, last } = await learned(device, seed);
        assertLess(last, first - 1, `${precision} learns`);
        losses[precision].push(last);
      }
      device.destroy();
    }
    const [whole, half] = [losses.f32!, losses.f16!];
    console.log(
      `validation losses of f32 ${whole.map((loss) => loss.toFixed(4))}, of f16 ${half.map((loss) => loss.toFixed(4))}`,
    );
    // far less than what another seed makes of it
    const noise = Math.max(...whole) - Math.min(...whole);
    for (const [i, loss] of half.entries()) assertLess(Math.abs(loss - whole[i]!), noise / 2);
  },
});

const flags = [
  ["train", "--data", "stories", "--layers", "1", "--width", "16", "--heads", "2", "--batch-tokens", "64"],
  ["--curriculum", "8:50%,16", "--eval-tokens", "64", "--sample-every", "100%", "--steps", "8", "--save-every", "2"],
].flat();

Deno.test({
  name: "train --precision f16 keeps the choice in the run, resumes to the bit, and is told on a CPU what would do",
  ignore: withoutGpu || withoutHalves,
  fn: () =>
    inTemporaryFolder(async (cwd) => {
      const whole = await runCli([...flags, "--device", "webgpu", "--precision", "f16", "--name", "whole"], { cwd });
      assertEquals(whole.code, 0, whole.err);
      assert(/^device {2}WebGPU on .*, activations in f16$/m.test(whole.out), whole.out);
      const told = async () =>
        JSON.parse(await Deno.readTextFile(`${cwd}/runs/whole/config.json`)).device.settings.precision;
      assertEquals(await told(), "f16");
      const losses = await runLosses(`${cwd}/runs/whole`);
      // the last checkpoint is gone: what was done after the one before is done anew
      await Deno.remove(`${cwd}/runs/whole/checkpoints/step-00000008`, { recursive: true });
      const onCpu = await runCli(["train", "--resume", "runs/whole", "--device", "cpu"], { cwd });
      assertEquals([onCpu.code, onCpu.err], [
        1,
        "error: Cannot train in f16 on the CPU, which computes in f32 alone: precision f32 would do\n",
      ]);
      const resumed = await runCli(["train", "--resume", "runs/whole"], { cwd });
      assertEquals(resumed.code, 0, resumed.err);
      assertEquals(await runLosses(`${cwd}/runs/whole`), losses);
      await Deno.remove(`${cwd}/runs/whole/checkpoints/step-00000008`, { recursive: true });
      const changed = await runCli(["train", "--resume", "runs/whole", "--precision", "f32", "--device", "cpu"], {
        cwd,
      });
      assertEquals(changed.code, 0, changed.err);
      assert(
        changed.out.includes("this run stored its activations in f16 so far; losses will differ a little"),
        changed.out,
      );
      assertEquals(await told(), undefined);
    }),
});
