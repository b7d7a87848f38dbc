import { assertEquals } from "@std/assert";
import { parseCurriculum } from "../../lib/batch/curriculum.ts";
import { alteredDevice } from "../../lib/device/altered_device.ts";
import { openCpuDevice } from "../../lib/device/cpu/open_cpu.ts";
import type { Device } from "../../lib/device/device.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { createModel, Model } from "../../lib/model/model.ts";
import { storiesCorpus } from "../../lib/text/stories.ts";
import { trainingTexts } from "../../lib/text/corpus.ts";
import { characterTokenizer, scanCharacters } from "../../lib/tokenizer/character.ts";
import type { TrainEvent, TrainingState } from "../../lib/train/events.ts";
import { type Report, tellReports } from "../../lib/train/report.ts";
import type { TrainOptions } from "../../lib/train/settings.ts";
import { train } from "../../lib/train/trainer.ts";
import { gpuTest } from "../helpers/devices.ts";

const corpus = storiesCorpus();
const tokenizer = characterTokenizer(await scanCharacters(trainingTexts(corpus)));
const config = modelConfig({ vocab: tokenizer.size, layers: 1, width: 16, heads: 2, hidden: 20, maxLength: 32 });
const settings = {
  corpus,
  tokenizer,
  budget: { steps: 24 },
  curriculum: parseCurriculum("16"),
  batchTokens: 64,
  evaluateTokens: 128,
  evaluateEvery: { steps: 7 },
  saveEvery: { steps: 5 },
  sampleEvery: { steps: 12 },
};

/**
 * A CPU device that seems to work by itself: what is submitted counts as under way until something is waited for. `idle` counts the
 * waits that were looked at while nothing was under way.
 */
function busyDevice(device: Device) {
  const seen = { work: 0, idle: 0, waits: 0, copies: 0, mostCopies: 0 };
  const waited = async <T>(result: Promise<T>) => {
    // all that was submitted is done now, as when memory is mapped
    seen.work = 0;
    const value = await result;
    // nobody looks at it before more is submitted
    await new Promise((resolve) => setTimeout(resolve, 1));
    seen.waits++;
    if (seen.work === 0) seen.idle++;
    return value;
  };
  const busy = alteredDevice(device, {
    read: (tensors) => waited(device.read(tensors)),
    async stage(tensors) {
      const result = device.read(tensors);
      seen.work++;
      const isState = tensors.length === 3;
      if (isState) seen.mostCopies = Math.max(seen.mostCopies, ++seen.copies);
      const done = () => {
        if (isState) seen.copies--;
      };
      await Promise.resolve();
      return { bytes: 0, read: () => waited(result).finally(done), destroy: done };
    },
    async build(recording) {
      const program = await device.build(recording);
      const run = (...sections: string[]) => {
        seen.work++;
        program.run(...sections);
      };
      return { ...program, run };
    },
  });
  return { device: busy, seen };
}

async function eventsOn(device: Device, options: Partial<TrainOptions> = {}): Promise<TrainEvent[]> {
  const model = options.resume ? new Model(device, config) : createModel(device, config);
  try {
    return await Array.fromAsync(train({ ...settings, model, ...options }));
  } finally {
    model.destroy();
  }
}

/** What does not depend on the clock. */
const steady = (events: TrainEvent[]): Record<string, unknown>[] =>
  events.flatMap((event) => {
    if (event.kind === "time" || event.kind === "phase") return [];
    const clocks = { seconds: 0, elapsed: 0, tokensPerSecond: 0, deviceBytes: 0, residentBytes: 0 };
    return [event.kind === "checkpoint" ? { ...event, state: { ...event.state, ...clocks } } : { ...event, ...clocks }];
  });

Deno.test("train() waits for a device that works by itself only when that has more to do, and tells the same", async () => {
  const device = await openCpuDevice({ threads: 1 });
  try {
    const expected = await eventsOn(device);
    const { device: busy, seen } = busyDevice(device);
    const events = await eventsOn(busy);
    assertEquals(steady(events), steady(expected));
    const pauses = expected.filter(({ kind }) => ["validation", "samples", "checkpoint"].includes(kind)).length;
    // before the first step, the first validation and the end there is nothing else to do

    assertEquals([seen.waits > pauses, seen.idle <= 4, seen.mostCopies], [true, true, 1], JSON.stringify(seen));
  } finally {
    device.destroy();
  }
});

