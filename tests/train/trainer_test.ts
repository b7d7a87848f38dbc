import { assert, assertEquals, assertGreater, assertLess, assertRejects } from "@std/assert";
import { parseCurriculum } from "../../lib/batch/curriculum.ts";
import { openCpuDevice } from "../../lib/device/cpu/open_cpu.ts";
import { allocateTensor, type Device, KernelError } from "../../lib/device/device.ts";
import { Graph } from "../../lib/graph/graph.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { createModel, Model } from "../../lib/model/model.ts";
import { type Corpus, textCorpus, trainingTexts } from "../../lib/text/corpus.ts";
import { plainText } from "../../lib/text/plain_text.ts";
import { stringSource } from "../../lib/text/source.ts";
import { storiesCorpus } from "../../lib/text/stories.ts";
import { characterTokenizer, scanCharacters } from "../../lib/tokenizer/character.ts";
import type { TrainEvent, TrainingState, TrainRecord } from "../../lib/train/events.ts";
import {
  clockEvaluateTokens,
  defaultSettings,
  muonSettings,
  plannedEvaluateTokens,
  type TrainOptions,
} from "../../lib/train/settings.ts";
import { fewestParts, inParts, largestStage } from "../../lib/train/micro_batch.ts";
import { train } from "../../lib/train/trainer.ts";
import { DivergedError } from "../../lib/train/diverged.ts";
import type { Budget, Span } from "../../lib/train/schedule.ts";

import { faultyDevice } from "../helpers/faulty_device.ts";
import { assertClose } from "../helpers/assert_close.ts";
import { cpuTest, gpuTest, kindTest } from "../helpers/devices.ts";

const stories = storiesCorpus();
const tokenizer = characterTokenizer(await scanCharacters(trainingTexts(stories)));
const shape = { vocab: tokenizer.size, layers: 2, width: 32, heads: 2, hidden: 44, maxLength: 64 };

const settings = {
  corpus: stories,
  tokenizer,
  budget: { steps: 14 },
  curriculum: parseCurriculum("16:50%,32"),
  batchTokens: 128,
  evaluateTokens: 512,
  evaluateEvery: { steps: 7 },
  saveEvery: { steps: 5 },
  sampleEvery: { steps: 7 },
};

async function run(device: Device, options: Partial<TrainOptions> & { model?: Model } = {}): Promise<TrainEvent[]> {
  const { model = createModel(device, modelConfig({ ...shape })), ...rest } = options;
  try {
    return await Array.fromAsync(train({ ...settings, model, ...rest }));
  } finally {
    model.destroy();
  }
}

const withMuon = {
  ...defaultSettings({ preset: "modernbert", width: shape.width }).optimizer,
  // checkpoints come after 5 and 10 steps, between two updates of the matrices
  muon: { ...muonSettings({ width: shape.width }), every: 3 },
};

const losses = (events: TrainEvent[]) =>
  events.filter((event): event is TrainRecord => event.kind === "train").map(({ step, loss, gradientNorm }) => [
    step,
    loss,
    gradientNorm,
  ]);

kindTest("train() yields every step once, validations, samples and checkpoints", async (device) => {
  const events = await run(device);
  const count = (kind: TrainEvent["kind"]) => events.filter((event) => event.kind === kind).length;
  assertEquals(losses(events).map(([step]) => step), Array.from({ length: 14 }, (_, i) => i + 1));
  assertEquals([count("validation"), count("samples"), count("checkpoint")], [2, 2, 3]);
  const records = events.filter((event): event is TrainRecord => event.kind === "train");
  assertEquals(records.map(({ length }) => length), [...Array(7).fill(16), ...Array(7).fill(32)]);
  assertEquals(records.at(-1)!.tokens, 14 * 128);
  assertGreater(records[0]!.maskRate, records.at(-1)!.maskRate);
  assert(records.every(({ seconds }, i) => i === 0 || seconds >= records[i - 1]!.seconds));
});

