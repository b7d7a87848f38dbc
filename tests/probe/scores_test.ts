import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { openCpuDevice } from "../../lib/device/cpu/open_cpu.ts";
import { majorityClass, mostFrequentTags } from "../../lib/probe/baselines.ts";
import { groupsOf } from "../../lib/labelled/equal_items.ts";
import { roundsOf, stratifiedFolds, stratifiedSample } from "../../lib/probe/folds.ts";
import { fitLogistic } from "../../lib/probe/logistic.ts";
import { emptyMatrix, rowOf } from "../../lib/probe/matrix.ts";
import { classesByNeighbours } from "../../lib/probe/neighbours.ts";
import { gramFeatures, textGrams, wordGrams } from "../../lib/probe/ngrams.ts";
import { differenceOf, scorer } from "../../lib/probe/scores.ts";
import { normal, random } from "../helpers/random.ts";

const own = (count: number) => Uint32Array.from({ length: count }, (_, i) => i);

Deno.test("scorer() gives accuracy and macro F1 as they are defined", () => {
  // class 0: 2 of 3 found, 1 of 3 said wrongly; class 1: 1 of 2, 1 of 2 wrongly; class 2: never right
  const truth = Uint32Array.of(0, 0, 0, 1, 1, 2);
  const score = scorer({ truth, clusters: own(6), classes: 4, seed: 1 });
  const { accuracy, macroF1 } = score(Uint32Array.of(0, 0, 1, 1, 0, 3)).score;
  assertEquals(accuracy.value, 3 / 6);
  // F1 = 2 right / (there + said); a class that is neither there nor said does not count
  assertAlmostEquals(macroF1.value, (4 / 6 + 2 / 4 + 0 / 1 + 0 / 1) / 4, 1e-12);
});

Deno.test("scorer() gives the standard error of a share, of clusters that of fewer, of pairs that of their difference", () => {
  const count = 900;
  const draw = random(7);
  const truth = Uint32Array.from({ length: count }, () => draw() < 0.5 ? 1 : 0);
  const predictions = truth.map((label) => draw() < 0.8 ? label : 1 - label);
  const score = scorer({ truth, clusters: own(count), classes: 2, seed: 1 });
  const { accuracy } = score(predictions).score;
  const expected = Math.sqrt(accuracy.value * (1 - accuracy.value) / count);
  // 300 resamplings know a deviation to 4 %; four times that
  assertAlmostEquals(accuracy.error / expected, 1, 0.17);
  assertEquals(
    score(predictions).score,
    scorer({ truth, clusters: own(count), classes: 2, seed: 1 })(predictions).score,
  );

  // nine times the same row is one that counts nine times
  const [nine, nineSaid] = [truth, predictions].map((labels) => labels.map((_, i) => labels[Math.floor(i / 9)]!));
  const clustered = scorer({ truth: nine!, clusters: own(count).map((i) => Math.floor(i / 9)), classes: 2, seed: 1 });
  const p = clustered(nineSaid!).score.accuracy;
  assertAlmostEquals(p.error / Math.sqrt(p.value * (1 - p.value) / (count / 9)), 1, 0.17);

  // another that errs in the same places and in one more of a hundred
  const other = predictions.map((label, i) => i % 100 === 0 ? 1 - truth[i]! : label);
  const difference = differenceOf(score(predictions), score(other));
  assert(difference.accuracy.value < 0 && difference.accuracy.error < 0.3 * accuracy.error);
  // 1 / (n + 1), the far end of Wilson's interval for none of n
  assertEquals(differenceOf(score(other), score(other)).accuracy, { value: 0, error: 1 / (count + 1) });
});

Deno.test("scorer() gives no error of 0 where all are right, and takes copies together", () => {
  const truth = Uint32Array.from({ length: 300 }, (_, i) => i % 10 < 5 ? 0 : 1);
  const options = { truth, classes: 2, seed: 1 };
  assertEquals(scorer({ ...options, clusters: own(300) })(truth).score.accuracy, { value: 1, error: 1 / 301 });
  // thirty copies of ten texts are ten texts
  const copies = scorer({ ...options, clusters: own(300).map((i) => i % 10), different: 10 });
  assertEquals(copies(truth).score, {
    accuracy: { value: 1, error: 1 / 11 },
    macroF1: { value: 1, error: 1 / 11 },
  });
  const wrong = truth.map((label, i) => i % 10 === 0 ? 1 - label : label);
  const { error } = copies(wrong).score.accuracy;
  assertAlmostEquals(error / Math.sqrt(0.9 * 0.1 / 10), 1, 0.17);
  assertEquals(differenceOf(copies(truth), copies(truth)).accuracy.error, 1 / 11);
});

