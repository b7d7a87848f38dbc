// What probe() says of models, from examples to a table's figures.
import { assert, assertEquals, assertGreater, assertLess, assertRejects } from "@std/assert";
import { openCpuDevice } from "../../lib/device/cpu/open_cpu.ts";
import type { TextModel } from "../../lib/evaluate/text_model.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { createModel } from "../../lib/model/model.ts";
import { gathered, type LabelledExample } from "../../lib/probe/examples.ts";
import { probe, type ProbeOptions } from "../../lib/probe/probe.ts";
import type { Probed } from "../../lib/probe/probed.ts";
import { random } from "../helpers/random.ts";
import { vocabularies } from "../helpers/vocabularies.ts";

const tokenizer = (await vocabularies())["framed wordpiece"]!;
const config = modelConfig({ vocab: tokenizer.size, layers: 1, width: 16, heads: 2, maxLength: 32, preset: "bert" });

async function withModel<T>(use: (model: TextModel) => Promise<T>): Promise<T> {
  const device = await openCpuDevice({ threads: 1 });
  const model = createModel(device, config, { seed: 5 });
  try {
    return await use({ model, tokenizer });
  } finally {
    model.destroy();
    device.destroy();
  }
}

const draw = random(3);
const pick = (words: readonly string[]) => words[Math.floor(draw() * words.length)]!;
/** Texts whose class is one word of many. */
const texts = Array.from({ length: 90 }, (_, i) => {
  const label = i % 3 === 0 ? "garden" : "ball";
  const words = Array.from({ length: 5 }, () => pick(["the", "is", "in", "red", "kite", "where"]));
  words.splice(Math.floor(draw() * 5), 0, label);
  return { text: `${words.join(" ")} ${i}`, label, source: `line ${i + 1}` };
});
/** Sentences in which a word's tag is another after "the". */
const sentences = Array.from({ length: 25 }, () => {
  const words = Array.from({ length: 6 }, () => pick(["the", "ball", "kite", "is"]));
  const tags = words.map((word, i) => words[i - 1] === "the" ? `${word}-the` : word);
  return { words, tags, source: "" };
});

const run = (examples: readonly LabelledExample[], options: ProbeOptions = {}) =>
  withModel((model) => probe(model, examples, options));
const accuracyOf = ({ results }: Probed, kind: string) =>
  results.find((one) => one.kind === kind)!.score.accuracy.value;

Deno.test("probe() tells classes that words tell, beside what does without the model", async () => {
  const probed = await run(texts, { layers: "all" });
  const { classes, what, learned, tested, rounds, results, best } = probed;
  assertEquals([classes, what, learned, tested, rounds], [["ball", "garden"], "texts", 72, 90, 5]);
  assertEquals(
    results.map(({ kind, layer, pool }) => [kind, layer, pool].filter((part) => part !== undefined).join(" ")),
    [
      ...["0 mean", "0 cls", "1 mean", "1 cls"].flatMap((
        vectors,
      ) => [`regression ${vectors}`, `neighbours ${vectors}`]),
      "random 0 mean",
      "random 1 mean",
      "ngrams",
      "majority",
    ],
  );
  assertEquals(accuracyOf(probed, "majority"), 2 / 3);
  assertGreater(results[best[0]!]!.score.accuracy.value, 0.9);
  assertGreater(accuracyOf(probed, "ngrams"), 0.9);
  // the embedding of [CLS] is the same in all texts
  const empty = results.find(({ kind, layer, pool }) => kind === "regression" && layer === 0 && pool === "cls")!;
  assertEquals(empty.score.accuracy.value, 2 / 3);
  const losses = results.flatMap(({ kind, loss }) => kind === "regression" ? [loss!] : []);
  assertEquals(results[best[0]!]!.loss, Math.min(...losses));
  assertEquals(await run(texts, { layers: "all" }), probed);
});

Deno.test("probe() tells tags that depend on other words, which the word alone does not", async () => {
  const probed = await run(sentences);
  assertEquals([probed.what, probed.tested, probed.classes.length], ["words", 150, 8]);
  assert(probed.results.every(({ pool }) => pool === undefined));
  assertLess(accuracyOf(probed, "frequent"), 0.85);
  assertGreater(accuracyOf(probed, "regression"), accuracyOf(probed, "majority") + 0.3);
  assertGreater(accuracyOf(probed, "ngrams"), 0.9);
});

Deno.test("probe() compares two models on the same examples, like with like", async () => {
  await withModel(async (model) => {
    const other = createModel(model.model.device, config, { seed: 6 });
    const probed = await probe([model, { model: other, tokenizer }], texts, { pools: ["mean"], baselines: false });
    assertEquals(probed.results.map(({ kind, model }) => `${kind} ${model}`), [
      "regression 0",
      "neighbours 0",
      "regression 1",
      "neighbours 1",
    ]);
    assertEquals(probed.differences.map(({ less, from }) => [less, from]), [[0, 2], [1, 3]]);
    const [{ accuracy }] = probed.differences as [Probed["differences"][number]];
    const [first, , second] = probed.results;
    assertEquals(accuracy.value, second!.score.accuracy.value - first!.score.accuracy.value);
    const same = await probe([model, model], texts, { pools: ["mean"], baselines: false });
    assertEquals(same.differences.map(({ accuracy }) => accuracy), Array(2).fill({ value: 0, error: 1 / 91 }));
    other.destroy();
  });
});