kindTest("train() tells with validations how much memory is held on the device and in the machine", async (device) => {
  let held = 0;
  const count = <T extends { readonly bytes: number; destroy(): void }>(piece: T): T => {
    held += piece.bytes;
    const destroy = piece.destroy.bind(piece);
    return Object.assign(piece, { destroy: () => (held -= piece.bytes, destroy()) });
  };
  const [allocate, build] = [device.allocate.bind(device), device.build.bind(device)];
  device.allocate = (...args) => count(allocate(...args));
  // on a GPU the pieces of a program are allocated like others
  if (device.kind === "cpu") device.build = async (...args) => count(await build(...args));
  const [told, counted]: number[][] = [[], []];
  const model = createModel(device, modelConfig(shape));
  for await (const event of train({ ...settings, model })) {
    if (event.kind !== "validation") continue;
    told!.push(event.deviceBytes!);
    counted!.push(held);
    assertGreater(event.residentBytes!, 1 << 20);
  }
  model.destroy();
  Object.assign(device, { allocate, build });
  assertEquals(told, counted);
  assertEquals(held, 0);
});

Deno.test("train() says what it is at: before it, and how far a validation is", async () => {
  const device = await openCpuDevice({ threads: 1 });
  const events = await run(device);
  device.destroy();
  const said = events.flatMap((event) => event.kind === "phase" ? [event] : []);
  const phases = said.map(({ phase }) => phase).filter((phase, i, all) => phase !== all[i - 1]);
  assertEquals(phases.slice(0, 4), ["preparing", "compiling", "training", "saving"]);
  // two stages
  assertEquals(phases.filter((phase) => phase === "compiling").length, 2);
  const before = { validation: "validating", samples: "sampling", checkpoint: "saving", train: "training" } as const;
  let phase: string | undefined;
  for (const event of events) {
    if (event.kind === "phase") ({ phase } = event);
    // what is read back was trained before the pause that waits for it
    else if (event.kind in before) assertEquals(phase, before[event.kind as keyof typeof before]);
  }
  const shares = said.filter(({ phase }) => phase === "validating").map(({ share }) => share ?? 0);
  assertEquals([Math.min(...shares), Math.max(...shares)], [0, 1]);
  assert(shares.length >= 4);
});

/** Runs with a clock that goes on by so many milliseconds whenever it is looked at, however busy the machine is. */
async function withSteadyClock<T>(milliseconds: number, work: () => Promise<T>): Promise<T> {
  const { now } = performance;
  let time = now.call(performance);
  performance.now = () => time += milliseconds;
  try {
    return await work();
  } finally {
    performance.now = now;
  }
}

kindTest("train() validates, shows samples and saves by the clock where the budget is one", async (device) => {
  const every = { share: 0.25 };
  const options = { budget: { minutes: 0.03 }, evaluateEvery: every, saveEvery: every, sampleEvery: { share: 0.5 } };
  const events = await withSteadyClock(3, () => run(device, options));
  const count = (kind: TrainEvent["kind"]) => events.filter((event) => event.kind === kind).length;
  assertEquals([count("validation"), count("samples"), count("checkpoint")], [4, 2, 4]);
  assertGreater(count("train"), 8);
});

/** Runs with a clock that hardly goes on until it was looked at so many times, and then is an hour ahead. */
async function withLeapingClock<T>(looks: number, work: () => Promise<T>): Promise<T> {
  const { now } = performance;
  let [time, looked] = [now.call(performance), 0];
  performance.now = () => looked++ === looks ? time += 3_600_000 : time += 0.01;
  try {
    return await work();
  } finally {
    performance.now = now;
  }
}

cpuTest(
  "train() by the clock ends with a validation of its last step, wherever in the loop the time runs out",
  async (device) => {
    const options = { budget: { minutes: 1 }, evaluateEvery: { share: 1 }, saveEvery: { share: 1 } };
    let ended = 0;
    for (let looks = 64; looks < 104; looks++) {
      const events = await withLeapingClock(looks, () => run(device, { ...options, sampleEvery: { share: 1 } }));
      const [step, validated] = (["train", "validation"] as const).map((kind) =>
        events.flatMap((event) => event.kind === kind ? [event.step] : []).at(-1)
      );
      assertEquals(validated, step, `after ${looks} looks`);
      if (step !== undefined) ended++;
    }
    assertEquals(ended, 40);
  },
);

