import { assert, assertAlmostEquals, assertEquals, assertLess } from "@std/assert";
import { batcher, passBatches } from "../../lib/classify/batches.ts";
import { cutText, type Example } from "../../lib/classify/examples.ts";
import { scoreCounter } from "../../lib/classify/scores.ts";
import { balancedWeights, fineTuneSettings, rateAt, validationShare } from "../../lib/classify/settings.ts";
import { splitExamples } from "../../lib/classify/split.ts";
import { bertFrame } from "../../lib/tokenizer/special_tokens.ts";
import { characterTokenizer } from "../../lib/tokenizer/character.ts";

Deno.test("splitExamples() holds the same share of each class out, never all of one, the same for a seed", () => {
  const classes = [...Array(100).fill(0), ...Array(20).fill(1), 2, 3, 3];
  const { training, validation } = splitExamples(classes, { share: 0.1, seed: 1 });
  assertEquals(training.length + validation.length, 123);
  const held = [0, 1, 2, 3].map((c) => validation.filter((i) => classes[i] === c).length);
  assertEquals(held.slice(0, 3), [10, 2, 0]);
  assertLess(held[3]!, 2);
  assertEquals(splitExamples(classes, { share: 0.1, seed: 1 }).validation, validation);
  assert(String(splitExamples(classes, { share: 0.1, seed: 2 }).validation) !== String(validation));
  // many classes with two examples each
  const pairs = Array.from({ length: 200 }, (_, i) => i >> 1);
  assertEquals(splitExamples(pairs, { share: 0.1, seed: 1 }).validation.length, 20);
});

Deno.test("splitExamples() never has equal examples on both sides, and holds out about as many", () => {
  const classes = Array.from({ length: 400 }, (_, i) => i % 2);
  // a third of the examples are one that is repeated
  const groups = classes.map((_, i) => i % 3 === 0 ? i % 6 : i);
  const { training, validation } = splitExamples(classes, { share: 0.2, seed: 1, groups: Uint32Array.from(groups) });
  const learned = new Set(training.map((i) => groups[i]));
  assertEquals(validation.filter((i) => learned.has(groups[i]!)), []);
  assertEquals(training.length + validation.length, 400);
  assert(Math.abs(validation.length - 80) < 35, String(validation.length));
  const options = { share: 0.2, seed: 1 };
  const all = Uint32Array.from(classes.keys());
  assertEquals(splitExamples(classes, { ...options, groups: all }), splitExamples(classes, options));
  // of one text of each class nothing can be held out
  const two = Uint32Array.from(classes);
  assertEquals(splitExamples(classes, { ...options, groups: two }).validation, []);
});

Deno.test("scoreCounter() takes equal texts for one", () => {
  const [apart, copies] = [scoreCounter(["a", "b"]), scoreCounter(["a", "b"])];
  for (let i = 0; i < 300; i++) {
    const predicted = i % 10 === 0 ? "b" : "a";
    if (i < 10) apart.add(["a"], [predicted], `text ${i}`);
    copies.add(["a"], [predicted], `text ${i % 10}`);
  }
  const [few, many] = [apart.score(), copies.score()];
  assertEquals([few.count, few.different, many.count, many.different], [10, 10, 300, 10]);
  assertAlmostEquals(many.error, few.error, 1e-12);
  const right = scoreCounter(["a", "b"]);
  for (let i = 0; i < 30; i++) right.add(["a"], ["a"], String(i % 9));
  assertEquals(right.score().error, 1 / 10);
});

Deno.test("fineTuneSettings() goes through few examples often and through many a few times", () => {
  const of = (examples: number) => fineTuneSettings({ examples, width: 128 });
  assertEquals([16, 160, 3200, 100_000].map((n) => [of(n).batch, of(n).steps]), [[16, 100], [16, 200], [32, 300], [
    32,
    9375,
  ]]);
  const watched = (examples: number) => fineTuneSettings({ examples, width: 128, isWatched: true }).steps;
  assertEquals([32, 160, 3200, 100_000].map(watched), [200, 600, 600, 9375]);
  assertAlmostEquals(of(16).learningRate, 3e-4, 1e-12);
  assertEquals(fineTuneSettings({ examples: 100, width: 768 }).learningRate, 5e-5);
  assertEquals(fineTuneSettings({ examples: 100, width: 16 }).learningRate, 1e-3);
  assertEquals(fineTuneSettings({ examples: 100, width: 768 }, { epochs: 2 }).steps, 14);
  assertEquals(fineTuneSettings({ examples: 100, width: 768 }, { batch: 5000 }).batch, 100);
  assertEquals([39, 40, 499, 500].map(validationShare), [0, 0.2, 0.2, 0.1]);
});

Deno.test("rateAt() rises in a straight line and falls to nothing", () => {
  const settings = fineTuneSettings({ examples: 100, width: 768 }, { steps: 20, learningRate: 1 });
  const rates = Array.from({ length: 20 }, (_, step) => rateAt(step, settings));
  assertEquals(rates.slice(0, 2), [0.5, 1]);
  assertLess(rates[19]!, 0.06);
  assert(rates.slice(2).every((rate, i) => rate > 0 && rate < rates[i + 1]!));
});

