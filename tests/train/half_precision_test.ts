import { assert, assertEquals, assertGreater, assertLess, assertRejects } from "@std/assert";
import { sameSettings } from "../../lib/cli/run_device.ts";
import type { Device } from "../../lib/device/device.ts";
import { openDevice } from "../../lib/device/open_device.ts";
import { openWebGpuDevice } from "../../lib/device/webgpu/open_webgpu.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { trainingMemory } from "../../lib/model/memory.ts";
import { createModel, Model } from "../../lib/model/model.ts";
import { localRanks } from "../../lib/mpi/local_ranks.ts";
import { trainingTexts } from "../../lib/text/corpus.ts";
import { storiesCorpus } from "../../lib/text/stories.ts";
import { characterTokenizer, scanCharacters } from "../../lib/tokenizer/character.ts";
import type { TrainEvent, TrainingState } from "../../lib/train/events.ts";
import { train, type TrainOptions } from "../../mod.ts";
import { halfTest, withoutGpu } from "../helpers/devices.ts";

const corpus = storiesCorpus();
const tokenizer = characterTokenizer(await scanCharacters(trainingTexts(corpus)));
const config = modelConfig({ vocab: tokenizer.size, layers: 1, width: 16, heads: 2, hidden: 24, maxLength: 16 });
const settings = {
  corpus,
  tokenizer,
  budget: { steps: 12 },
  curriculum: [{ length: 8, share: 0.5 }, { length: 16, share: 0.5 }],
  batchTokens: 64,
  accumulate: 2,
  evaluateTokens: 64,
  evaluateEvery: { share: 1 },
  saveEvery: { steps: 3 },
  sampleEvery: { share: 1 },
} as const;

async function run(device: Device, options: Partial<TrainOptions> = {}): Promise<TrainEvent[]> {
  const model = options.resume ? new Model(device, config) : createModel(device, config);
  try {
    return await Array.fromAsync(train({ ...settings, ...options, model }));
  } finally {
    model.destroy();
  }
}

/** What every step came to. */
const steps = (events: readonly TrainEvent[]) =>
  events.flatMap((event): unknown[][] => {
    if (event.kind === "train") return [[event.step, event.loss, event.gradientNorm, event.lossScale]];
    return event.kind === "overflow" || event.kind === "skipped" ? [[event.step, event.loss, event.kind]] : [];
  });

const statesOf = (events: readonly TrainEvent[]): TrainingState[] =>
  events.flatMap((event) => event.kind === "checkpoint" ? [event.state] : []);

/** What no two runs have in common. */
const timesOf = ({ seconds, elapsed }: TrainingState) => ({ seconds, elapsed });

halfTest("train() in f16 resumes with the same losses and weights to the bit", async (device) => {
  const whole = await run(device);
  const states = statesOf(whole);
  assertEquals(
    states.map(({ step, lossScale }) => [step, lossScale]),
    [3, 6, 9, 12].map((step) => [
      step,
      { factor: 2 ** 16, goodSteps: step },
    ]),
  );
  const resumed = await run(device, { resume: states[1]! });
  assertEquals(steps(resumed), steps(whole).slice(6));
  assertEquals(statesOf(resumed).at(-1)!.parameters, states.at(-1)!.parameters);
});

halfTest(
  "train() in f16 lowers a scale that is too high, with the weights as they were, and goes on",
  async (device) => {
    const [state] = statesOf(await run(device, { budget: { steps: 3 } }));
    // no gradient of a logit fits into f16 when it is multiplied by that
    const resume: TrainingState = { ...state!, lossScale: { factor: 2 ** 24, goodSteps: 5 } };
    const whole = await run(device, { resume, saveEvery: { steps: 1 } });
    const overflows = whole.flatMap((event) => event.kind === "overflow" ? [event] : []);
    assertGreater(overflows.length, 1);
    assertEquals(overflows.map(({ step }) => step), overflows.map((_, i) => 4 + i));
    assertEquals(overflows.map(({ lossScale }) => lossScale), overflows.map((_, i) => 2 ** (24 - i)));
    assert(overflows.every(({ loss }) => Number.isFinite(loss)));
    assertEquals(whole.filter(({ kind }) => kind === "skipped"), []);
    const states = statesOf(whole);
    const [first, ...others] = states.filter(({ step }) => step < 4 + overflows.length);
    assertEquals(first!.parameters, state!.parameters);
    for (const other of others) {
      assertEquals([other.parameters, other.firstMoment], [
        first!.parameters,
        first!.firstMoment,
      ]);
    }
    const { lossScale, parameters, trend } = states.at(-1)!;
    assertEquals(lossScale, { factor: 2 ** (24 - overflows.length), goodSteps: 12 - 3 - overflows.length });
    assert(
      [...parameters.values()].some((values, i) =>
        values.some((value, j) => value !== [...state!.parameters.values()][i]![j])
      ),
    );
    assertEquals(trend!.skipped, 0);
    // in the midst of it, too
    const resumed = await run(device, { resume: states[1]!, saveEvery: { steps: 1 } });
    assertEquals(steps(resumed), steps(whole).slice(2));
  },
);

