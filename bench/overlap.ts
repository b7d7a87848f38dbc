/**
 * How often and how long a device that works by itself has nothing to do while a run trains, validates, shows samples and saves: a
 * device on paper, on which a step and a batch of validation take so many milliseconds, and which waits as WebGPU in Deno does:
 * inside the call until everything submitted is done, and 10 ms more until its result is told.
 * `deno run -A bench/overlap.ts [--step 20] [--batch 7] [--save 1000] [--steps 400]`
 */
import { flag } from "../lib/cli/flags.ts";
import { parseCount, parseNumber } from "../lib/cli/flag_values.ts";
import { optionsOf } from "./script.ts";
import { parseCurriculum } from "../lib/batch/curriculum.ts";
import type { Device } from "../lib/device/device.ts";
import { modelConfig } from "../lib/model/config.ts";
import { createModel } from "../lib/model/model.ts";
import type { Tensor } from "../lib/tensor/tensor.ts";
import { trainingTexts } from "../lib/text/corpus.ts";
import { storiesCorpus } from "../lib/text/stories.ts";
import { characterTokenizer, scanCharacters } from "../lib/tokenizer/character.ts";
import { train } from "../lib/train/trainer.ts";

const flags = {
  step: { ...flag("MS", "milliseconds of a step", parseNumber), default: 20 },
  batch: { ...flag("MS", "milliseconds of a batch of validation", parseNumber), default: 7 },
  save: { ...flag("MS", "milliseconds of saving", parseNumber), default: 1000 },
  steps: { ...flag("N", "steps", parseCount), default: 400 },
};
const parsed = await optionsOf(
  "How long a device has nothing to do while a run trains.\n\nUsage: deno run -A bench/overlap.ts [options]",
  { Options: flags },
);
const [stepMs, batchMs, saveMs] = [parsed.get(flags.step), parsed.get(flags.batch), parsed.get(flags.save)];
const steps = parsed.get(flags.steps);

/** Milliseconds until Deno tells that memory is mapped. */
const TOLD = 10;

const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** A device that computes nothing and knows when it would have been done. */
function paperDevice() {
  let free: number | undefined;
  const seen = { waits: 0, gaps: 0, idle: 0, longest: 0 };
  const submit = (milliseconds: number) => {
    const now = performance.now();
    const gap = now - (free ?? now);
    if (gap > 0) {
      seen.gaps++;
      seen.idle += gap;
      seen.longest = Math.max(seen.longest, gap);
    }
    free = Math.max(now, free ?? now) + milliseconds;
  };
  const wait = async (tensors: readonly Tensor[]) => {
    seen.waits++;
    while (performance.now() < (free ?? 0));
    await sleep(TOLD);
    return tensors.map(({ size }) => new ArrayBuffer(4 * size));
  };
  const device: Device = {
    kind: "webgpu",
    description: "a card on paper",
    settings: { kind: "webgpu", adapter: "paper", matmul: "tiled" },
    software: false,
    maxTensorBytes: 2 ** 31 - 4,
    allocate: (bytes) => ({ bytes, destroy() {} }),
    write() {},
    read(tensors) {
      submit(0.05);
      return wait(tensors);
    },
    stage(tensors) {
      submit(0.05);
      return Promise.resolve({ bytes: 0, read: () => wait(tensors), destroy() {} });
    },
    lower: () => [],
    build({ sections }) {
      const run = () => submit(sections.has("update") ? stepMs : batchMs);
      return Promise.resolve({ run, bytes: 0, destroy() {} });
    },
    takeProfile: () => Promise.resolve(undefined),
    destroy() {},
  };
  return { device, seen };
}

const corpus = storiesCorpus();
const tokenizer = characterTokenizer(await scanCharacters(trainingTexts(corpus)));
const { device, seen } = paperDevice();
const model = createModel(
  device,
  modelConfig({ vocab: tokenizer.size, layers: 1, width: 16, heads: 2, maxLength: 64 }),
);
let isKept = false;
const keep = async () => {
  isKept = true;
  await sleep(saveMs);
};
const every = { steps: Math.ceil(steps / 4) };
const settings = { curriculum: parseCurriculum("64"), batchTokens: 1024, budget: { steps }, evaluateTokens: 32_768 };
const start = performance.now();
for await (
  const event of train({ ...settings, model, corpus, tokenizer, evaluateEvery: every, saveEvery: every, keep })
) {
  // without a way to save meanwhile
  if (event.kind === "checkpoint" && !isKept) await sleep(saveMs);
}
const passed = performance.now() - start;
const figure = (value: number) => value.toFixed(0).padStart(6);
console.log(`step ${stepMs} ms, batch of validation ${batchMs} ms, saving ${saveMs} ms, ${steps} steps`);
console.log(
  `waits ${seen.waits}, gaps ${seen.gaps}, idle ${figure(seen.idle)} ms of ${figure(passed)} (${
    (100 * seen.idle / passed).toFixed(1)
  } %), the longest ${figure(seen.longest)} ms`,
);
