// Logistic regression on frozen features: its products on every device, and what it finds.
import { assert, assertAlmostEquals, assertEquals, assertGreater } from "@std/assert";
import { openCpuDevice } from "../../lib/device/cpu/open_cpu.ts";
import { cholesky } from "../../lib/inference/cholesky.ts";
import { hostSoftmaxProblem } from "../../lib/probe/host_softmax.ts";
import { fitLogistic, predictLogistic } from "../../lib/probe/logistic.ts";
import { emptyMatrix, type Matrix, scaled, scalingOf } from "../../lib/probe/matrix.ts";
import { minimize } from "../../lib/probe/minimize.ts";
import { LEFT_OUT, softmaxProblem } from "../../lib/probe/softmax.ts";
import { sparseSoftmaxProblem } from "../../lib/probe/sparse_softmax.ts";
import { assertClose } from "../helpers/assert_close.ts";
import { deviceTest } from "../helpers/devices.ts";
import { normal, random } from "../helpers/random.ts";

/** Rows that belong to classes around as many centres, with the column of ones behind. */
function clouds(
  { rows, columns, classes, apart, seed }: Record<"rows" | "columns" | "classes" | "apart" | "seed", number>,
) {
  const centres = normal(classes * columns, { seed: seed + 1, scale: apart });
  const noise = normal(rows * columns, { seed: seed + 2 });
  const draw = random(seed);
  const labels = Uint32Array.from({ length: rows }, () => Math.floor(classes * draw()));
  const matrix = emptyMatrix(rows, columns);
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < columns; k++) {
      matrix.values[i * matrix.columns + k] = noise[i * columns + k]! + centres[labels[i]! * columns + k]!;
    }
  }
  return { features: scaled(matrix, scalingOf(matrix)), labels, classes, bias: matrix.columns };
}

/** Mean cross-entropy in float64, by its formula. */
function crossEntropy({ rows, columns, values }: Matrix, labels: Uint32Array, weights: Float64Array): number {
  let [sum, count] = [0, 0];
  for (let i = 0; i < rows; i++) {
    if (labels[i] === LEFT_OUT) continue;
    const logits = Array.from(
      { length: weights.length / columns },
      (_, c) =>
        values.subarray(i * columns, (i + 1) * columns).reduce((sum, x, k) => sum + x * weights[c * columns + k]!, 0),
    );
    sum += Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0)) - logits[labels[i]!]!;
    count++;
  }
  return sum / count;
}

for (const classes of [2, 7]) {
  const { features, labels } = clouds({ rows: 37, columns: 9, classes, apart: 1, seed: 5 });
  const some = labels.map((label, i) => i % 5 === 0 ? LEFT_OUT : label);
  const weights = Float64Array.from(normal(classes * features.columns, { seed: 9, scale: 0.5 }));

  Deno.test(`hostSoftmaxProblem() gives the loss of ${classes} classes and its gradient`, async () => {
    const host = hostSoftmaxProblem(features, classes);
    const { value, gradient } = await host.gradient(weights, some);
    assertClose([value], [crossEntropy(features, some, weights)], { atol: 1e-12, rtol: 1e-12 });
    const differences = weights.map((_, i) => {
      const at = (h: number) => crossEntropy(features, some, weights.map((w, j) => i === j ? w + h : w));
      return (at(1e-5) - at(-1e-5)) / 2e-5;
    });
    // the difference quotient is good to the square of its step
    assertClose(gradient, differences, { atol: 1e-8, rtol: 1e-6 });
    const { predictions } = await host.evaluate(weights, some);
    assertEquals(predictions.length, 37);
  });

  Deno.test(`sparseSoftmaxProblem() gives what hostSoftmaxProblem() does for ${classes} classes`, async () => {
    const draw = random(3);
    const few = { ...features, values: features.values.map((value) => draw() < 0.9 ? 0 : value) };
    const [host, sparse] = [hostSoftmaxProblem(few, classes), sparseSoftmaxProblem(few, classes)];
    for (const factor of [1, 1000]) {
      const scaledWeights = weights.map((weight) => factor * weight);
      const [expected, actual] = [
        await host.gradient(scaledWeights, some),
        await sparse.gradient(scaledWeights, some),
      ];
      assertClose([actual.value], [expected.value], { atol: 1e-12, rtol: 1e-12 });
      assertClose(actual.gradient, expected.gradient, { atol: 1e-12, rtol: 1e-12 });
      assertEquals(await sparse.evaluate(scaledWeights, some), await host.evaluate(scaledWeights, some));
    }
    assertClose(await sparse.gram(), await host.gram(), { atol: 1e-12, rtol: 1e-12 });
  });

  deviceTest(`softmaxProblem() agrees with float64 for ${classes} classes`, async (device) => {
    const host = hostSoftmaxProblem(features, classes);
    const problem = await softmaxProblem(device, features, classes);
    for (const factor of [1, 100]) {
      const scaledWeights = weights.map((weight) => factor * weight);
      const [expected, actual] = [
        await host.gradient(scaledWeights, some),
        await problem.gradient(scaledWeights, some),
      ];
      // float32 has 7 digits, of which logits of some hundred leave 5
      assertClose([actual.value], [expected.value], { atol: 1e-4, rtol: 1e-5 });
      assertClose(actual.gradient, expected.gradient, { atol: 1e-5, rtol: 1e-4 });
      const [told, found] = [await host.evaluate(scaledWeights, some), await problem.evaluate(scaledWeights, some)];
      assertClose([found.value], [told.value], { atol: 1e-4, rtol: 1e-5 });
      assertEquals(found.predictions, told.predictions);
    }
    assertClose(await problem.gram(), await host.gram(), { atol: 1e-6, rtol: 1e-5 });
    problem.destroy();
  });
}

