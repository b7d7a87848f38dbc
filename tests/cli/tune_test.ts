import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { parseFlags } from "../../lib/cli/flags.ts";
import { openRunDevice } from "../../lib/cli/run_device.ts";
import { trainFlagGroups } from "../../lib/cli/train_flags.ts";
import { tuneOptions } from "../../lib/cli/tuned_products.ts";
import type { Device, WebGpuSettings } from "../../lib/device/device.ts";
import type { ProductTable } from "../../lib/device/webgpu/choices.ts";
import { openCpuDevice } from "../../lib/device/cpu/open_cpu.ts";
import { openWebGpuDevice } from "../../lib/device/webgpu/open_webgpu.ts";
import type { AdapterPrint, TuneReport } from "../../lib/device/webgpu/tuner.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { createModel } from "../../lib/model/model.ts";
import { recordedStep } from "../../lib/model/recorded_step.ts";
import { storiesCorpus } from "../../lib/text/stories.ts";
import { characterTokenizer } from "../../lib/tokenizer/character.ts";
import type { TrainingState } from "../../lib/train/events.ts";
import { train } from "../../lib/train/trainer.ts";
import { withoutGpu } from "../helpers/devices.ts";
import { runCli } from "../helpers/run_cli.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const adapter: AdapterPrint = {
  vendor: "1",
  architecture: "",
  device: "2",
  description: "a card",
  kernels: "0a0b0c0d",
};
const chosen: ProductTable = { "A·B 1×2×3": { variant: "tiled", tile: [128, 64], splits: 2 } };
const report = (change: Partial<TuneReport> = {}): TuneReport => {
  return { adapter, products: 3, chosen, known: 1, left: 1, changed: 1, milliseconds: 1234, ...change };
};

/** Options whose lines are kept. */
function tuning(mode: "on" | "force", folder: string | undefined) {
  const lines: string[] = [];
  return { lines, ...tuneOptions(mode, (line) => lines.push(line), { folder })! };
}

Deno.test("tuneOptions() remember what was chosen for an adapter and its kernels, and add to it", () =>
  inTemporaryFolder(async (folder) => {
    const { lines, ...options } = tuning("on", `${folder}/cache`);
    assertEquals(await options.recall!(adapter), {});
    await options.report!(report());
    const more: ProductTable = { "A·B 4×5×6": { variant: "direct", splits: 1 } };
    await options.report!(report({ chosen: more, changed: 0, known: 0, left: 0 }));
    assertEquals(lines, [
      "tuning  3 kinds of products in 1.2 s: 1 known from before, 1 timed, 1 of which other than usual, 1 by the rule",
      "tuning  3 kinds of products in 1.2 s: 1 timed, 0 of which other than usual",
    ]);
    assertEquals(await options.recall!(adapter), { ...chosen, ...more });
    assertEquals(await options.recall!({ ...adapter, description: "a card, a newer driver" }), {});
    assertEquals(await options.recall!({ ...adapter, kernels: "ffffffff" }), {});
    assertEquals([options.software, tuning("force", folder).software], [false, true]);
    assertEquals(await tuning("force", `${folder}/cache`).recall!(adapter), {});
    assertEquals(tuneOptions("off", () => {}), undefined);
  }));

Deno.test("tuneOptions() leave a damaged or foreign file alone, and say so", () =>
  inTemporaryFolder(async (folder) => {
    await tuning("on", folder).report!(report());
    const [{ name }] = await Array.fromAsync(Deno.readDir(folder)) as [Deno.DirEntry];
    const whole = await Deno.readTextFile(`${folder}/${name}`);
    const damages: readonly [what: string, content: string][] = [
      ["it is no JSON", whole.slice(0, -20)],
      ['"splits" is 0.5', whole.replace('"splits": 2', '"splits": 0.5')],
      ['"variant" is "magic"', whole.replace('"tiled"', '"magic"')],
      ["rows and columns of 64 or 128", whole.replace("128", "127")],
      ['"format" is 7', whole.replace('"format": 1', '"format": 7')],
      ['it is of another adapter, "yours"', whole.replace("a card", "yours")],
      ["wanted an object", "[]"],
    ];
    for (const [what, content] of damages) {
      await Deno.writeTextFile(`${folder}/${name}`, content);
      const { lines, recall } = tuning("on", folder);
      assertEquals(await recall!(adapter), {}, what);
      assertEquals(lines.length, 1);
      assertStringIncludes(lines[0]!.replace(/products\.A·B 1×2×3\./, ""), what);
      assert(lines[0]!.startsWith("note: ") && lines[0]!.endsWith("; products are timed anew"), lines[0]);
    }
    // and the next choice replaces it
    await tuning("on", folder).report!(report());
    assertEquals(await tuning("on", folder).recall!(adapter), chosen);
  }));

Deno.test("tuneOptions() go without a folder, and say that nothing can be kept in one that is a file", () =>
  inTemporaryFolder(async (folder) => {
    const none = tuning("on", undefined);
    assertEquals(await none.recall!(adapter), {});
    await none.report!(report());
    assertEquals(none.lines.length, 1);
    await Deno.writeTextFile(`${folder}/file`, "");
    const { lines, report: hear } = tuning("on", `${folder}/file`);
    await hear!(report());
    assertStringIncludes(lines[1]!, "the next run will time products again");
  }));

const products: ProductTable = {
  // slices of sums that the rule leaves whole
  "Aᵀ·B 80×16×128 accumulate": { variant: "direct", splits: 4 },
  "A·B 128×16×80": { variant: "tiled", tile: [64, 64], splits: 2 },
};
const before = (device: Device) => ({ description: device.description, settings: device.settings });
const opened = (before: { description: string; settings: WebGpuSettings }, ...args: string[]) =>
  openRunDevice({ path: "run", before }, parseFlags(trainFlagGroups, ["--resume", "run", ...args]), () => {});

