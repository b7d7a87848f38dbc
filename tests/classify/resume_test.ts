import { assert, assertEquals, assertGreater, assertRejects } from "@std/assert";
import { classifier } from "../../lib/classify/classifier.ts";
import type { FineTuneState } from "../../lib/classify/fine_tune_state.ts";
import { tagger } from "../../lib/classify/tagger.ts";
import type { ClassifierEvent } from "../../lib/classify/train_head.ts";
import type { Model } from "../../lib/model/model.ts";
import { cpuTest, kindTest } from "../helpers/devices.ts";
import { random } from "../helpers/random.ts";
import { smallBase } from "../helpers/small_base.ts";

/** Texts of which nothing can be learned, so that looks are better and worse by turns. */
function noise(count: number) {
  const next = random(4);
  return Array.from({ length: count }, () => ({
    text: Array.from({ length: 3 + Math.floor(next() * 9) }, () => "abcdef "[Math.floor(next() * 7)]).join("") + "a",
    label: next() < 0.5 ? "x" : "y",
  }));
}

async function weightsOf(model: Model): Promise<string> {
  return JSON.stringify([...await model.readParameters()].map(([name, values]) => [name, ...values]));
}

kindTest("classifier() goes on from any look, and comes to the same weights to the bit", async (device) => {
  const base = smallBase(device, { preset: "bert" });
  const states: FineTuneState[] = [];
  const options = { steps: 12, evaluateEvery: 2, patience: 4, learningRate: 1e-2, validation: 0.3 };
  const whole = await classifier(base, noise(24), {
    ...options,
    keep: async ({ state }) => void states.push(await state()),
  });
  const weights = await weightsOf(whole.model);
  assertGreater(states.length, 2);
  // some with the best weights in them, and some that need others besides
  assertEquals(new Set(states.map(({ best }) => best === undefined)).size, 2);
  for (const from of states) {
    const events: ClassifierEvent[] = [];
    const rest = await classifier(base, noise(24), { ...options, from, hear: (event) => events.push(event) });
    assertEquals(await weightsOf(rest.model), weights, `from step ${from.step}`);
    assertEquals([rest.training!.steps, rest.training!.heldOut], [whole.training!.steps, whole.training!.heldOut]);
    assert(events[0]?.kind === "begin" && events[0].from?.step === from.step);
    const [look] = events.filter((event) => event.kind === "validation");
    assertEquals(look?.step, from.step + options.evaluateEvery);
    rest.destroy();
  }
  for (const one of [whole, base.model]) one.destroy();
});

cpuTest("a training goes on with the same examples, options and model alone", async (device) => {
  const base = smallBase(device);
  let from: FineTuneState | undefined;
  const options = { steps: 4, evaluateEvery: 2 };
  const texts = noise(12);
  const keep = async ({ state }: { state: () => Promise<FineTuneState> }) => void (from = await state());
  (await classifier(base, texts, { ...options, keep })).destroy();
  const wide = smallBase(device, { width: 48, hidden: 32 });
  const others = [
    () => classifier(base, [...texts.slice(1), texts[0]!], { ...options, from }),
    () =>
      classifier(base, texts.with(3, { ...texts[3]!, label: texts[3]!.label === "x" ? "y" : "x" }), {
        ...options,
        from,
      }),
    () => classifier(base, texts, { ...options, steps: 5, from }),
    () => classifier(base, texts, { ...options, learningRate: 1e-4, from }),
    () => classifier(base, texts, { ...options, dropout: 0.2, from }),
    () => classifier(base, texts, { ...options, classWeights: "balanced", from }),
    () => classifier(wide, texts, { ...options, from }),
  ];
  for (const other of others) await assertRejects(other, RangeError, "Cannot go on with the training: its examples");
  (await classifier(base, texts, { ...options, from })).destroy();
  for (const { model } of [base, wide]) model.destroy();
});

cpuTest("tagger() goes on where nothing is held out", async (device) => {
  const base = smallBase(device);
  const sentences = noise(8).map(({ text }) => ({ words: [text.replaceAll(" ", ""), "b"], tags: ["one", "two"] }));
  let from: FineTuneState | undefined;
  const options = { steps: 6, evaluateEvery: 4 };
  const keep = async ({ state }: { state: () => Promise<FineTuneState> }) => void (from = await state());
  const whole = await tagger(base, sentences, { ...options, keep });
  assertEquals([from?.step, from?.looks, from?.best], [4, { best: 0, sinceBest: 0, latest: 0 }, undefined]);
  const rest = await tagger(base, sentences, { ...options, from });
  assertEquals(await weightsOf(rest.model), await weightsOf(whole.model));
  for (const one of [rest, whole, base.model]) one.destroy();
});
