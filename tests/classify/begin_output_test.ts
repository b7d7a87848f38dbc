import { assert, assertAlmostEquals, assertEquals, assertLess, assertRejects } from "@std/assert";
import { beginOutput } from "../../lib/classify/begin_output.ts";
import { cutWords, type Example } from "../../lib/classify/examples.ts";
import { classificationPrograms, pieceLogits, pieceRows, softmax } from "../../lib/classify/predict_pieces.ts";
import { withNewHead } from "../../lib/classify/start.ts";
import type { TextModel } from "../../lib/evaluate/text_model.ts";
import { compileClassFeatures } from "../../lib/model/classification_program.ts";
import { programCache } from "../../lib/model/program_cache.ts";
import type { TextShape } from "../../lib/model/text_inputs.ts";
import { cpuTest, kindTest } from "../helpers/devices.ts";
import { random } from "../helpers/random.ts";
import { smallBase } from "../helpers/small_base.ts";

/** Sentences of words of three classes, with chance in them; `classes`: the numbers that they have. */
function sentences({ tokenizer }: TextModel, { count, classes = [0, 1, 2] }: { count: number; classes?: number[] }) {
  const next = random(5);
  return Array.from({ length: count }, (): Example => {
    const words = Array.from({ length: 5 }, () => "abcdef"[Math.floor(next() * 6)]!.repeat(1 + Math.floor(next() * 3)));
    const labels = words.map(([letter]) => classes[next() < 0.2 ? 0 : "abcdef".indexOf(letter!) % 3]!);
    const [piece] = cutWords(tokenizer, words, 32);
    return { ...piece!, labels: Uint32Array.from(labels), weights: new Float32Array(5).fill(1) };
  });
}

const headOf = async (base: TextModel, classes: string[]) =>
  await withNewHead(base, { head: { of: "token", classes, pool: "mean", dropout: 0.5 }, dropout: 0, seed: 3 });

async function outputOf({ model }: TextModel) {
  const values = await model.readParameters();
  return { weight: values.get("classifier.output.weight")!, bias: values.get("classifier.output.bias")! };
}

/** Probabilities that a model gives to the classes of each label's row. */
async function probabilitiesOf(base: TextModel, examples: readonly Example[]): Promise<Float64Array[]> {
  const programs = classificationPrograms(base.model);
  const logits = await pieceLogits(examples, { ...base, programs });
  await programs.clear();
  return logits.flat().map(softmax);
}

for (const preset of ["bert", "modernbert"] as const) {
  kindTest(`beginOutput() gives a ${preset} head the regression on what it reads`, async (device) => {
    const base = smallBase(device, { preset, maxLength: 32 });
    const tells = await headOf(base, ["x", "y", "z"]);
    const examples = sentences(tells, { count: 30 });
    const labels = examples.flatMap(({ labels }) => [...labels]);
    const lossOf = (all: Float64Array[]) =>
      all.reduce((sum, p, i) => sum - Math.log(p[labels[i]!]!), 0) / labels.length;
    const before = lossOf(await probabilitiesOf(tells, examples));
    const shares: number[] = [];
    await beginOutput(tells, examples, { seed: 1, progress: (share) => shares.push(share) });
    const after = await probabilitiesOf(tells, examples);
    assertLess(lossOf(after), Math.min(0.75 * before, Math.log(3)));
    // there is no L2 on biases, so that in the optimum each class is as probable as it is frequent
    for (const label of [0, 1, 2]) {
      const mean = after.reduce((sum, p) => sum + p[label]!, 0) / after.length;
      assertAlmostEquals(mean, labels.filter((one) => one === label).length / labels.length, 0.01);
    }
    assertEquals([shares[0], shares.at(-1)], [0, 1]);
    // logits are the product of those features, in float64
    const programs = programCache((shape: TextShape) => compileClassFeatures(tells.model, shape));
    const { width } = tells.model.config;
    const rows = await pieceRows(examples, { ...tells, programs, columns: width, resultOf: (one) => one.features });
    await programs.clear();
    const { weight, bias } = await outputOf(tells);
    for (const [i, row] of rows.flat().entries()) {
      const logits = Array.from(bias, (b, c) => row.reduce((sum, x, j) => sum + x * weight[c * width + j]!, b));
      softmax(logits).forEach((p, c) => assertAlmostEquals(after[i]![c]!, p, 1e-5));
    }
    for (const one of [tells.model, base.model]) one.destroy();
  });
}