Deno.test({
  name: "openRunDevice() goes on with the choices of the run, which --tune alone changes",
  ignore: withoutGpu,
  fn: async () => {
    const first = await openWebGpuDevice({ products });
    const run = before(first) as Parameters<typeof opened>[0];
    first.destroy();
    const seen = async (...args: string[]) => {
      const { device, notice } = await opened(run, ...args);
      const { settings, tune } = device;
      device.destroy();
      return { products: (settings as WebGpuSettings).products, tunes: tune !== undefined, notice };
    };
    const plain = await seen();
    assertEquals([plain.products, plain.tunes], [products, false]);
    assert(!plain.notice?.includes("last digits"));
    const off = await seen("--tune", "off");
    assertEquals([off.products, off.tunes], [undefined, false]);
    assertStringIncludes(off.notice!, "losses will differ in their last digits");
    const force = await seen("--tune", "force");
    assertEquals([force.products, force.tunes], [undefined, true]);
    assertStringIncludes(force.notice!, "this run made its products in other ways so far");
    const flags = parseFlags(trainFlagGroups, ["--tune", "force"]);
    const again = await openRunDevice({ path: "run", before: run, isRecovered: true }, flags, () => {});
    assertEquals((again.device.settings as WebGpuSettings).products, products);
    again.device.destroy();
  },
});

const tokenizer = characterTokenizer([..."abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ .,?\n"]);
// the last layer has fewer rows
const sizes = { layers: 2, width: 16, heads: 2, hidden: 40, maxLength: 32 };
const config = modelConfig({ vocab: tokenizer.size, ...sizes });
const optimizer = { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0.01, clip: 1 };

/** Losses of a training, from a state on where there is one. */
async function losses(device: Device, { resume, steps }: { resume?: TrainingState; steps: number }) {
  const corpus = storiesCorpus({ seed: 1 });
  const model = createModel(device, config);
  const curriculum = [{ length: 32, share: 1 }];
  const often = {
    evaluateEvery: { steps: 99 },
    saveEvery: { steps: 2 },
    sampleEvery: { share: 1 },
    evaluateTokens: 32,
  };
  const found: number[] = [];
  const states: TrainingState[] = [];
  const options = { model, corpus, tokenizer, budget: { steps }, curriculum, batchTokens: 128, resume, ...often };
  for await (const event of train(options)) {
    if (event.kind === "train") found.push(event.loss);
    if (event.kind === "checkpoint") states.push(event.state);
  }
  model.destroy();
  device.destroy();
  return { losses: found, states };
}

Deno.test({
  name: "a resumed run has the losses of one that was never interrupted, whatever was chosen for its products",
  ignore: withoutGpu,
  fn: async () => {
    const device = await openWebGpuDevice({ products });
    const run = before(device) as Parameters<typeof opened>[0];
    const { operations } = await recordedStep(device, config, {
      shape: { windows: 4, length: 32, capacity: 52 },
      optimizer,
    });
    // sums of the step are cut up as the choices say
    assertEquals(
      new Set(operations.flatMap((call) => device.lower(call)).map(({ grid }) => grid[2])),
      new Set([1, 2, 4]),
    );
    const whole = await losses(device, { steps: 4 });
    const rest = await losses((await opened(run)).device, { resume: whole.states[0]!, steps: 4 });
    assertEquals(rest.losses, whole.losses.slice(2));
    const other = await losses(await openCpuDevice({ threads: 1 }), { steps: 4 });
    // the same sums in another order: digits of float32, grown over four steps
    for (const [i, loss] of other.losses.entries()) assert(Math.abs(loss - whole.losses[i]!) < 1e-4, `${i}: ${loss}`);
  },
});

Deno.test({
  name:
    "train chooses on a graphics card before its first step, once, and keeps the choices in the run and in the cache",
  ignore: withoutGpu,
  fn: () =>
    inTemporaryFolder(async (cwd) => {
      const model = ["--layers", "1", "--width", "16", "--heads", "2", "--batch-tokens", "64", "--length", "16"];
      // so many steps are timed beforehand, which comes before the choices too
      const plan = ["--curriculum", "none", "--eval-tokens", "16", "--sample-every", "100%", "--steps", "20"];
      const { code, out, err } = await runCli(["train", "--data", "stories", "--name", "a", ...model, ...plan], {
        cwd,
        env: { CLOZE_CACHE: `${cwd}/cache`, XDG_RUNTIME_DIR: "/tmp" },
        preload: [new URL("../helpers/hardware_gpu.ts", import.meta.url).pathname],
      });
      assertEquals([code, err], [0, ""]);
      const lines = out.match(/^tuning {2}\d+ kinds of products in [\d.]+ s: .*$/gm) ?? [];
      assertEquals(lines.length, 1, out);
      const { device } = JSON.parse(await Deno.readTextFile(`${cwd}/runs/a/config.json`));
      const count = Object.keys(device.settings.products ?? {}).length;
      // a machine that is busy enough has no time for any
      if (count === 0) return assertEquals(await Deno.stat(`${cwd}/cache`).catch(() => undefined), undefined);
      assertStringIncludes(lines[0]!, `: ${count} timed`);
      const [{ name }] = await Array.fromAsync(Deno.readDir(`${cwd}/cache`)) as [Deno.DirEntry];
      const kept = JSON.parse(await Deno.readTextFile(`${cwd}/cache/${name}`));
      assertEquals(kept.products, device.settings.products);
    }),
});
