import { assertAlmostEquals, assertEquals, assertLess, assertThrows } from "@std/assert";
import { createContrastiveEvaluator, judged } from "../../lib/evaluate/contrastive_evaluator.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { createModel } from "../../lib/model/model.ts";
import { pairCorpus } from "../../lib/text/pair_corpus.ts";
import { characterTokenizer } from "../../lib/tokenizer/character.ts";
import { cpuTest } from "../helpers/devices.ts";
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

cpuTest(
  "createContrastiveEvaluator() compares texts from all over the validation part, in whole batches",
  async (device) => {
    const tokenizer = characterTokenizer("abcdefghijklmnopqrstuvwxyz0123456789 ");
    const model = createModel(
      device,
      modelConfig({ vocab: tokenizer.size, layers: 1, width: 16, heads: 2, maxLength: 16 }),
    );
    // ten topics of a hundred texts each: halves of one topic are alike
    const pairs = Array.from({ length: 1000 }, (_, i) => ({
      first: `${"abcdefghij"[Math.floor(i / 100)]!.repeat(9)}${i % 100}`,
      second: `${"abcdefghij"[Math.floor(i / 100)]!.repeat(8)} ${i % 100}`,
      place: `line ${i}`,
    }));
    const corpus = pairCorpus(pairs.slice(0, 2), { name: "topics", validation: { name: "topics", pairs } });
    const shape = { windows: 20, length: 16, capacity: 10, documents: true, contrast: { temperature: 1 } };
    const of = (tokens: number) => createContrastiveEvaluator({ model, corpus, tokenizer, length: 16, tokens, shape });
    const few = await of(1);
    assertEquals(few.tokens, 20 * 16);
    const all = await of(1e6);
    assertEquals(all.tokens, 2 * 1000 * 16);
    // a topic each: even a model of random weights tells letters apart
    const { accuracy, predicted, loss } = await all.evaluate();
    assertEquals(predicted, 1000);
    assertLess(0.9, accuracy);
    assertLess(loss, Math.log(10));
    await all.restrict(3 * 20 * 16);
    assertEquals(all.tokens, 3 * 20 * 16);
    for (const evaluator of [few, all]) await evaluator.destroy();
    model.destroy();
  },
);
