import { assert, assertAlmostEquals, assertEquals, assertLess, assertRejects } from "@std/assert";
import { maskWindow } from "../../lib/batch/masking.ts";
import { textWindows } from "../../lib/batch/text_windows.ts";
import { createEvaluator } from "../../lib/evaluate/evaluator.ts";
import { VALIDATION_MASKS } from "../../lib/evaluate/masked_batches.ts";
import { scoreMasked } from "../../lib/evaluate/score.ts";
import { ScoreTotal } from "../../lib/evaluate/score_totals.ts";
import type { TextModel } from "../../lib/evaluate/text_model.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { createModel } from "../../lib/model/model.ts";
import type { Device } from "../../lib/device/device.ts";
import { textCorpus } from "../../lib/text/corpus.ts";
import { stringSource } from "../../lib/text/source.ts";
import { deviceTest, kindTest } from "../helpers/devices.ts";
import { logitsOf } from "../helpers/logits.ts";
import { mixedText } from "../helpers/mixed_text.ts";
import { vocabularies } from "../helpers/vocabularies.ts";

const tokenizer = (await vocabularies())["framed wordpiece"]!;
const corpus = await textCorpus([stringSource("short", "to be or not to be")], {
  validation: [stringSource("text", mixedText(60_000, 3).join("\n"))],
});
const length = 32;
const text = { corpus, part: "validation", tokenizer, length } as const;
const newModel = (device: Device) =>
  createModel(
    device,
    modelConfig({ layers: 1, width: 16, heads: 2, hidden: 20, maxLength: 64, vocab: tokenizer.size }),
  );

async function scored(textModel: TextModel, tokens: number) {
  const total = new ScoreTotal();
  for await (const score of scoreMasked(textModel, textWindows({ ...text, tokens }))) total.add(score);
  const { windows: _, characters: __, ...means } = total.score;
  return means;
}

deviceTest(
  "Evaluator.evaluate() is the cross-entropy of the masked tokens, and scoreMasked()'s to the bit",
  async (device) => {
    const model = newModel(device);
    const evaluator = await createEvaluator({ model, corpus, tokenizer, length, tokens: 10_000 });
    const all = await evaluator.evaluate();
    assertEquals(all, await scored({ model, tokenizer }, 10_000));
    assertEquals(await evaluator.evaluate(), all, "not repeatable to the bit");
    const seconds = await evaluator.tokenSeconds(0.01);
    assert(seconds > 0 && seconds < 1, `${seconds} s a token`);
    assertEquals([await evaluator.evaluate(), evaluator.tokens], [all, 9984], "timing changes nothing");
    await evaluator.restrict(500);
    const some = await evaluator.evaluate();
    await evaluator.destroy();
    assertEquals(some, await scored({ model, tokenizer }, 500));
    assertLess(some.predicted, all.predicted);
    // as a run does that is resumed
    const other = await createEvaluator({ model, corpus, tokenizer, length, tokens: evaluator.tokens });
    assertEquals(await other.evaluate(), some);
    await other.destroy();
    let [loss, count] = [0, 0];
    for await (const window of textWindows({ ...text, tokens: 500 })) {
      const { ids, maskedPositions } = maskWindow(window, { ...VALIDATION_MASKS, tokenizer });
      const [logits] = await logitsOf({ model, tokenizer }, [[...ids]]);
      for (const position of maskedPositions) {
        const row = logits!.subarray(position * tokenizer.size, (position + 1) * tokenizer.size);
        loss += Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0)) - row[window.tokens[position]!]!;
        count++;
      }
    }
    assertEquals(some.predicted, count);
    assertAlmostEquals(some.loss, loss / count, 1e-5);
    assertAlmostEquals(some.perplexity, Math.exp(some.loss), 1e-9);
    model.destroy();
  },
);

kindTest(
  "Evaluator.sample() gives the five best candidates of the softmax of a masked token's logits",
  async (device) => {
    const model = newModel(device);
    const evaluator = await createEvaluator({ model, corpus, tokenizer, length, tokens: 3 * length });
    const samples = await evaluator.sample(2);
    await evaluator.destroy();
    assertEquals(samples.length, 2);
    let w = 0;
    for await (const window of textWindows({ ...text, tokens: 2 * length })) {
      const { ids, maskedPositions } = maskWindow(window, { ...VALIDATION_MASKS, tokenizer });
      const [logits] = await logitsOf({ model, tokenizer }, [[...ids]]);
      for (const [position, { token, predicted, candidates }] of samples[w++]!.entries()) {
        assertEquals([position, predicted !== undefined], [position, maskedPositions.includes(position)]);
        if (!candidates) continue;
        const row = logits!.subarray(position * tokenizer.size, (position + 1) * tokenizer.size);
        const total = row.reduce((sum, logit) => sum + Math.exp(logit), 0);
        const expected = [...row.keys()].sort((a, b) => row[b]! - row[a]!).slice(0, 5);
        assertEquals(candidates.map(({ token }) => token), expected.map((id) => tokenizer.piece(id)), token);
        assertEquals(candidates[0]!.token, predicted);
        for (const [i, { probability }] of candidates.entries()) {
          assertAlmostEquals(probability, Math.exp(row[expected[i]!]!) / total, 1e-6);
        }
      }
    }
    assertEquals(w, 2);
    model.destroy();
  },
);

kindTest("Evaluator.sample() shows what evaluate() predicts", async (device) => {
  const model = newModel(device);
  const evaluator = await createEvaluator({ model, corpus, tokenizer, length, tokens: 3 * length });
  const samples = await evaluator.sample(10);
  const { accuracy, predicted } = await evaluator.evaluate();
  await evaluator.destroy();
  model.destroy();
  assertEquals(samples.map((sample) => sample.length), [length, length, length]);
  const masked = samples.flat().filter((token) => token.predicted !== undefined);
  assertEquals(masked.length, predicted);
  assertEquals(masked.filter(({ token, predicted }) => token === predicted).length, Math.round(accuracy * predicted));
});

kindTest(
  "Evaluator.evaluate() and scoreMasked() refuse losses that are not finite, each with its error",
  async (device) => {
    const model = newModel(device);
    const values = await model.readParameters();
    values.get("decoder.bias")![7] = Infinity;
    model.writeParameters(values);
    const evaluator = await createEvaluator({ model, corpus, tokenizer, length, tokens: 100 });
    const failure = (loss: number) => new TypeError(`it is ${loss}`);
    await assertRejects(() => evaluator.evaluate(failure), TypeError, "it is NaN");
    const refused = "Cannot score the text: the loss of a token is NaN";
    await assertRejects(() => evaluator.evaluate(), RangeError, refused);
    await assertRejects(() => scored({ model, tokenizer }, 100), RangeError, refused);
    await evaluator.destroy();
    model.destroy();
  },
);