halfTest(
  "train() in f16 gives the same losses, loss scales and weights to the bit for any number of ranks",
  async (device) => {
    const options = { budget: { steps: 7 }, accumulate: 3, tiles: true, gradientBucket: 2000 };
    const begun = statesOf(await run(device, { ...options, budget: { steps: 2 }, saveEvery: { steps: 2 } }))[0]!;
    // too high at first, so that all must skip the same steps
    const resume: TrainingState = { ...begun, lossScale: { factor: 2 ** 20, goodSteps: 1 } };
    const alone = await run(device, { ...options, resume });
    const kinds = alone.map(({ kind }) => kind);
    assert(kinds.includes("overflow") && kinds.includes("train"), kinds.join());
    const all = await Promise.all(
      localRanks(2).map(async (ranks) => {
        return await run(device, { ...options, resume, ranks: await ranks });
      }),
    );
    for (const events of all) assertEquals(steps(events), steps(alone));
    assertEquals(
      statesOf(all[0]!),
      statesOf(alone).map((state, i) => ({ ...state, ...timesOf(statesOf(all[0]!)[i]!) })),
    );
  },
);

halfTest(
  "train() in f16 takes about half of the memory for a step, and two bytes more for a weight",
  async (device) => {
    const shape = { windows: 64, length: 64, capacity: 1024 };
    const optimizer = { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0.01, clip: 1 };
    const memory = (precision: "f16" | "f32") => {
      const other = new Proxy(device, {
        get(target, name) {
          if (name === "precision") return precision;
          const value = Reflect.get(target, name, target);
          return typeof value === "function" ? value.bind(target) : value;
        },
      });
      return trainingMemory(other, modelConfig({ vocab: 60, size: "tiny", maxLength: 64 }), { shape, optimizer });
    };
    const [whole, half] = [await memory("f32"), await memory("f16")];
    assertLess(half.batch / whole.batch, 0.56);
    assertEquals(half.largestTensor, whole.largestTensor / 2);
    assertLess(half.parameters / whole.parameters, 18 / 16 + 0.01);
  },
);

Deno.test("openDevice() refuses f16 where it cannot be had, and says what can", async () => {
  await assertRejects(
    () => openDevice("cpu", { precision: "f16" }),
    RangeError,
    "Cannot train in f16 on the CPU, which computes in f32 alone: precision f32 would do",
  );
});

Deno.test({
  name: "openWebGpuDevice() refuses f16 on an adapter whose shaders lack it",
  ignore: withoutGpu,
  fn: async () => {
    const { gpu } = navigator;
    const requestAdapter = gpu.requestAdapter;
    gpu.requestAdapter = async (...options) => {
      const adapter = (await requestAdapter.apply(gpu, options))!;
      return new Proxy(adapter, {
        get: (target, name) =>
          name === "features"
            ? new Set([...target.features].filter((feature) => feature !== "shader-f16"))
            : Reflect.get(target, name, target),
      });
    };
    try {
      await assertRejects(
        () => openWebGpuDevice({ precision: "f16" }),
        RangeError,
        "its shaders have no f16 (shader-f16); precision f32 would do",
      );
    } finally {
      gpu.requestAdapter = requestAdapter;
    }
  },
});

halfTest("a device tells its precision, and another one is not the same", async (device) => {
  const { settings } = device;
  assert(settings.kind === "webgpu");
  assertEquals(settings.precision, "f16");
  const { precision: _, ...rest } = settings;
  assert(sameSettings(settings, { ...rest, precision: "f16" }));
  assert(!sameSettings(settings, rest) && !sameSettings(rest, settings));
  // what runs of before there was a choice note
  assert(sameSettings({ ...rest, precision: "f32" }, rest));
  await Promise.resolve();
});
