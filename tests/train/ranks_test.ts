// Ranks that train together, in one process: what they do is what processes under MPI do.
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { parseCurriculum } from "../../lib/batch/curriculum.ts";
import { alteredDevice } from "../../lib/device/altered_device.ts";
import { openCpuDevice } from "../../lib/device/cpu/open_cpu.ts";
import { type Device, KernelError } from "../../lib/device/device.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { createModel, Model } from "../../lib/model/model.ts";
import { localRanks } from "../../lib/mpi/local_ranks.ts";
import type { Ranks } from "../../lib/mpi/ranks.ts";
import { trainingTexts } from "../../lib/text/corpus.ts";
import { storiesCorpus } from "../../lib/text/stories.ts";
import { characterTokenizer, scanCharacters } from "../../lib/tokenizer/character.ts";
import type { TrainEvent, TrainingState } from "../../lib/train/events.ts";
import { checkShared } from "../../lib/train/rank_steps.ts";
import { defaultSettings, muonSettings, type TrainOptions } from "../../lib/train/settings.ts";
import { train } from "../../lib/train/trainer.ts";
import { assertClose } from "../helpers/assert_close.ts";

const corpus = storiesCorpus();
const tokenizer = characterTokenizer(await scanCharacters(trainingTexts(corpus)));
const shape = { vocab: tokenizer.size, layers: 1, width: 16, heads: 2, hidden: 24, maxLength: 32 };

const settings = {
  corpus,
  tokenizer,
  budget: { steps: 6 },
  curriculum: parseCurriculum("8:50%,16"),
  batchTokens: 32,
  accumulate: 5,
  evaluateTokens: 256,
  evaluateEvery: { steps: 3 },
  saveEvery: { steps: 3 },
  sampleEvery: { steps: 6 },
};

type Options = Partial<TrainOptions> & { readonly preset?: "modernbert" | "bert" };

/** Shared by all ranks: a step's kernels run without a break. */
const device = await openCpuDevice({ threads: 1 });

/** One rank's run. */
async function run({ preset = "modernbert", ...options }: Options): Promise<TrainEvent[]> {
  const config = modelConfig({ ...shape, preset, dropout: 0.1, nextSentence: options.pack === "pairs" });
  const model = options.resume ? new Model(device, config) : createModel(device, config);
  try {
    return await Array.fromAsync(train({ ...settings, ...options, model }));
  } finally {
    model.destroy();
  }
}

/** The runs of so many ranks. */
function runs(size: number, options: Options = {}): Promise<TrainEvent[][]> {
  return Promise.all(localRanks(size).map(async (ranks) => run({ ...options, ranks: await ranks })));
}

/** What must not differ. */
interface Told {
  readonly kind: "train" | "validation";
  readonly step: number;
  readonly tokens: number;
  readonly loss: number;
  readonly accuracy: number;
  readonly gradientNorm?: number;
  readonly nextSentence: unknown;
}

const told = (events: readonly TrainEvent[]): Told[] =>
  events.flatMap((event): Told[] => {
    if (event.kind !== "train" && event.kind !== "validation") return [];
    const { kind, step, tokens, loss, accuracy, nextSentence } = event;
    const norm = event.kind === "train" ? { gradientNorm: event.gradientNorm } : {};
    return [{ kind, step, tokens, loss, accuracy, nextSentence, ...norm }];
  });

const stepsOf = (events: readonly TrainEvent[]) =>
  told(events).flatMap(({ kind, step }) => kind === "train" ? [step] : []);

const states = (events: readonly TrainEvent[]): TrainingState[] =>
  events.flatMap((event) => event.kind === "checkpoint" ? [event.state] : []);

const count = (events: readonly TrainEvent[], kind: TrainEvent["kind"]) =>
  events.filter((event) => event.kind === kind).length;

/** What only changes how batches are made, or steps. */
const ways: Options = {
  optimizer: {
    ...defaultSettings({ preset: "modernbert", width: 16 }).optimizer,
    muon: { ...muonSettings({ width: 16 }), every: 2 },
  },
  attention: { start: 4, share: 0.5 },
  maskSpread: 0.5,
};