for (const [preset, optimizer] of [["modernbert"], ["bert"], ["labml"], ["modernbert", withMuon]] as const) {
  const name = `${preset}${optimizer ? " with Muon" : ""}`;
  kindTest(`train() of ${name} repeats itself and resumes with the same losses to the bit`, async (device) => {
    const model = () => createModel(device, modelConfig({ ...shape, preset }));
    const options = { accumulate: 2, maskRule: "bert" as const, ...(optimizer ? { optimizer } : {}) };
    const whole = await run(device, { ...options, model: model() });
    assertEquals(losses(await run(device, { ...options, model: model() })), losses(whole));
    const checkpoints = whole.filter((event) => event.kind === "checkpoint");
    assertEquals(checkpoints.map(({ state }) => state.step), [5, 10, 14]);
    for (const { state } of checkpoints.slice(0, 2)) {
      const resumed = await run(device, {
        ...options,
        model: new Model(device, modelConfig({ ...shape, preset })),
        resume: state,
      });
      assertEquals(losses(resumed), losses(whole).slice(state.step));
      const validations = (events: TrainEvent[]) =>
        events.flatMap((event) => event.kind === "validation" ? [event.loss] : []);
      assertEquals(validations(resumed).at(-1), validations(whole).at(-1));
    }
  });
}

cpuTest(
  "train() with batches that grow and rates of several points resumes with the same losses to the bit",
  async (device) => {
    const model = () => createModel(device, modelConfig({ ...shape }));
    const options = {
      curriculum: parseCurriculum("8:20%@32,8:30%@64,16"),
      maskRate: { start: 0.4, by: [0.1], end: 0.2 },
      maskSpread: 0.5,
    };
    const whole = await run(device, { ...options, model: model() });
    const steps = whole.flatMap((event) => event.kind === "train" ? [event] : []);
    const sizes = steps.map(({ tokens }, i) => tokens - (steps[i - 1]?.tokens ?? 0));
    assertEquals([...new Set(sizes)], [32, 64, 128]);
    for (const event of whole) {
      if (event.kind !== "checkpoint" || event.state.step === steps.length) continue;
      const resumed = await run(device, {
        ...options,
        model: new Model(device, modelConfig(shape)),
        resume: event.state,
      });
      assertEquals(losses(resumed), losses(whole).slice(event.state.step));
    }
  },
);

cpuTest(
  "train() with attention that grows records one step for all, and resumes with the same losses to the bit",
  async (device) => {
    const model = () => createModel(device, modelConfig({ ...shape }));
    const options = { curriculum: parseCurriculum("32"), attention: { start: 8, share: 0.5 } };
    const whole = await run(device, { ...options, model: model() });
    assertEquals(whole.filter((event) => event.kind === "phase" && event.phase === "compiling").length, 1);
    const others = losses(await run(device, { curriculum: options.curriculum, model: model() }));
    assert(losses(whole)[0]![1] !== others[0]![1]);
    // from the start in pieces as long as a window is no other than without
    const grown = losses(await run(device, { ...options, attention: { start: 32, share: 1 }, model: model() }));
    assertClose(grown.flat(), others.flat(), { atol: 1e-4, rtol: 1e-4 });
    for (const event of whole) {
      if (event.kind !== "checkpoint" || event.state.step === 14) continue;
      const resumed = await run(device, {
        ...options,
        model: new Model(device, modelConfig(shape)),
        resume: event.state,
      });
      assertEquals(losses(resumed), losses(whole).slice(event.state.step));
    }
  },
);
Deno.test("train() goes on with no other optimizer than the state is of", async () => {
  const device = await openCpuDevice({ threads: 1 });
  const { optimizer: adamw } = defaultSettings({ preset: "modernbert", width: shape.width });
  const names = { adamw, muon: withMuon };
  for (const [before, now] of [["adamw", "muon"], ["muon", "adamw"]] as const) {
    const [first] = (await run(device, { optimizer: names[before], budget: { steps: 1 } }))
      .flatMap((event) => event.kind === "checkpoint" ? [event.state] : []);
    assertEquals(first!.secondMoment.has("layers.0.attention.qkv.weight"), before === "adamw");
    await assertRejects(
      () => run(device, { optimizer: names[now], resume: first }),
      RangeError,
      `Cannot go on with the optimizer ${now}: the state is one of ${before}, which keeps other moments`,
    );
  }
  device.destroy();
});

