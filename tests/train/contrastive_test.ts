import { assert, assertEquals, assertGreater, assertRejects } from "@std/assert";
import type { Device } from "../../lib/device/device.ts";
import { modelConfig, presets } from "../../lib/model/config.ts";
import { createModel } from "../../lib/model/model.ts";
import { textCorpus } from "../../lib/text/corpus.ts";
import { pairCorpus } from "../../lib/text/pair_corpus.ts";
import { stringSource } from "../../lib/text/source.ts";
import { storiesCorpus } from "../../lib/text/stories.ts";
import { characterTokenizer } from "../../lib/tokenizer/character.ts";
import { contrastive, type ContrastiveOptions } from "../../lib/train/contrastive.ts";
import { contrastiveDefaults } from "../../lib/train/contrastive_settings.ts";
import type { TrainEvent, TrainingState } from "../../lib/train/events.ts";
import { cpuTest } from "../helpers/devices.ts";

const tokenizer = characterTokenizer("abcdefghijklmnopqrstuvwxyzABCDEFGHIJL0123456789 .,?\n");
const sizes = { vocab: tokenizer.size, layers: 1, width: 16, heads: 2, hidden: 20, maxLength: 32, dropout: 0.1 };
const settings = {
  corpus: storiesCorpus({ seed: 1 }),
  tokenizer,
  length: 12,
  batchTokens: 96,
  budget: { steps: 6 },
  evaluateTokens: 96,
  evaluateEvery: { steps: 3 },
  saveEvery: { steps: 3 },
};

const digits = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
const pairs = Array.from({ length: 100 }, (_, i) => ({
  first: `${digits[Math.floor(i / 10)]} ${digits[i % 10]}`,
  second: `${Math.floor(i / 10)} ${i % 10}`,
  place: `line ${i}`,
}));

async function run(device: Device, options: Partial<ContrastiveOptions> & Partial<typeof sizes> = {}) {
  const { dropout = sizes.dropout, ...rest } = options;
  const model = createModel(device, modelConfig({ ...sizes, dropout }));
  try {
    return await Array.fromAsync(contrastive({ ...settings, model, ...rest }));
  } finally {
    model.destroy();
  }
}

const stepsOf = (events: readonly TrainEvent[]) =>
  events.flatMap((event) =>
    event.kind === "train" ? [[event.step, event.loss, event.accuracy, event.gradientNorm]] : []
  );
const statesOf = (events: readonly TrainEvent[]): TrainingState[] =>
  events.flatMap((event) => event.kind === "checkpoint" ? [event.state] : []);

cpuTest(
  "contrastive() yields steps, validations and checkpoints, no samples, and goes on from one to the bit",
  async (device) => {
    const whole = await run(device);
    const count = (kind: TrainEvent["kind"]) => whole.filter((event) => event.kind === kind).length;
    assertEquals(["train", "validation", "checkpoint", "samples"].map((kind) => count(kind as "train")), [6, 2, 2, 0]);
    const [middle, end] = statesOf(whole);
    const resumed = await run(device, { resume: middle });
    assertEquals(stepsOf(resumed), stepsOf(whole).slice(3));
    assertEquals(statesOf(resumed).at(-1)!.parameters, end!.parameters);
    for (const event of whole) {
      if (event.kind !== "train") continue;
      // four texts to choose from
      assert(event.maskRate === 0 && [0, 0.25, 0.5, 0.75, 1].includes(event.accuracy), JSON.stringify(event));
    }
  },
);

cpuTest("contrastive() leaves the head for masked tokens as it was", async (device) => {
  for (const preset of presets) {
    const model = createModel(device, modelConfig({ ...sizes, preset, dropout: 0.1 }));
    const before = await model.readParameters();
    const [state] = statesOf(await Array.fromAsync(contrastive({ ...settings, model, budget: { steps: 1 } })));
    for (const [name, values] of state!.parameters) {
      const isHead = /^(head|decoder)/.test(name);
      assertEquals(values.every((value, i) => value === before.get(name)![i]), isHead, name);
    }
    model.destroy();
  }
});

cpuTest("contrastive() brings pairs together that have no character in common", async (device) => {
  const corpus = pairCorpus(pairs, { name: "numbers", validationShare: 0.16 });
  const events = await run(device, {
    corpus,
    batchTokens: 2 * 16 * 16,
    length: 16,
    budget: { steps: 150 },
    learningRate: { peak: 1e-2, schedule: "linear", warmup: { share: 0.1 } },
    evaluateTokens: 512,
    evaluateEvery: { share: 1 },
    dropout: 0,
  });
  const accuracy = events.flatMap((event) => event.kind === "validation" ? [event.accuracy] : []).at(-1)!;
  // by chance 1 in 16
  assertGreater(accuracy, 0.5);
});

cpuTest(
  "contrastive() by halves learns without dropout; of several batches a step the losses are means",
  async (device) => {
    const events = await run(device, { views: "halves", dropout: 0, accumulate: 2, budget: { steps: 2 } });
    assert(stepsOf(events).every(([, loss, accuracy]) => loss! > 0 && Number.isInteger(8 * accuracy!)));
  },
);

cpuTest("contrastive() says why texts cannot be compared", async (device) => {
  const fails = (options: Parameters<typeof run>[1], message: string) =>
    assertRejects(() => run(device, options), RangeError, message);
  await fails({ dropout: 0 }, "Cannot compare a text with itself: nothing is dropped");
  await fails(
    { batchTokens: 60 },
    "that is 5 windows of 12, wanted two for each of two texts or more, such as 48 tokens",
  );
  await fails({ batchTokens: 24 }, "such as 48 tokens");
  const same = await textCorpus([stringSource("same", "a cab\n".repeat(50))]);
  await fails({ corpus: same }, "only 1 of this corpus");
});

Deno.test("contrastiveDefaults() are SimCSE's numbers at width 768", () => {
  const { learningRate, batchTokens, contrastive, optimizer } = contrastiveDefaults({ preset: "bert", width: 768 });
  assertEquals([learningRate.peak, batchTokens, contrastive!.temperature, optimizer.weightDecay], [
    3e-5,
    8192,
    0.05,
    0,
  ]);
});
