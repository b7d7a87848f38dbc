import { assert, assertAlmostEquals, assertEquals, assertLess, assertRejects, assertStringIncludes } from "@std/assert";
import { classifierCard } from "../../lib/classify/card.ts";
import { classifier, loadClassifier } from "../../lib/classify/classifier.ts";
import type { ClassifierEvent } from "../../lib/classify/train_head.ts";
import { memoryFolder } from "../../lib/format/model_folder.ts";
import { load } from "../../lib/inference/load.ts";
import { cpuTest, kindTest } from "../helpers/devices.ts";
import { random } from "../helpers/random.ts";
import { smallBase } from "../helpers/small_base.ts";

/** Texts whose class is told by a letter. */
function examples(
  count: number,
  { labels = ["x", "y"], seed = 1 }: { labels?: readonly string[]; seed?: number } = {},
) {
  const next = random(seed);
  return Array.from({ length: count }, (_, i) => {
    const label = labels[i % labels.length]!;
    const rest = Array.from({ length: 3 + Math.floor(next() * 9) }, () => "abcdef "[Math.floor(next() * 7)]).join("");
    return { text: `${label}${rest}a`, label };
  });
}

for (const preset of ["bert", "modernbert"] as const) {
  kindTest(`classifier() learns texts on a ${preset} model, and is the same when it is read back`, async (device) => {
    const base = smallBase(device, { preset });
    const before = await base.model.readParameters();
    const tells = await classifier(base, examples(16), { steps: 12, learningRate: 4e-3, dropout: 0 });
    const found = await Array.fromAsync(tells.predict(["xabc", "yabc", "y b a", ""]));
    assertEquals(found.slice(0, 3).map(({ label }) => label), ["x", "y", "y"]);
    for (const { probability, probabilities } of found) {
      assertAlmostEquals(probabilities.reduce((sum, { probability }) => sum + probability, 0), 1, 1e-12);
      assertEquals(probability, probabilities[0]!.probability);
    }
    assertEquals(await base.model.readParameters(), before);
    const files = memoryFolder("tells", await tells.files({ card: "# tells" }));
    const again = await loadClassifier(files, { device });
    assertEquals(again.classes, ["x", "y"]);
    assertEquals(await Array.fromAsync(again.predict(["xabc", "yabc", "y b a", ""])), found);
    // who knows nothing of classes takes the encoder
    const encoder = await load(files, { device });
    assertEquals((await encoder.embed(["xabc"]))[0]!.length, 32);
    for (const one of [tells, again, encoder, base.model]) one.destroy();
  });
}

cpuTest("classifier() gives the same weights to the bit for the same seed, and others for another", async (device) => {
  const base = smallBase(device, { preset: "bert" });
  const weights = await Promise.all([1, 1, 2].map(async (seed) => {
    const tells = await classifier(base, examples(50), { steps: 3, seed });
    const values = [...(await tells.model.readParameters()).get("classifier.output.weight")!];
    tells.destroy();
    return String(values);
  }));
  assertEquals(weights[0], weights[1]);
  assert(weights[0] !== weights[2]);
  base.model.destroy();
});

cpuTest("classifier() stops when what is held out is told no better, and keeps the best weights", async (device) => {
  const base = smallBase(device);
  const events: ClassifierEvent[] = [];
  // labels that nothing can be learned of: the loss on what is held out soon rises
  const next = random(4);
  const noise = examples(60).map(({ text }) => ({ text, label: next() < 0.5 ? "x" : "y" }));
  const options = {
    steps: 400,
    evaluateEvery: 3,
    patience: 2,
    learningRate: 1e-2,
    hear: (e: ClassifierEvent) => events.push(e),
  };
  const tells = await classifier(base, noise, options);
  const looks = events.filter((event) => event.kind === "validation");
  const lowest = Math.min(...looks.map(({ loss }) => loss));
  assertLess(looks.at(-1)!.step, 400);
  assertEquals(looks.slice(-2).map(({ isBest }) => isBest), [false, false]);
  assertEquals(looks.find(({ loss }) => loss === lowest)!.isBest, true);
  const [begin] = events;
  assert(begin?.kind === "begin" && begin.heldOut === 12 && begin.examples === 48);
  const { bestStep, steps } = tells.training!;
  assertEquals([bestStep, steps], [looks.find(({ loss }) => loss === lowest)!.step, looks.at(-1)!.step]);
  const card = classifierCard({
    ...{ name: "x", base: "b", data: "d", config: tells.model.config, scores: [] },
    ...tells.training!,
  });
  assertStringIncludes(card, `in ${steps} steps of 16, with the weights of step ${bestStep}, the best ones; AdamW`);
  // the score on what was held out is that of the best look
  assertAlmostEquals(tells.training!.heldOut!.accuracy, looks.find(({ loss }) => loss === lowest)!.accuracy, 1e-12);
  tells.destroy();
  base.model.destroy();
});