Deno.test("probe() learns from as few as is said, and tests on a test of its own", async () => {
  const [learned, test] = [texts.slice(0, 60), texts.slice(60)];
  const unknown = { text: "a red ball", label: "kite", source: "" };
  const probed = await run(learned, { test: [...test, unknown], train: 8 });
  assertEquals([probed.rounds, probed.learned, probed.tested, probed.classes], [1, 8, 31, ["ball", "garden", "kite"]]);
  assertEquals(probed.notes, [
    "kite: no text to learn from has this class, so 1 text of the test cannot be right",
  ]);
  const more = await run(learned, { test, train: 4000, baselines: false });
  assertEquals(more.notes, ["there are only 60 texts to learn from, where 4,000 were wanted"]);
  const same = Array.from({ length: 40 }, (_, i) => ({ ...texts[0]!, label: `${i % 2}` }));
  await assertRejects(
    () => run(same, {}),
    RangeError,
    "to learn from some and test others; 40 texts, all of them equal",
  );
});

Deno.test("probe() says where equal texts were left out, and where there are too few to tell anything", async () => {
  const options = { baselines: false, pools: ["mean"] } as const;
  const both = await run(texts, { ...options, test: texts.slice(60) });
  assertEquals([both.learned, both.notes], [60, [
    "30 texts to learn from are in the test too and are left out of what is learned",
  ]]);
  await assertRejects(() => run(texts, { ...options, test: texts }), RangeError, "is in the test too");
  const copies = await run(Array.from({ length: 60 }, (_, i) => texts[i % 6]!), options);
  assertEquals([copies.tested, copies.different], [60, 6]);
  assertEquals(copies.notes, [
    "too few to tell anything: 6 different texts are tested, and it takes 20 at least",
  ]);
  assert(copies.results.every(({ score }) => score.accuracy.error >= 1 / 7));
  assertEquals((await run(texts, { ...options, train: 1 })).notes, [
    "30 texts of 90 that are tested cannot be right: nothing that is learned from has their class",
    "too few to tell anything: 1 different text is learned from, of 2 classes",
  ]);
});

Deno.test("probe() tells of classes with one example, of texts that were cut, and of examples that were left out", async () => {
  const single = { text: `${"the ball is in the garden ".repeat(9)}`, label: "kite", source: "" };
  const { notes, tested } = await run([...texts, single], { most: 80 });
  assertEquals(tested, 80);
  assert(notes.includes("80 of 91 texts are used, drawn at random"), notes.join("\n"));
  const all = await run([...texts, single], { baselines: false });
  assertEquals(all.notes, [
    "1 class has one example only: kite",
    "1 text of 91 that are tested cannot be right: nothing that is learned from has its class",
    "1 text longer than 32 tokens was cut off; --windows reads them whole and averages the vectors of their windows",
  ]);
  assertEquals((await run([...texts, single], { baselines: false, windows: true })).notes.length, 2);
});

Deno.test("probe() says how much of a test is of classes that nothing that is learned from has", async () => {
  const odd = { text: "the hat", label: "odd", source: "" };
  const { notes, tested } = await run([...texts, odd], { baselines: false });
  assert(
    notes.includes(`1 text of ${tested} that are tested cannot be right: nothing that is learned from has its class`),
    notes.join("; "),
  );
  // equal texts stay on one side, so that nothing is left to learn from
  const same = Array.from(
    { length: 24 },
    (_, i) => ({ text: i % 2 ? "a ball" : "a kite", label: `${i % 2}`, source: "" }),
  );
  await assertRejects(() => run(same), RangeError, "of 2 different texts no two have a class in common");
  await assertRejects(
    () => run(texts, { test: [odd] }),
    RangeError,
    "Cannot probe: no text of the test has a class that is learned from",
  );
});

Deno.test("probe() refuses what cannot be learned", async () => {
  const wrong: readonly (readonly [readonly LabelledExample[], ProbeOptions, string])[] = [
    [[], {}, "there is no text with a label"],
    [texts.slice(0, 1), {}, "the only label is"],
    [texts.filter(({ label }) => label === "ball"), {}, 'the only label is "ball"'],
    [texts.map((text, i) => ({ ...text, label: String(i * 0.7) })), {}, "they look like amounts"],
    [texts, { layers: [2] }, "Cannot probe layer 2: this model's layers are 1 to 1, and 0 for its embeddings"],
    [[texts[0]!, texts[1]!].map((text) => ({ ...text, text: "the same" })), {}, "there are too few examples"],
  ];
  for (const [examples, options, sentence] of wrong) {
    await assertRejects(() => run(examples, options), RangeError, sentence);
  }
  await assertRejects(() => run([...texts, ...sentences]), TypeError, "all examples must be of one kind");
});

Deno.test("gathered() keeps a sample of a stream that does not depend on how much is held at once", async () => {
  const stream = (count: number) =>
    (async function* () {
      for (let i = 0; i < count; i++) {
        yield await Promise.resolve({
          text: `text ${i}`,
          label: String(i % 2),
          source: "",
        });
      }
    })();
  const { items, rows, labels } = await gathered(stream(5000), { most: 100, seed: 1 });
  assertEquals([rows, labels.length], [100, 100]);
  const numbers = items.map((item) => Number((item as string).slice(5)));
  assertEquals(numbers, [...numbers].sort((a, b) => a - b));
  // drawn from all of it: the mean of a hundred of 5,000 numbers has a deviation of 144
  const mean = numbers.reduce((sum, number) => sum + number, 0) / 100;
  assert(Math.abs(mean - 2500) < 4 * 144, String(mean));
});