kindTest("train() stops after the step under way when aborted, and yields a state to go on from", async (device) => {
  const whole = await run(device);
  const controller = new AbortController();
  const model = createModel(device, modelConfig({ ...shape }));
  const events: TrainEvent[] = [];
  for await (const event of train({ ...settings, model, signal: controller.signal })) {
    events.push(event);
    if (event.kind === "train" && event.step === 3) controller.abort();
  }
  model.destroy();
  const last = events.findLast((event) => event.kind === "checkpoint")!;
  assertEquals(events.at(-1)!.kind, "time");
  assertLess(last.state.step, 14);
  assertEquals(losses(events), losses(whole).slice(0, last.state.step));
  const resumed = await run(device, { model: new Model(device, modelConfig({ ...shape })), resume: last.state });
  assertEquals(losses(resumed), losses(whole).slice(last.state.step));
});

/**
 * A device on which a kernel runs into memory that is not there, in the given training step: when its gradients have been
 * added up, or in its update.
 */
async function dyingDevice(deadly: number, section: "gradients" | "update"): Promise<Device> {
  const device = await openCpuDevice({ threads: 2 });
  const graph = new Graph();
  const y = allocateTensor(device, "y", { shape: [1 << 16] });
  const x = { ...y, name: "x", storage: { ...y.storage, offset: 2 ** 32 - 4096 - (1 << 26) } };
  graph.call("add", { tensors: { x, y }, params: { size: 1 << 16 } });
  const trap = await graph.compile(device);
  let steps = 0;
  return {
    kind: device.kind,
    description: device.description,
    settings: device.settings,
    software: device.software,
    maxTensorBytes: device.maxTensorBytes,
    allocate: (...args) => device.allocate(...args),
    write: (...args) => device.write(...args),
    read: (...args) => device.read(...args),
    takeProfile: () => device.takeProfile(),
    destroy: () => device.destroy(),
    lower: (call) => device.lower(call),
    build: async (recording) => {
      const program = await device.build(recording);
      const run = (...sections: string[]) => {
        if (!sections.includes("update") || ++steps < deadly) return program.run(...sections);
        program.run("gradients");
        try {
          trap.run();
        } catch (error) {
          throw new KernelError((error as Error).message, section);
        }
      };
      return { ...program, run };
    },
  };
}

Deno.test("train() yields a checkpoint of the step before and the message when a thread dies", async () => {
  const whole = await openCpuDevice({ threads: 2 });
  const expected = losses(await run(whole));
  const device = await dyingDevice(8, "gradients");
  const model = createModel(device, modelConfig({ ...shape }));
  const events: TrainEvent[] = [];
  await assertRejects(
    async () => {
      for await (const event of train({ ...settings, model })) events.push(event);
    },
    Error,
    "A kernel of the CPU device failed: memory access out of bounds",
  );
  const last = events.at(-1)!;
  assert(last.kind === "checkpoint");
  assertEquals(last.state.step, 7);
  const resumed = await run(whole, { model: new Model(whole, modelConfig({ ...shape })), resume: last.state });
  assertEquals(losses(resumed), expected.slice(7));
  device.destroy();
  whole.destroy();
});

Deno.test("train() saves nothing of a step whose update failed", async () => {
  const device = await dyingDevice(8, "update");
  const model = createModel(device, modelConfig({ ...shape }));
  const events: TrainEvent[] = [];
  await assertRejects(
    async () => {
      for await (const event of train({ ...settings, model })) events.push(event);
    },
    KernelError,
    "memory access out of bounds",
  );
  assertEquals(events.flatMap((event) => event.kind === "checkpoint" ? [event.state.step] : []), [5]);
  device.destroy();
});