const cases: readonly [string, readonly number[], Options][] = [
  ["", [1, 2, 3, 4], {}],
  [" with Muon, attention that grows and rates that lie apart", [2, 3], ways],
  [" in buckets", [2, 3], { gradientBucket: 1 }],
  [" on pairs of texts", [2], { preset: "bert", pack: "pairs", curriculum: parseCurriculum("16") }],
];
for (const [what, sizes, options] of cases) {
  Deno.test(`train()${what} gives the same losses and weights to the bit for any number of ranks`, async () => {
    const alone = await run({ ...options, tiles: true, gradientBucket: Infinity });
    assertEquals([count(alone, "train"), count(alone, "validation"), count(alone, "checkpoint")], [6, 2, 2]);
    for (const size of sizes) {
      const [first, ...others] = await runs(size, options);
      assertEquals([size, told(first!)], [size, told(alone)]);
      assertEquals(
        states(first!).map(({ parameters }) => parameters),
        states(alone).map(({ parameters }) => parameters),
      );
      for (const other of others) {
        assertEquals(told(other), told(alone));
        assertEquals([count(other, "checkpoint"), count(other, "samples")], [0, 0]);
      }
    }
  });
}

Deno.test("train() in tiles has the losses of batches that are accumulated, but for roundings", async () => {
  const [tiles, plain] = [await run({ tiles: true }), await run({})];
  const losses = (events: readonly TrainEvent[]) => told(events).map(({ loss }) => loss);
  assert(losses(tiles).some((loss, i) => loss !== losses(plain)[i]));
  // sums of the same numbers in another order, carried through six updates whose first are as large as the rate
  assertClose(Float32Array.from(losses(tiles)), Float32Array.from(losses(plain)), { atol: 1e-4, rtol: 0 });
});

Deno.test("train() goes on from a state with another number of ranks, with the same losses to the bit", async () => {
  const alone = await run({ tiles: true });
  const [first] = await runs(3);
  const resume = states(first!)[0]!;
  assertEquals(resume.step, 3);
  const rest = told(alone).filter(({ step }) => step > 3);
  for (const size of [2, 4]) assertEquals(told((await runs(size, { resume }))[0]!), rest);
  assertEquals(told(await run({ resume, tiles: true })), rest);
});

Deno.test("train() stops all ranks after the same step when one of them is interrupted", async () => {
  const controller = new AbortController();
  const all = await Promise.all(
    localRanks(3).map(async (ready) => {
      const ranks = await ready;
      const signal = ranks.rank === 1 ? controller.signal : undefined;
      const events: TrainEvent[] = [];
      const model = createModel(device, modelConfig(shape));
      for await (const event of train({ ...settings, budget: { steps: 1000 }, model, ranks, signal })) {
        events.push(event);
        if (event.kind === "train" && event.step === 3 && ranks.rank === 1) controller.abort();
      }
      model.destroy();
      device.destroy();
      return events;
    }),
  );
  const last = all.map((events) => events.findLast((event) => event.kind === "train")!.step);
  assertEquals(last, [last[0]!, last[0]!, last[0]!]);
  assert(last[0]! < 10);
  assertEquals(states(all[0]!).at(-1)!.step, last[0]);
});

Deno.test("train() by the clock goes by that of the first rank", async () => {
  const all = await runs(2, { budget: { minutes: 0.01 }, evaluateTokens: undefined, evaluateEvery: { share: 0.5 } });
  assertEquals(told(all[1]!), told(all[0]!));
  const rates = all.map((events) => events.flatMap((event) => event.kind === "train" ? [event.learningRate] : []));
  assertEquals(rates[1], rates[0]);
});

Deno.test("train() with a rank that fails ends on all ranks, and yields what was done until then", async () => {
  const failure = new Error("the disk is gone");
  const ends = await Promise.all(
    localRanks(3).map(async (ready) => {
      const ranks = await ready;
      let texts = 0;
      const broken: typeof corpus = {
        ...corpus,
        async *passages(part, from) {
          for await (const passage of corpus.passages(part, from)) {
            if (ranks.rank === 2 && part === "training" && ++texts > 150) throw failure;
            yield passage;
          }
        },
      };
      const events: TrainEvent[] = [];
      try {
        const model = createModel(device, modelConfig(shape));
        const options = { ...settings, corpus: broken, budget: { steps: 100_000 }, pack: "line" as const };
        for await (const event of train({ ...options, model, ranks })) events.push(event);
      } catch (error) {
        if (error === failure) return { events, failed: await ranks.fail() };
        return { events, error: error as Error };
      }
      throw new Error("it went on");
    }),
  );
  assertEquals(ends.map(({ failed }) => failed), [undefined, undefined, [2]]);
  assertEquals(ends.map(({ error }) => error?.name), ["OtherRankError", "OtherRankError", undefined]);
});

/** What a rank's device does, in order: parts of the gradients, and sums of them that it is given. */
function notingDevice(log: string[], failing?: string): Device {
  return alteredDevice(device, {
    write(tensor, data, offset) {
      if (tensor.name === "gradients" && data.some((value) => value !== 0)) log.push("sum");
      device.write(tensor, data, offset);
    },
    async build(recording) {
      const program = await device.build(recording);
      const run = (...sections: string[]) => {
        log.push(...sections);
        if (failing !== undefined && sections.includes(failing)) throw new KernelError("no memory", failing);
        program.run(...sections);
      };
      return { ...program, run };
    },
  });
}