cpuTest(
  "beginOutput() leaves classes without an example unlikely, and shifts those that weigh more",
  async (device) => {
    const base = smallBase(device, { maxLength: 32 });
    const classes = ["w", "x", "y", "z", "v"];
    const [plain, weighed] = [await headOf(base, classes), await headOf(base, classes)];
    const examples = sentences(plain, { count: 20, classes: [1, 2, 4] });
    await beginOutput(plain, examples, { seed: 1 });
    await beginOutput(weighed, examples, { seed: 1, weights: Float32Array.of(0, 1, 4, 0, 1) });
    const all = await probabilitiesOf(plain, examples);
    const meanOf = (label: number) => all.reduce((sum, p) => sum + p[label]!, 0) / all.length;
    const rarest = Math.min(...[1, 2, 4].map(meanOf));
    for (const absent of [0, 3]) assertLess(meanOf(absent), 1.001 * rarest);
    const [a, b] = [await outputOf(plain), await outputOf(weighed)];
    assertAlmostEquals(b.bias[2]! - a.bias[2]!, Math.log(4), 1e-5);
    assertEquals([b.bias[1], b.bias[4]], [a.bias[1], a.bias[4]]);
    // where the features tell nothing, by how often a class is seen
    const same = [0, 1, 0, 0].map((label): Example => ({
      ...examples[0]!,
      rows: Uint32Array.of(1),
      labels: Uint32Array.of(label),
      weights: Float32Array.of(1),
    }));
    await beginOutput(plain, same, { seed: 1 });
    const [p] = await probabilitiesOf(plain, same);
    assert(p![0]! > p![1]! && [2, 3, 4].every((absent) => p![absent]! < 1.001 * p![1]!), String(p));
    for (const { model } of [plain, weighed, base]) model.destroy();
  },
);

cpuTest("beginOutput() changes nothing where there is one class, or it is ended", async (device) => {
  const base = smallBase(device, { maxLength: 32 });
  const tells = await headOf(base, ["x", "y"]);
  const before = await outputOf(tells);
  await beginOutput(tells, sentences(tells, { count: 4, classes: [1, 1, 1] }), { seed: 1 });
  await beginOutput(tells, [], { seed: 1 });
  const end = () => {
    throw new DOMException("ended", "AbortError");
  };
  await assertRejects(
    () => beginOutput(tells, sentences(tells, { count: 4, classes: [0, 1, 1] }), { seed: 1, progress: end }),
    DOMException,
  );
  assertEquals(await outputOf(tells), before);
  for (const { model } of [tells, base]) model.destroy();
});

cpuTest("beginOutput() learns from some of many labels, and from each class", async (device) => {
  const base = smallBase(device, { maxLength: 32 });
  const classes = Array.from({ length: 12 }, (_, i) => `class ${i}`);
  const tells = await headOf(base, classes);
  const some = sentences(tells, { count: 500 });
  const rare = some.slice(0, 9).map((one, i): Example => ({ ...one, labels: one.labels.with(2, 3 + i) }));
  await beginOutput(tells, [...Array.from({ length: 12 }, () => some).flat(), ...rare], { seed: 1 });
  const all = await probabilitiesOf(tells, some);
  const labels = some.flatMap(({ labels }) => [...labels]);
  const right = all.filter((p, i) => p.indexOf(Math.max(...p)) === labels[i]).length;
  assert(right > 0.75 * labels.length, `${right} of ${labels.length}`);
  const { weight } = await outputOf(tells);
  const { width } = tells.model.config;
  const isFitted = (label: number) => weight.subarray(label * width, (label + 1) * width).some((value) => value !== 0);
  assertEquals(classes.filter((_, label) => !isFitted(label)), []);
  for (const { model } of [tells, base]) model.destroy();
});
