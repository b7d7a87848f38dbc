import { assert, assertEquals, assertLess } from "@std/assert";
import { openDevice } from "../../lib/device/open_device.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { createModel } from "../../lib/model/model.ts";
import { textCorpus } from "../../lib/text/corpus.ts";
import { stringSource } from "../../lib/text/source.ts";
import { characterTokenizer } from "../../lib/tokenizer/character.ts";
import { defaultSettings, type TrainingSettings } from "../../lib/train/settings.ts";
import { steadySeconds, timeStages } from "../../lib/train/time_steps.ts";
import { train } from "../../lib/train/trainer.ts";

const tokenizer = characterTokenizer("abcdefghijklmnopqrstuvwxyz \n");
const text = "the quick brown fox jumps over the lazy dog\n".repeat(200);
const corpus = await textCorpus([stringSource("foxes", text)]);
const config = modelConfig({ layers: 1, width: 16, heads: 2, vocab: tokenizer.size, maxLength: 32, dropout: 0.1 });
const settings: TrainingSettings = {
  ...defaultSettings({ preset: "modernbert", width: 16 }),
  curriculum: [{ length: 8, share: 0.5 }, { length: 32, share: 0.5 }],
  batchTokens: 64,
  accumulate: 2,
  budget: { steps: 6 },
};

async function losses({ isTimed }: { isTimed: boolean }): Promise<number[]> {
  const { device } = await openDevice("cpu", { threads: 1 });
  try {
    if (isTimed) await timeStages({ device, config, corpus, tokenizer, settings });
    const model = createModel(device, config, { seed: 1 });
    const losses = [];
    for await (const event of train({ model, corpus, tokenizer, ...settings })) {
      if (event.kind === "train" || event.kind === "validation") losses.push(event.loss);
    }
    return losses;
  } finally {
    device.destroy();
  }
}

Deno.test("steadySeconds() is the middle of several times, so that a slow one decides nothing", async () => {
  const timed = async (each: number, slowAt: number, options = {}) => {
    let [at, steps] = [0, 0];
    const seconds = await steadySeconds((count) => {
      steps += count;
      return Promise.resolve(count * each * (at++ === slowAt ? 30 : 1));
    }, options);
    return { seconds, times: at, steps };
  };
  for (const each of [0.001, 0.01, 0.1, 3]) {
    for (let slow = 0; slow < 12; slow++) {
      const { seconds, times } = await timed(each, slow);
      assert(Math.abs(seconds - each) < 1e-12 * each, `${each} s, the ${slow + 1}th time slow: ${seconds} s`);
      assert(times >= 2);
    }
  }
  // where a step takes long, or a stage has few, no more than two are timed
  assertEquals((await timed(3, -1)).steps, 2);
  assert((await timed(0.001, -1, { enough: () => 0.001 })).steps <= 3);
});

Deno.test("timeStages() leaves the losses of the run that follows as they are, to the bit", async () => {
  const timed = await losses({ isTimed: true });
  assertEquals(timed, await losses({ isTimed: false }));
  assert(timed.length > 6);
});

Deno.test("timeStages() times every stage that has steps left, for each kind of budget, and gives its memory back", async () => {
  const { device } = await openDevice("cpu", { threads: 1 });
  let held = 0;
  const counted = new Proxy(device, {
    get(target, name) {
      if (name === "allocate") {
        return (bytes: number, label: string) => {
          const buffer = target.allocate(bytes, label);
          held += bytes;
          return { ...buffer, destroy: () => (held -= bytes, buffer.destroy()) };
        };
      }
      const value = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  try {
    const stages = async (budget: TrainingSettings["budget"], from = 0) =>
      (await timeStages({ device: counted, config, corpus, tokenizer, settings: { ...settings, budget }, from }))
        .map((seconds) => seconds !== undefined && seconds > 0 && seconds < 10);
    assertEquals(await stages({ steps: 6 }), [true, true]);
    assertEquals(await stages({ tokens: 5000 }), [true, true]);
    assertEquals(await stages({ minutes: 0.01 }), [true, true]);
    assertEquals(await stages({ steps: 6 }, 0.6), [false, true]);
    assertEquals(await stages({ steps: 1 }), [true, false]);
    assertEquals(held, 0);
    const stopped = performance.now();
    const none = await timeStages({ device, config, corpus, tokenizer, settings, isStopped: () => true });
    assertEquals(none, [undefined, undefined]);
    assertLess(performance.now() - stopped, 1000);
  } finally {
    device.destroy();
  }
});