cpuTest("classifier() holds nothing out of few texts, and what is asked for", async (device) => {
  const base = smallBase(device);
  const counts: number[][] = [];
  const hear = (e: ClassifierEvent) => {
    if (e.kind === "begin") counts.push([e.examples, e.heldOut]);
  };
  for (const [count, validation] of [[16, undefined], [16, 0.25], [100, undefined], [100, 0]] as const) {
    (await classifier(base, examples(count), { steps: 1, validation, hear })).destroy();
  }
  assertEquals(counts, [[16, 0], [12, 4], [80, 20], [100, 0]]);
  const notes: string[] = [];
  const note = (sentence: string) => notes.push(sentence);
  const alone = examples(50).map(({ text }, i) => ({
    text: `${text} ${"abcdefgh".repeat(1 + i % 2)}`,
    label: `class ${i}`,
  }));
  (await classifier(base, alone, { steps: 1, note })).destroy();
  assertStringIncludes(
    notes.join("\n"),
    "none is held out, for each is the only one of its class; training goes on to its end",
  );
  base.model.destroy();
});

cpuTest("class weights bring a rare class up", async (device) => {
  const base = smallBase(device);
  // the rare class cannot be told: only its share decides
  const texts = Array.from({ length: 24 }, (_, i) => ({ text: "abc", label: i < 3 ? "rare" : "often" }));
  const shares = [];
  for (const classWeights of ["none", "balanced"] as const) {
    const tells = await classifier(base, texts, { steps: 40, learningRate: 3e-3, classWeights });
    const [told] = await Array.fromAsync(tells.predict(["abc"]));
    shares.push(told!.probabilities.find(({ label }) => label === "rare")!.probability);
    tells.destroy();
  }
  assertAlmostEquals(shares[0]!, 1 / 8, 0.04);
  assertAlmostEquals(shares[1]!, 1 / 2, 0.1);
  base.model.destroy();
});

cpuTest("classifier() cuts long texts off with a notice, or reads them in windows", async (device) => {
  const base = smallBase(device);
  const notes: string[] = [];
  const note = (sentence: string) => notes.push(sentence);
  const long = [...examples(8), { text: "a ".repeat(40) + "x", label: "x" }, { text: "  ", label: "y" }];
  const tells = await classifier(base, long, { steps: 2, note });
  assertEquals(notes, [
    "1 text is empty and left out",
    "1 text is longer than 24 tokens, by up to 59, and cut off; in windows all of a text is read",
  ]);
  const [cut, whole] = await Promise.all(
    [false, true].map(async (windows) =>
      (await Array.fromAsync(tells.predict([long[8]!.text, "xab"], { windows }))).map((told) => told)
    ),
  );
  assertEquals([cut![0]!.omitted, whole![0]!.omitted], [59, 0]);
  assert(cut![0]!.probability !== whole![0]!.probability);
  assertAlmostEquals(cut![1]!.probability, whole![1]!.probability, 1e-6);
  tells.destroy();
  notes.length = 0;
  (await classifier(base, long, { steps: 2, note, windows: true })).destroy();
  assertEquals(notes, ["1 text is empty and left out"]);
  base.model.destroy();
});

cpuTest("classifier() says what cannot be learned", async (device) => {
  const base = smallBase(device);
  const notes: string[] = [];
  const fails = (list: readonly { text: string; label: string }[], words: string, options = {}) =>
    assertRejects(() => classifier(base, list, { steps: 1, ...options }), RangeError, words);
  await fails(examples(5, { labels: ["x"] }), 'the only label is "x", on 5 texts; at least two are needed');
  await fails([], "there is no text with a label");
  await fails(examples(40).map(({ text }, i) => ({ text, label: String(i / 4) })), "they look like amounts");
  await fails(examples(4), "a whole number from 3 to the model's longest, 24", { longest: 25 });
  await fails(examples(4), "must be at least 0 and below 1", { validation: 1 });
  await fails(examples(4), "a lower learning rate helps", { learningRate: 1e38, steps: 3 });
  const single = [...examples(6), { text: "zab", label: "z" }];
  const tells = await classifier(base, single, { steps: 1, validation: 0.5, note: (sentence) => notes.push(sentence) });
  assertEquals(notes, ["1 class has one example only: z"]);
  tells.destroy();
  base.model.destroy();
});