Deno.test("stratifiedFolds() keeps the rows of a group together, and spreads the groups of each class", () => {
  const groups = Uint32Array.from({ length: 120 }, (_, i) => i % 40);
  const labels = groups.map((group) => group < 10 ? 1 : 0);
  const folds = stratifiedFolds(labels, { folds: 5, seed: 1, groups });
  assertEquals([...folds], [...groups].map((group) => folds[group]!));
  for (const label of [0, 1]) {
    const sizes = [0, 1, 2, 3, 4].map((fold) => labels.filter((own, i) => own === label && folds[i] === fold).length);
    assertEquals(new Set(sizes).size, 1, sizes.join());
  }
  assertEquals(
    stratifiedFolds(labels, { folds: 5, seed: 1, groups: own(120) }),
    stratifiedFolds(labels, { folds: 5, seed: 1 }),
  );
});

Deno.test("L2 and the number of neighbours are not chosen by copies of what is learned", async () => {
  const device = await openCpuDevice({ threads: 1 });
  // classes by chance, each row five times: what is known by heart tells nothing of others
  const [rows, columns] = [40, 8];
  const values = normal(rows * columns, { seed: 4 });
  const draw = random(5);
  const classes = Array.from({ length: rows }, () => draw() < 0.5 ? 0 : 1);
  const features = emptyMatrix(5 * rows, columns + 1);
  const groups = Uint32Array.from({ length: 5 * rows }, (_, i) => i % rows);
  for (const [i, group] of groups.entries()) {
    rowOf(features, i).set([...values.subarray(group * columns, (group + 1) * columns), 1]);
  }
  const labels = groups.map((group) => classes[group]!);
  const options = { features, labels, classes: 2, seed: 1 };
  const of = (groups?: Uint32Array) => fitLogistic(device, { ...options, bias: columns, groups });
  const [apart, copied] = [await of(groups), await of()];
  assert(apart.l2 > copied.l2 && apart.loss > copied.loss, `${apart.l2} ${copied.l2}`);
  const neighbours = async (groups?: Uint32Array) =>
    (await classesByNeighbours(device, { ...options, groups, wanted: features })).neighbours;
  assert(await neighbours(groups) > 1);
  assertEquals(await neighbours(), 1);
  device.destroy();
});

Deno.test("roundsOf() leaves out of what is learned the texts that a test of its own has too", () => {
  const texts = ["a", "b", "c", "d", "b", "e"];
  const labels = Uint32Array.of(0, 1, 0, 1, 1, 0);
  const options = { itemOf: own(6), labels, groups: groupsOf(texts), isWords: false, train: undefined, seed: 1 };
  assertEquals(roundsOf({ ...options, ownTest: 4 }), [{ train: [0, 2, 3], test: [4, 5] }]);
  assertEquals(roundsOf({ ...options, groups: groupsOf(["a", "b", "b", "a", "a", "b"]), ownTest: 4 }), []);
});

Deno.test("stratifiedFolds() spreads each class evenly", () => {
  const labels = Uint32Array.from({ length: 103 }, (_, i) => i % 10 === 0 ? 1 : 0);
  const folds = stratifiedFolds(labels, { folds: 5, seed: 1 });
  for (const label of [0, 1]) {
    const sizes = [0, 1, 2, 3, 4].map((fold) => labels.filter((own, i) => own === label && folds[i] === fold).length);
    assert(Math.max(...sizes) - Math.min(...sizes) <= 1, sizes.join());
  }
});

Deno.test("stratifiedSample() keeps the shares, and one of each class first", () => {
  const labels = Uint32Array.from({ length: 100 }, (_, i) => i < 70 ? 0 : i < 98 ? 1 : 2 + i - 98);
  const rows = Array.from({ length: 100 }, (_, i) => i);
  const counts = (count: number) => {
    const sample = stratifiedSample(labels, rows, { count, seed: 3 });
    assertEquals(new Set(sample).size, count);
    return [0, 1, 2, 3].map((label) => sample.filter((row) => labels[row] === label).length);
  };
  assertEquals(counts(4), [1, 1, 1, 1]);
  assertEquals(counts(20), [13, 5, 1, 1]);
  assertEquals(counts(100), [70, 28, 1, 1]);
});

Deno.test("roundsOf() tests few examples each once, of many a fifth, and never what is learned from, or equal to that", () => {
  for (const [items, count] of [[100, 5], [3500, 1]] as const) {
    // every third text is that before it once more
    const texts = Array.from({ length: items }, (_, i) => `text ${i % 3 === 2 ? i - 1 : i}`);
    const labels = Uint32Array.from({ length: items }, (_, i) => i % 2);
    const groups = groupsOf(texts);
    const options = { itemOf: own(items), labels, groups, isWords: false, ownTest: undefined, seed: 1 };
    const rounds = roundsOf({ ...options, train: undefined });
    assertEquals(rounds.length, count);
    for (const { train, test } of rounds) {
      assertEquals(train.length + test.length, items);
      const known = new Set(train.map((row) => texts[row]));
      assertEquals(test.filter((row) => known.has(texts[row])), []);
      assert(Math.abs(test.length - items / 5) < items / 20);
    }
    assertEquals(new Set(rounds.flatMap(({ test }) => test)).size, count === 5 ? items : rounds[0]!.test.length);
    const [few] = roundsOf({ ...options, train: 10 });
    assertEquals([few!.train.length, few!.test], [10, rounds[0]!.test]);
  }
});