Deno.test("train() in buckets adds some up while others are computed, and hears of interruptions as before", async () => {
  let heard = 0;
  const hear = () => void heard++;
  device.whileBusy = hear;
  const logs = await Promise.all(
    localRanks(2).map(async (ready) => {
      const [ranks, log]: [Ranks, string[]] = [await ready, []];
      const model = createModel(notingDevice(log), modelConfig(shape));
      const options = { ...settings, budget: { steps: 1 }, accumulate: 4, gradientBucket: 1 };
      await Array.fromAsync(train({ ...options, model, ranks }));
      model.destroy();
      return log;
    }),
  );
  for (const log of logs) {
    const begun = log.lastIndexOf("gradients");
    const last = log.findLastIndex((event) => event.startsWith("gradients"));
    assert(last > begun + 8, log.join());
    // the one that comes last to a sum has it at once; the other hears of it behind the section that it is at
    assert(log.slice(begun, last).filter((event) => event === "sum").length > 2, log.join());
    // of a tile before the last nothing is sent
    assert(!log.slice(0, begun).includes("sum"));
  }
  assert(heard > 0 && device.whileBusy === hear);
  device.whileBusy = undefined;
});

Deno.test("train() in buckets ends on all ranks where one fails in the middle of a step", async () => {
  const ends = await Promise.all(
    localRanks(3).map(async (ready) => {
      const ranks = await ready;
      const own = ranks.rank === 1 ? notingDevice([], "gradients 5") : device;
      const model = createModel(own, modelConfig(shape));
      try {
        return (await Array.fromAsync(train({ ...settings, gradientBucket: 1, model, ranks }))).length;
      } catch (error) {
        return error instanceof KernelError ? await ranks.fail() : (error as Error).name;
      } finally {
        model.destroy();
      }
    }),
  );
  assertEquals(ends, ["OtherRankError", [1], "OtherRankError"]);
});

Deno.test("train() refuses steps with fewer tiles than there are ranks", async () => {
  await assertRejects(() => runs(2, { accumulate: 1 }), RangeError, "Cannot share steps of 1 tile among 2 ranks");
});

Deno.test("train() refuses to share steps that compare texts", async () => {
  const contrastive = { temperature: 0.05, views: "halves" } as const;
  await assertRejects(() => runs(2, { contrastive }), RangeError, "a text is compared with all others of its batch");
  await assertRejects(() => run({ contrastive, tiles: true }), RangeError, "Cannot share steps that compare texts");
});

Deno.test("checkShared() refuses to train apart in f16, for then there would be a loss scale of each rank", () => {
  for (const precision of ["f16", "f32"] as const) checkShared({}, { precision });
  checkShared({ syncEvery: 4 }, { precision: "f32" });
  assertThrows(() => checkShared({ syncEvery: 4 }, { precision: "f16" }), RangeError, "Cannot train apart in f16");
});

const local = { syncEvery: 4, budget: { steps: 10 }, saveEvery: { steps: 4 }, evaluateEvery: { steps: 5 } };

Deno.test("train() with local steps brings the weights of all ranks together every so many steps, and at the end", async () => {
  const all = await runs(2, local);
  assertEquals(told(all[1]!), told(all[0]!));
  const events = all[0]!;
  assertEquals(events.flatMap((event) => event.kind === "validation" ? [event.step] : []), [8, 10]);
  assertEquals(states(events).map(({ step }) => step), [4, 8, 10]);
  assert(states(events)[0]!.outerMomentum!.values().some((values) => values.some((value) => value !== 0)));
  assertEquals(stepsOf(events), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

Deno.test("train() with local steps goes on from a state with the same losses to the bit", async () => {
  const [whole] = await runs(2, local);
  for (const resume of states(whole!).slice(0, 2)) {
    const [rest] = await runs(2, { ...local, resume });
    assertEquals(told(rest!), told(whole!).filter(({ step }) => step > resume.step));
  }
  const [muon] = await runs(2, { ...local, ...ways });
  const resume = states(muon!)[0]!;
  const [after] = await runs(2, { ...local, ...ways, resume });
  assertEquals(told(after!), told(muon!).filter(({ step }) => step > resume.step));
  const [more] = await runs(3, { ...local, resume: states(whole!)[0]! });
  assertEquals(stepsOf(more!), [5, 6, 7, 8, 9, 10]);
});