Deno.test("plannedEvaluateTokens() lets validation cost a tenth of a run at most, a forward pass being a third of a step", () => {
  const planned = (budget: Budget, evaluateEvery: Span = { share: 0.1 }) =>
    plannedEvaluateTokens({ ...defaultSettings({ preset: "modernbert", width: 128 }), budget, evaluateEvery });
  for (
    const [budget, every, trained, count] of [
      [{ tokens: 300_000 }, { share: 0.1 }, 300_000, 10],
      [{ tokens: 500_000 }, { share: 0.02 }, 500_000, 50],
      [{ steps: 100 }, { steps: 7 }, 100 * 1024, 100 / 7],
      [{ steps: 100 }, { steps: 200 }, 100 * 1024, 1],
    ] as const
  ) {
    const tokens = planned(budget, every)!;
    const share = (tokens: number) => count * tokens / (count * tokens + 3 * trained);
    // steps are whole, so a run may see a few tokens more than its budget
    assertLess(share(tokens), 0.101);
    assertGreater(share(2 * tokens), 0.1);
    assertEquals(tokens, 2 ** Math.round(Math.log2(tokens)));
  }
  assertEquals([planned({ tokens: 3_000_000 }), planned({ minutes: 1 })], [32_768, undefined]);
});

Deno.test("clockEvaluateTokens() lets validation cost a tenth of the time, and hardly depends on the speed", () => {
  const chosen = (tokenSeconds: number, { spent = 0, steps = 1000 } = {}) =>
    clockEvaluateTokens({ seconds: 60, spent, tokenSeconds, every: { share: 0.1 }, steps });
  // ten validations in 6 seconds
  assertEquals([0.6 / 12_173, 0.6 / 9_898].map((each) => chosen(each)), [8192, 8192]);
  assertEquals([chosen(0.6 / 8192), chosen(0.6 / 8191), chosen(1e-9), chosen(1)], [8192, 2048, 32_768, 1]);
  assertEquals([chosen(0.6 / 8192, { spent: 1 }), chosen(0.6 / 8192, { spent: 10 })], [2048, 1]);
  const every = { steps: 50 };
  assertEquals(clockEvaluateTokens({ seconds: 60, spent: 0, tokenSeconds: 6 / 40_960, every, steps: 1000 }), 2048);
});

kindTest("train() notes the tokens that it validates on, where the text ends sooner than it may", async (device) => {
  const corpus = await textCorpus([stringSource("text", "we are here. ".repeat(100))], {
    validation: [stringSource("other", "they are there. ".repeat(12))],
  });
  const events = await run(device, { corpus, evaluateTokens: 8192 });
  const states = events.flatMap((event) => event.kind === "checkpoint" ? [event.state.evaluateTokens] : []);
  assertEquals(new Set(states), new Set([Math.floor(16 * 12 / 32) * 32]));
});

kindTest(
  "train() chooses by the time it takes how much it validates on where the budget is minutes",
  async (device) => {
    const { evaluateTokens: _, ...rest } = settings;
    const model = createModel(device, modelConfig({ ...shape }));
    const options = {
      ...rest,
      model,
      budget: { minutes: 0.03 },
      saveEvery: { share: 0.5 },
      evaluateEvery: { share: 0.25 },
    };
    const events = await Array.fromAsync(train(options));
    model.destroy();
    const states = events.flatMap((event) => event.kind === "checkpoint" ? [event.state] : []);
    const [first] = states;
    const tokens = first!.evaluateTokens!;
    assert(tokens >= 32 && tokens === 2 ** Math.round(Math.log2(tokens)), `${tokens}`);
    assertEquals(new Set(states.map(({ evaluateTokens }) => evaluateTokens)).size, 1);
    const time = events.at(-1)!;
    assert(time.kind === "time");
    assertGreater(time.elapsed, 1);
    assertLess(time.training + time.validation + time.saving, time.elapsed + 1e-6);
  },
);

kindTest("train() refuses text of which nothing can be masked", async (device) => {
  const specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] as const;
  const few = characterTokenizer("a", { specials });
  const corpus = async (text: string, other: string) =>
    await textCorpus([stringSource("text", text)], { validation: [stringSource("other", other)] });
  const tryOn = async (text: string, other: string) => {
    const model = createModel(device, modelConfig({ ...shape, vocab: few.size }));
    const given = await corpus(text.repeat(200), other.repeat(200));
    await run(device, { model, corpus: given, tokenizer: few });
  };
  await assertRejects(() => tryOn("bcd", "aaa"), RangeError, 'are unknown to this vocabulary, such as "bcd');
  await assertRejects(() => tryOn("aaa", "bcd"), RangeError, "Cannot validate: no token of the validation text can be");
});