Deno.test("balancedWeights() makes all classes count the same, and 1 on average", () => {
  const counts = [90, 10, 0];
  const weights = balancedWeights(counts);
  assertEquals([...weights].map((w, i) => Math.round(1e4 * w * counts[i]!) / 1e4), [50, 50, 0]);
});

const example = (length: number): Example => ({
  ids: new Uint32Array(length).fill(5),
  labels: Uint32Array.of(length % 2),
  weights: Float32Array.of(0.5),
});

Deno.test("batches hold every example once a pass, like lengths together, in few shapes", () => {
  const examples = Array.from({ length: 101 }, (_, i) => example(1 + i * 7 % 60));
  const batches = [...passBatches(examples, { batch: 8, seed: 1, epoch: 0 })];
  assertEquals(new Set(batches.flat()).size, 101);
  assert(
    String(batches.flat().map(({ ids }) => ids.length)) !==
      String([...passBatches(examples, { batch: 8, seed: 1, epoch: 1 })].flat().map(({ ids }) => ids.length)),
  );
  const { parts } = batcher(examples, { config: { layers: 2, width: 32, maxLength: 61 }, padding: 0, batch: 8 });
  const shapes = new Set<string>();
  for (const batch of batches) {
    const all = parts(batch);
    assertEquals(all.reduce((sum, { windows }) => sum + windows, 0), batch.length);
    assertEquals(all.reduce((sum, { weight }) => sum + weight, 0), batch.length / 2);
    for (const { shape, length, windows } of all) {
      shapes.add(`${shape.windows} ${shape.length}`);
      assert(length === shape.length && length <= 61 && windows <= shape.windows);
    }
  }
  assertLess(shapes.size, 5);
  // a large model takes a batch in parts
  const large = { layers: 24, width: 4096, maxLength: 61 };
  const some = batcher(examples, { config: large, padding: 0, batch: 8 }).parts(batches[0]!);
  assertLess(1, some.length);
});

Deno.test("cutText() cuts a text off, or into pieces of nearly the same length", () => {
  const letters = characterTokenizer("abcdef ");
  const tokenizer = { ...letters, frame: bertFrame(letters.special)! };
  const text = "abcdef".repeat(4);
  const [cut] = cutText(tokenizer, text, { longest: 12 }).pieces;
  assertEquals([cut!.ids.length, cut!.ids[0], cut!.ids.at(-1)], [
    12,
    letters.special["[CLS]"],
    letters.special["[SEP]"],
  ]);
  assertEquals(cutText(tokenizer, text, { longest: 12 }).omitted, 14);
  const { pieces, omitted } = cutText(tokenizer, text, { longest: 12, windows: true });
  assertEquals([pieces.map(({ ids }) => ids.length), omitted], [[10, 10, 10], 0]);
  assertEquals(pieces.map(({ ids }) => letters.decode(ids.slice(1, -1))).join(""), text);
  assertEquals(cutText(letters, "", { longest: 12 }).pieces[0]!.ids, Uint32Array.of(letters.special["[UNK]"]!));
});

Deno.test("scoreCounter() counts right ones, F1 and mistakes, also of classes that are unknown", () => {
  const counter = scoreCounter(["a", "b", "c"]);
  const pairs = [["a", "a"], ["a", "a"], ["a", "b"], ["b", "b"], ["new", "a"]];
  for (const [label, predicted] of pairs) counter.add([label!], [predicted!]);
  const score = counter.score();
  assertEquals([score.count, score.accuracy, score.unknown], [5, 0.6, ["new"]]);
  // 2·2 / (3 + 3), 2·1 / (1 + 2), 0; c is neither there nor told
  assertEquals(score.classes.map(({ label, f1 }) => [label, f1]), [["a", 2 / 3], ["b", 2 / 3], ["new", 0]]);
  assertEquals(score.macroF1, (2 / 3 + 2 / 3) / 3);
  assertEquals(score.classes[0], { label: "a", count: 3, precision: 2 / 3, recall: 2 / 3, f1: 2 / 3 });
  assertEquals(score.confusions, [{ label: "a", predicted: "b", count: 1 }, {
    label: "new",
    predicted: "a",
    count: 1,
  }]);
  assertEquals(Math.round(1e6 * score.error), Math.round(1e6 * Math.sqrt(0.6 * 0.4 / 5)));
});

Deno.test("the error of an accuracy takes the words of a sentence together, and is never nothing", () => {
  const [apart, together, all] = [scoreCounter(["a", "b"]), scoreCounter(["a", "b"]), scoreCounter(["a", "b"])];
  for (let i = 0; i < 20; i++) {
    const predicted = i % 2 === 0 ? "a" : "b";
    for (let word = 0; word < 5; word++) apart.add(["a"], [predicted]);
    together.add(Array(5).fill("a"), Array(5).fill(predicted));
    all.add(["a"], ["a"]);
  }
  assertEquals(apart.score().accuracy, together.score().accuracy);
  assertEquals(Math.round(1e6 * together.score().error / apart.score().error), Math.round(1e6 * Math.sqrt(5)));
  assertLess(0.03, all.score().error);
});
