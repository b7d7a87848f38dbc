import { assertAlmostEquals, assertEquals, assertLess, assertThrows } from "@std/assert";
import { judged } from "../../lib/evaluate/contrastive_evaluator.ts";
import { random } from "../helpers/random.ts";

const pairs = 8;

/** Cosines with what pads each row. */
function cosines(at: (i: number, j: number) => number) {
  const stride = pairs + 4;
  const values = Float32Array.from({ length: pairs * stride }, (_, k) => {
    const [i, j] = [Math.floor(k / stride), k % stride];
    return j < pairs ? at(i, j) : -Infinity;
  });
  return { pairs, stride, values };
}

Deno.test("judged() of vectors that tell nothing is guessing, however they lie", () => {
  for (const cosine of [-1, 0, 0.99]) {
    const { loss, predicted } = judged([cosines(() => cosine)]);
    assertAlmostEquals(loss / predicted, Math.log(pairs), 1e-6);
  }
  // even where each is nearest to a wrong one
  const wrong = judged([cosines((i, j) => j === (i + 1) % pairs ? 1 : 0)]);
  assertEquals(wrong.correct, 0);
  assertAlmostEquals(wrong.loss / pairs, Math.log(pairs), 1e-6);
});

Deno.test("judged() finds the best temperature: the loss of no other one is lower", () => {
  const next = random(1);
  const noise = Float64Array.from({ length: pairs * pairs }, () => next());
  const matrix = [cosines((i, j) => 0.2 * noise[i * pairs + j]! + (i === j ? 0.05 : 0))];
  const { loss, correct } = judged(matrix);
  assertEquals(correct > 0 && correct < pairs, true);
  for (let factor = 1; factor < 100; factor++) {
    let other = 0;
    for (let i = 0; i < pairs; i++) {
      const row = Array.from(matrix[0]!.values.subarray(i * (pairs + 4), i * (pairs + 4) + pairs));
      other += Math.log(row.reduce((sum, x) => sum + Math.exp(factor * x), 0)) - factor * row[i]!;
    }
    assertLess(loss, other + 1e-9);
  }
  const found = judged([cosines((i, j) => i === j ? 1 : 0), cosines(() => 0.5)]);
  // where all are equal the first is taken for the nearest
  assertEquals([found.correct, found.predicted], [pairs + 1, 2 * pairs]);
});

Deno.test("judged() throws for cosines that are no numbers", () => {
  assertThrows(() => judged([cosines(() => NaN)]), RangeError, "Cannot compare texts: the loss of one is NaN");
});