kindTest("train() ends with a message when the loss is not a number", async (device) => {
  const model = createModel(device, modelConfig({ ...shape }));
  const values = await model.readParameters();
  values.get("decoder.bias")![7] = Infinity;
  model.writeParameters(values);
  await assertRejects(() => run(device, { model }), DivergedError, "Training diverged at step 1");
});

/** Trains on a device on which a weight is what is no number in some steps; the error, if there is one, is the last event. */
async function runFaulty(
  device: Device,
  { steps, value = NaN, ...options }: Partial<TrainOptions> & { steps: number[]; value?: number },
) {
  const faulty = faultyDevice(device, (step) => steps.includes(step) ? value : undefined);
  const model = createModel(faulty, modelConfig({ ...shape }));
  const events: TrainEvent[] = [];
  try {
    for await (const event of train({ ...settings, sampleEvery: { share: 1 }, ...options, model })) events.push(event);
    return { events };
  } catch (error) {
    return { events, error };
  } finally {
    model.destroy();
  }
}

for (const value of [NaN, Infinity, -Infinity]) {
  kindTest(`train() skips single steps with ${value} in the weights, counts them and goes on`, async (device) => {
    const { events, error } = await runFaulty(device, { steps: [3, 8, 9], value, evaluateEvery: { share: 1 } });
    assertEquals(error, undefined);
    const skipped = events.flatMap((event) => event.kind === "skipped" ? [event] : []);
    assertEquals(skipped.map(({ step, inARow, total }) => [step, inARow, total]), [[3, 1, 1], [8, 1, 2], [9, 2, 3]]);
    assert(skipped.every(({ loss, gradientNorm }) => !Number.isFinite(loss) || !Number.isFinite(gradientNorm)));
    const trained = losses(events);
    assertEquals(trained.map(([step]) => step), [1, 2, 4, 5, 6, 7, 10, 11, 12, 13, 14]);
    assert(trained.flat().every(Number.isFinite));
    const last = events.findLast((event) => event.kind === "checkpoint")!;
    assertEquals([last.state.step, last.state.trend!.skipped], [14, 3]);
    assert(last.state.parameters.values().every((values) => values.every(Number.isFinite)));
  });
}

kindTest(
  "train() stops at five skipped steps in a row, wherever they were read back, and says where it was sound",
  async (device) => {
    const steps = [4, 6, 7, 8, 9, 10, 11, 12, 13, 14];
    const { events, error } = await runFaulty(device, { steps, saveEvery: { steps: 5 }, evaluateEvery: { share: 1 } });
    assert(error instanceof DivergedError);
    assertEquals([error.step, error.soundUntil], [6, 4]);
    assertEquals(events.filter(({ kind }) => kind === "skipped").length, 6);
    assertEquals(losses(events).map(([step]) => step), [1, 2, 3, 5]);
  },
);

kindTest(
  "train() yields no state to save while steps are skipped, and none with weights that are not finite",
  async (device) => {
    const every = { saveEvery: { steps: 1 }, evaluateEvery: { share: 1 } };
    const saved = (events: TrainEvent[]) =>
      events.flatMap((event) => event.kind === "checkpoint" ? [event.state.step] : []);
    const skipped = await runFaulty(device, { steps: [3, 4, 9], ...every });
    assertEquals(saved(skipped.events), [1, 2, 5, 6, 7, 8, 10, 11, 12, 13, 14]);
    // what no loss shows
    const model = createModel(device, modelConfig({ ...shape }));
    const events: TrainEvent[] = [];
    const spoil = async () => {
      for await (const event of train({ ...settings, ...every, model })) {
        events.push(event);
        if (event.kind !== "checkpoint" || event.state.step !== 3) continue;
        device.write(model.store.firstMoment, Float32Array.of(Infinity), model.store.firstMoment.size - 1);
        device.write(model.store.firstMoment, Float32Array.of(Infinity), 0);
      }
    };
    await assertRejects(spoil, DivergedError);
    // a device that works by itself has done the next step before it is spoiled
    assertEquals(saved(events), device.stage ? [1, 2, 3, 4] : [1, 2, 3]);
    model.destroy();
  },
);