cpuTest("classifier() learns numbers as classes, and a thousand classes", async (device) => {
  const base = smallBase(device);
  const numbers = await classifier(base, examples(9, { labels: ["10", "2", "1"] }), { steps: 1 });
  assertEquals(numbers.classes, ["1", "2", "10"]);
  numbers.destroy();
  const labels = Array.from({ length: 1000 }, (_, i) => `class ${i}`);
  const many = await classifier(base, examples(1000, { labels }), { steps: 2, validation: 0 });
  assertEquals(many.classes.length, 1000);
  const [told] = await Array.fromAsync(many.predict(["abc"]));
  assertEquals(told!.probabilities.length, 1000);
  const files = memoryFolder("many", await many.files());
  const again = await loadClassifier(files, { device });
  assertEquals(again.classes, many.classes);
  for (const one of [again, many, base.model]) one.destroy();
});

cpuTest(
  "classifier() begins at a regression where classes are many, and at random where they are few",
  async (device) => {
    const base = smallBase(device);
    const letters = [..."abcdefghijkl"];
    for (const [labels, isFitted] of [[letters.slice(0, 10), false], [letters.slice(0, 11), true]] as const) {
      const heard: ClassifierEvent[] = [];
      const texts = Array.from(
        { length: 44 },
        (_, i) => ({ text: labels[i % labels.length]!.repeat(3 + i % 5), label: labels[i % labels.length]! }),
      );
      const tells = await classifier(base, texts, {
        steps: 1,
        validation: 0,
        learningRate: 1e-9,
        hear: (event) => heard.push(event),
      });
      assertEquals(heard.some(({ kind }) => kind === "head"), isFitted);
      // steps that change nothing leave what the regression knows
      const { accuracy } = await tells.evaluate(texts);
      if (isFitted) assert(accuracy > 0.6, `${accuracy}`);
      tells.destroy();
    }
    base.model.destroy();
  },
);

cpuTest("a model whose texts have no frame gets one where the head looks at [CLS]", async (device) => {
  for (
    const [preset, pool, framed] of [["bert", "mean", true], ["modernbert", "cls", true], [
      "modernbert",
      "mean",
      false,
    ]] as const
  ) {
    const base = smallBase(device, { preset, framed: false });
    const tells = await classifier(base, examples(4), { steps: 1, pool });
    assertEquals([preset, pool, tells.tokenizer.frame !== undefined], [preset, pool, framed]);
    const again = await loadClassifier(memoryFolder("framed", await tells.files()), { device });
    assertEquals(again.tokenizer.frame, tells.tokenizer.frame);
    for (const one of [tells, again, base.model]) one.destroy();
  }
});

cpuTest(
  "classifier() ends by its signal with the weights of the best look, without any with the latest",
  async (device) => {
    const base = smallBase(device);
    /** Weights of the head after an interrupt, which comes with an event. */
    const interrupted = async (
      kind: "steps" | "validation",
      { at, validation }: { at: number; validation: number },
    ) => {
      const controller = new AbortController();
      const hear = (event: ClassifierEvent) => {
        if (event.kind === kind && event.step === at) controller.abort();
      };
      const options = { steps: 90, evaluateEvery: 3, learningRate: 4e-3, validation, hear, signal: controller.signal };
      const tells = await classifier(base, examples(40), options);
      const { steps, isInterrupted, heldOut } = tells.training!;
      assertEquals({ steps, isInterrupted, heldOut }, { steps: at, isInterrupted: true, heldOut: undefined });
      const weights = String((await tells.model.readParameters()).get("classifier.output.weight"));
      tells.destroy();
      return weights;
    };
    const atLook = await interrupted("validation", { at: 6, validation: 0.2 });
    assertEquals(await interrupted("steps", { at: 9, validation: 0.2 }), atLook);
    const latest = await interrupted("steps", { at: 9, validation: 0 });
    assert(latest !== await interrupted("steps", { at: 6, validation: 0 }));
    base.model.destroy();
  },
);

cpuTest("classifier() that is interrupted before its first step says so", async (device) => {
  const base = smallBase(device);
  const tells = await classifier(base, examples(40), { signal: AbortSignal.abort() });
  assertEquals([tells.training!.steps, tells.training!.isInterrupted], [0, true]);
  for (const one of [tells, base.model]) one.destroy();
});