Deno.test("roundsOf() keeps the words of a sentence together, and a test of its own apart", () => {
  const itemOf = Uint32Array.of(0, 0, 1, 1, 1, 2, 3, 3);
  const options = { itemOf, labels: new Uint32Array(8), groups: own(4), isWords: true, train: undefined, seed: 1 };
  for (const { test } of roundsOf({ ...options, ownTest: undefined })) {
    assertEquals(test, [...itemOf.keys()].filter((row) => test.some((other) => itemOf[other] === itemOf[row])));
  }
  assertEquals(roundsOf({ ...options, ownTest: 2 }), [{ train: [0, 1, 2, 3, 4], test: [5, 6, 7] }]);
});

Deno.test("majorityClass() and mostFrequentTags() say what most rows have", () => {
  const words = ["a", "a", "a", "b", "b", "c"];
  const labels = Uint32Array.of(0, 1, 1, 0, 2, 0);
  const round = { train: [0, 1, 2, 3, 5], test: [4, 2] };
  assertEquals(majorityClass(labels, round), Uint32Array.of(0, 0));
  assertEquals(mostFrequentTags(labels, round, (row) => words[row]!), Uint32Array.of(0, 1));
  assertEquals(mostFrequentTags(labels, { train: [0, 3], test: [5] }, (row) => words[row]!), Uint32Array.of(0));
});

Deno.test("classesByNeighbours() asks the nearest by the cosine, as many as foretell best", async () => {
  const device = await openCpuDevice({ threads: 1 });
  const [rows, columns, classes] = [90, 6, 3];
  const values = normal((rows + 20) * columns, { seed: 2 });
  const [known, wanted] = [emptyMatrix(rows, columns), emptyMatrix(20, columns)];
  const labels = Uint32Array.from({ length: rows + 20 }, (_, i) => i % classes);
  for (let i = 0; i < rows + 20; i++) {
    const row = i < rows ? rowOf(known, i) : rowOf(wanted, i - rows);
    for (let k = 0; k < columns; k++) row[k] = values[i * columns + k]! + (labels[i] === k ? 1.5 : 0);
  }
  const options = { features: known, labels: labels.subarray(0, rows), classes, wanted, seed: 1 };
  const { predictions, neighbours } = await classesByNeighbours(device, options);
  device.destroy();
  const cosine = (a: Float32Array, b: Float32Array) => {
    const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, value, i) => sum + value * y[i]!, 0);
    return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
  };
  const expected = Uint32Array.from({ length: 20 }, (_, i) => {
    const order = [...own(rows)].sort((a, b) =>
      cosine(rowOf(known, b), rowOf(wanted, i)) - cosine(rowOf(known, a), rowOf(wanted, i))
    ).slice(0, neighbours).map((row) => labels[row]!);
    const votes = (label: number) => order.filter((other) => other === label).length;
    return order.find((label) => votes(label) === Math.max(...order.map(votes)))!;
  });
  assertEquals(predictions, expected);
  assert(neighbours > 1, "one neighbour is too few where classes overlap");
});

Deno.test("gramFeatures() tells texts and words by their characters, of a length that does not depend on theirs", () => {
  const texts = ["abc abc abc", "abc", "xyz", "xyz xyz", "abc xyz"];
  const { features, bias } = gramFeatures(texts.map(textGrams), [0, 1, 2, 3]);
  const dot = (a: number, b: number) => {
    const [x, y] = [rowOf(features, a).subarray(0, bias), rowOf(features, b).subarray(0, bias)];
    return x.reduce((sum, value, i) => sum + value * y[i]!, 0) / bias;
  };
  for (const i of texts.keys()) {
    assertAlmostEquals(dot(i, i), 1, 1e-5);
    assertEquals(rowOf(features, i)[bias], 1);
  }
  assert(dot(0, 1) > 0.8 && dot(2, 3) > 0.8 && dot(0, 2) < 0.1);
  const sentence = ["the", "run", "runs", "run"];
  const words = gramFeatures(sentence.map((_, i) => wordGrams(sentence, i)), [0, 1, 2, 3]).features;
  // the same word beside others is not the same
  assert(rowOf(words, 1).some((value, i) => value !== rowOf(words, 3)[i]));
});