kindTest("train() tells of skips and spikes after it was resumed as if it had not been", async (device) => {
  const options = {
    ...settings,
    curriculum: [{ length: 16, share: 1 }],
    budget: { steps: 100 },
    evaluateEvery: { share: 1 },
    sampleEvery: { share: 1 },
    saveEvery: { steps: 20 },
  };
  const faults = new Map([[25, NaN], [50, NaN], [66, 1e4], [67, 1e4], [75, NaN]]);
  const on = async (resume?: TrainOptions["resume"]) => {
    const faulty = faultyDevice(device, (step) => faults.get(step));
    const model = resume
      ? new Model(faulty, modelConfig({ ...shape }))
      : createModel(faulty, modelConfig({ ...shape }));
    const events = await Array.fromAsync(train({ ...options, model, resume }));
    model.destroy();
    return events;
  };
  const told = (events: TrainEvent[]) =>
    events.flatMap((event) =>
      event.kind === "skipped"
        ? [[event.step, event.total]]
        : event.kind === "spike"
        ? [[event.step, event.loss, event.usual]]
        : []
    );
  const whole = await on();
  assertEquals(told(whole).map(([step]) => step), [25, 50, 66, 75]);
  const { state } = whole.find((event) => event.kind === "checkpoint" && event.state.step === 60) as {
    state: TrainingState;
  };
  // as a checkpoint keeps it
  const trend = JSON.parse(JSON.stringify(state.trend));
  assertEquals(told(await on({ ...state, trend })), told(whole).slice(2));
});

kindTest("train() rejects lengths and texts that do not fit", async (device) => {
  const short = await textCorpus([stringSource("short", "one two three\n".repeat(10))]);
  await assertRejects(
    () => run(device, { curriculum: [{ length: 128, share: 1 }] }),
    RangeError,
    "Cannot train at length 128",
  );
  await assertRejects(
    () => run(device, { corpus: short }),
    RangeError,
    "Cannot validate on windows of 32 tokens: the validation text has only ",
  );
});

for (const preset of ["modernbert", "labml"] as const) {
  Deno.test(`train() of ${preset} gives the same losses to the bit for 1, 2 and 4 threads`, async () => {
    const results: unknown[] = [];
    for (const threads of [1, 2, 4]) {
      const device = await openCpuDevice({ threads });
      results.push(losses(await run(device, { model: createModel(device, modelConfig({ ...shape, preset })) })));
      device.destroy();
    }
    assertEquals(results[1], results[0]);
    assertEquals(results[2], results[0]);
  });
}

gpuTest("train() on WebGPU and on the CPU agree", async (device) => {
  const cpu = await openCpuDevice({ threads: 2 });
  const whole = (on: Device) =>
    run(on, { model: createModel(on, modelConfig({ ...shape, preset: "bert" })), budget: { steps: 40 } });
  const [expected, actual] = [losses(await whole(device)), losses(await whole(cpu))];
  cpu.destroy();
  // float32 sums in another order differ by 1e-7; 40 steps of training amplify that a hundred times
  for (const column of [1, 2]) {
    assertClose(actual.map((row) => row[column]!), expected.map((row) => row[column]!), { atol: 2e-5, rtol: 2e-4 });
  }
});

Deno.test("train() trains a model that tells next sentences on single texts too, and tells nothing of pairs then", async () => {
  const device = await openCpuDevice({ threads: 1 });
  const model = createModel(device, modelConfig({ ...shape, preset: "bert", nextSentence: true }));
  const options = { model, corpus: stories, tokenizer, curriculum: [{ length: 16, share: 1 }], evaluateTokens: 64 };
  const told = async (pack: "none" | "pairs") => {
    const events = await Array.fromAsync(train({ ...options, pack, budget: { steps: 2 } }));
    return events.filter(({ kind }) => kind === "train" || kind === "validation").map((event) =>
      "nextSentence" in event && event.nextSentence !== undefined
    );
  };
  assertEquals(new Set(await told("none")), new Set([false]));
  assertEquals(new Set(await told("pairs")), new Set([true]));
  model.destroy();
  device.destroy();
});