Deno.test("cholesky() solves equations", () => {
  const size = 6;
  const a = normal(size * size, { seed: 3 });
  const product = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      for (let k = 0; k < size; k++) product[i * size + j]! += a[k * size + i]! * a[k * size + j]!;
    }
    product[i * size + i]! += 0.1;
  }
  const x = Float64Array.from(normal(size, { seed: 4 }));
  const b = Float64Array.from(x, (_, i) => x.reduce((sum, value, j) => sum + product[i * size + j]! * value, 0));
  cholesky(product, size).solve(b);
  assertClose(b, x, { atol: 1e-9, rtol: 1e-9 });
});

Deno.test("minimize() finds the bottom of a curved valley (Rosenbrock), whatever the preconditioner", async () => {
  for (
    const precondition of [undefined, (gradient: Float64Array<ArrayBuffer>) => gradient.map((g, i) => g * (1 + 5 * i))]
  ) {
    const { x, value } = await minimize({
      start: Float64Array.of(-1.2, 1),
      precondition,
      tolerance: 1e-14,
      at: ([x, y]) =>
        Promise.resolve({
          value: (1 - x!) ** 2 + 100 * (y! - x! * x!) ** 2,
          gradient: Float64Array.of(-2 * (1 - x!) - 400 * x! * (y! - x! * x!), 200 * (y! - x! * x!)),
        }),
    });
    assertClose(x, [1, 1], { atol: 1e-4, rtol: 0 });
    assert(value < 1e-8);
  }
});

Deno.test("fitLogistic() finds the minimum that its L2 has, the same each time", async () => {
  const device = await openCpuDevice({ threads: 1 });
  const cloud = clouds({ rows: 200, columns: 9, classes: 4, apart: 0.7, seed: 11 });
  const { features, labels, classes, bias } = cloud;
  const fit = await fitLogistic(device, { ...cloud, seed: 1 });
  const { gradient } = await hostSoftmaxProblem(features, classes).gradient(fit.weights, labels);
  const { columns } = features;
  // of the mean over 200 rows, whose gradient begins at about 0.1
  for (const [i, slope] of gradient.entries()) {
    const whole = slope + (i % columns === bias ? 0 : fit.l2 * fit.weights[i]!);
    assert(Math.abs(whole) < 2e-3, `${i}: ${whole}`);
  }
  assertEquals(await fitLogistic(device, { ...cloud, seed: 1 }), fit);
  device.destroy();
});

Deno.test("fitLogistic() finds the same of few rows of many features, by way of the space that they span", async () => {
  const device = await openCpuDevice({ threads: 1 });
  const cloud = clouds({ rows: 12, columns: 60, classes: 3, apart: 0.5, seed: 13 });
  const { features, labels, classes, bias } = cloud;
  const fit = await fitLogistic(device, { ...cloud, seed: 1 });
  assertEquals(fit.weights.length, classes * features.columns);
  const { gradient } = await hostSoftmaxProblem(features, classes).gradient(fit.weights, labels);
  for (const [i, slope] of gradient.entries()) {
    const whole = slope + (i % features.columns === bias ? 0 : fit.l2 * fit.weights[i]!);
    assert(Math.abs(whole) < 2e-3, `${i}: ${whole}`);
  }
  device.destroy();
});

Deno.test("fitLogistic() takes strong L2 where features are chance, and weak where they tell", async () => {
  const device = await openCpuDevice({ threads: 1 });
  const chance = clouds({ rows: 100, columns: 20, classes: 2, apart: 0, seed: 21 });
  const clear = clouds({ rows: 100, columns: 20, classes: 2, apart: 2, seed: 21 });
  const [strong, weak] = [
    await fitLogistic(device, { ...chance, seed: 1 }),
    await fitLogistic(device, { ...clear, seed: 1 }),
  ];
  assertGreater(strong.l2, 30 * weak.l2);
  const bounded = await fitLogistic(device, { ...clear, seed: 1, weakest: 0.1 });
  assertAlmostEquals(bounded.l2, 0.1 * clear.features.columns / 100, 1e-9);
  const predictions = await predictLogistic(device, clear.features, { weights: weak.weights, classes: 2 });
  assertEquals(predictions, clear.labels);
  device.destroy();
});

Deno.test("fitLogistic() chooses L2 on some rows where all would take long, and learns from all", async () => {
  const device = await openCpuDevice({ threads: 1 });
  const cloud = clouds({ rows: 600, columns: 10, classes: 3, apart: 0.5, seed: 41 });
  const whole = await fitLogistic(device, { ...cloud, seed: 1 });
  const some = await fitLogistic(device, { ...cloud, seed: 1, costly: 100 * 12 * 3 });
  // six times fewer rows tell a strength to half powers of ten, a few of them
  assert(some.l2 < 40 * whole.l2 && whole.l2 < 40 * some.l2, `${some.l2} for ${whole.l2}`);
  const right = async ({ weights }: typeof whole) => {
    const predictions = await predictLogistic(device, cloud.features, { weights, classes: 3 });
    return predictions.filter((label, i) => label === cloud.labels[i]).length;
  };
  assert(await right(some) > 0.97 * await right(whole));
  device.destroy();
});

Deno.test("fitLogistic() learns a thousand classes", async () => {
  const device = await openCpuDevice({ threads: 1 });
  const cloud = clouds({ rows: 1500, columns: 8, classes: 1000, apart: 8, seed: 31 });
  const { weights } = await fitLogistic(device, { ...cloud, seed: 1 });
  const predictions = await predictLogistic(device, cloud.features, { weights, classes: 1000 });
  assertGreater(predictions.filter((label, i) => label === cloud.labels[i]).length, 1200);
  device.destroy();
});