Deno.test("train() goes on while a state is kept, keeps one at a time, and waits for the last", async () => {
  const device = await openCpuDevice({ threads: 1 });
  const { device: busy } = busyDevice(device);
  let [now, most, stepsMeanwhile]: number[] = [0, 0, 0];
  const kept: TrainingState[] = [];
  let isKeeping = false;
  const keep = async (state: TrainingState) => {
    most = Math.max(most!, ++now!);
    isKeeping = true;
    await new Promise((resolve) => setTimeout(resolve, 30));
    isKeeping = false;
    now!--;
    kept.push(state);
  };
  const model = createModel(busy, config);
  const told: number[] = [];
  for await (const event of train({ ...settings, model, keep })) {
    if (event.kind === "train" && isKeeping) stepsMeanwhile!++;
    if (event.kind === "checkpoint") told.push(event.state.step);
    // told when it is kept
    if (event.kind === "checkpoint") assertEquals(kept.at(-1)!.step, event.state.step);
    if (event.kind === "time") assertEquals(now, 0);
  }
  model.destroy();
  assertEquals([told, most, stepsMeanwhile! > 3], [[5, 10, 15, 20, 24], 1, true]);
  const whole = steady(await eventsOn(device));
  for (const resume of [kept[0]!, kept[2]!]) {
    const rest = steady(await eventsOn(busy, { resume }));
    assertEquals(
      rest.filter(({ kind }) => kind === "train"),
      whole.filter((event) => event.kind === "train" && Number(event.step) > resume.step),
    );
  }
  device.destroy();
});

Deno.test("train() tells what is wrong with keeping a state, and stops", async () => {
  const device = await openCpuDevice({ threads: 1 });
  const { device: busy } = busyDevice(device);
  const steps: number[] = [];
  const model = createModel(busy, config);
  const keep = () => Promise.reject(new RangeError("Cannot write the checkpoint: the disk is full"));
  let said = "";
  try {
    for await (const event of train({ ...settings, model, keep })) if (event.kind === "train") steps.push(event.step);
  } catch (error) {
    said = (error as Error).message;
  }
  assertEquals([said, steps.at(-1)! < 15], ["Cannot write the checkpoint: the disk is full", true]);
  model.destroy();
  device.destroy();
});

Deno.test("tellReports() has work submitted before it tells of what was submitted earlier, and tells in order", async () => {
  const log: string[] = [];
  const reports = async function* (): AsyncGenerator<Report> {
    for (const name of ["a", "-b", "c", "!d", "e"]) {
      log.push(`submit ${name}`);
      yield {
        ...(name.startsWith("-") ? {} : { begin: () => void log.push(`wait ${name}`) }),
        isFirst: name.startsWith("!"),
        async *events() {
          await Promise.resolve();
          log.push(`tell ${name}`);
        },
      };
    }
  };
  await Array.fromAsync(tellReports(reports(), { overlaps: true }));
  const overlapped =
    "submit a|wait a|submit -b|submit c|tell a|tell -b|wait c|submit !d|tell c|wait !d|tell !d|submit e|wait e|tell e";
  // tell -b comes with c, in front of which it stands
  assertEquals(log.filter((line) => line.startsWith("tell")), ["tell a", "tell -b", "tell c", "tell !d", "tell e"]);
  assertEquals(log.filter((line) => !line.includes("-b")).join("|"), overlapped.replaceAll(/\|[a-z]+ -b/g, ""));
  log.length = 0;
  await Array.fromAsync(tellReports(reports(), { overlaps: false }));
  assertEquals(
    log.filter((line) => !line.startsWith("wait")).map((line) => line.split(" ")[0]),
    Array(5).fill(["submit", "tell"]).flat(),
  );
});

gpuTest(
  "train() goes on in chunks where there is no memory for a copy of the state, with the same states",
  async (device) => {
    const whole = steady(await eventsOn(device));
    const small = alteredDevice(device, {
      stage: (tensors) => tensors.length === 3 ? Promise.resolve(undefined) : device.stage!(tensors),
    });
    assertEquals(steady(await eventsOn(small)), whole);
  },
);