cpuTest(
  "train() has the same losses to the bit where layers are computed anew, and near ones in parts of batches",
  async (device) => {
    const whole = losses(await run(device));
    assertEquals(losses(await run(device, { recompute: true })), whole);
    const { batchTokens, accumulate } = inParts({ ...settings, accumulate: 1 }, 2)!;
    assertEquals([batchTokens, accumulate], [64, 2]);
    const parts = losses(await run(device, { batchTokens, accumulate }));
    assertClose(parts.map((row) => row[1]!), whole.map((row) => row[1]!), { atol: 1e-4, rtol: 1e-4 });
  },
);

Deno.test("fewestParts() divides the windows of every stage, or none", () => {
  const curriculum = parseCurriculum("32:50%,128");
  const batches = { batchTokens: 1024, accumulate: 3, curriculum };
  assertEquals(inParts(batches, 8), { batchTokens: 128, accumulate: 24, curriculum });
  assertEquals([inParts(batches, 3), inParts(batches, 16)], [undefined, undefined]);
  assertEquals(fewestParts(batches, { most: 600 })?.parts, 2);
  assertEquals(fewestParts(batches, { most: 400 })?.parts, 4);
  assertEquals(fewestParts(batches, { most: 1024, above: 1 })?.parts, 2);
  assertEquals(fewestParts(batches, { most: 100 }), undefined);
});

Deno.test("fewestParts() divides batches of stages with sizes of their own, by the largest of them", () => {
  const settings = { batchTokens: 64, accumulate: 1, curriculum: parseCurriculum("8:20%@256,16:30%,32@128") };
  assertEquals(largestStage(settings), 0);
  const { parts, settings: divided } = fewestParts(settings, { most: 128 })!;
  assertEquals([parts, divided.accumulate, divided.batchTokens], [2, 2, 32]);
  assertEquals(divided.curriculum.map(({ batchTokens }) => batchTokens), [128, undefined, 64]);
  assertEquals(fewestParts(settings, { most: 48 }), undefined);
});

Deno.test("train() does and saves all steps that it has text for before it tells that there is no more, and goes on there", async () => {
  const device = await openCpuDevice({ threads: 1 });
  const corpus = await textCorpus([plainText(stringSource("text", "a bad day. ".repeat(30).concat("\n").repeat(60)))]);
  const tokenizer = characterTokenizer("abdy. \n");
  const config = modelConfig({ ...shape, vocab: tokenizer.size });
  const options = { ...settings, tokenizer, curriculum: [{ length: 16, share: 1 }], budget: { steps: 200 } };
  const rare = { evaluateEvery: { steps: 200 }, saveEvery: { steps: 200 }, sampleEvery: { steps: 200 } };
  const trained = async (corpus: Corpus, resume?: TrainingState) => {
    const model = createModel(device, config);
    const events: TrainEvent[] = [];
    const ended = await (async () => {
      for await (const event of train({ ...options, ...rare, corpus, model, resume })) events.push(event);
    })().then(() => undefined, (error: Error) => error.message);
    model.destroy();
    return { events, ended };
  };
  // the text is replaced in its second pass
  let passes = 0;
  const changed: Corpus = {
    ...corpus,
    async *passages(part, from) {
      if (part === "training" && passes++ === 1) throw new RangeError("Cannot read the text: it has changed");
      yield* corpus.passages(part, from);
    },
  };
  const whole = await trained(corpus);
  const { events, ended } = await trained(changed);
  assertEquals(ended, "Cannot read the text: it has changed");
  const steps = losses(events);
  const last = events.at(-1)!;
  assert(last.kind === "checkpoint" && steps.length > 50 && steps.length < 200, `${steps.length}`);
  assertEquals(last.state.step, steps.length);
  const rest = await trained(corpus, last.state);
  assertEquals([...steps, ...losses(rest.events)], losses(whole.events));
  device.destroy();
});
