import { assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { textWindows } from "../../lib/batch/text_windows.ts";
import { MaskedLanguageModel } from "../../lib/inference/load.ts";
import { scoreEachToken, scoreMasked } from "../../lib/evaluate/score.ts";
import { DifferenceTotal, ScoreTotal, type WindowScore } from "../../lib/evaluate/score_totals.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { createModel } from "../../lib/model/model.ts";
import type { Device } from "../../lib/device/device.ts";
import { textCorpus } from "../../lib/text/corpus.ts";
import { stringSource } from "../../lib/text/source.ts";
import { createEvaluator } from "../../lib/evaluate/evaluator.ts";
import { kindTest } from "../helpers/devices.ts";
import { logitsOf } from "../helpers/logits.ts";
import { mixedText } from "../helpers/mixed_text.ts";
import { vocabularies } from "../helpers/vocabularies.ts";

const kinds = await vocabularies();
const text = mixedText(60_000, 9).join("\n");
const corpus = () => textCorpus([stringSource("text", text)]);
const shape = { layers: 1, width: 16, heads: 2, hidden: 20, maxLength: 64 };

for (const kind of ["wordpiece", "framed wordpiece"]) {
  for (const pack of ["none", "document"] as const) {
    kindTest(`evaluate() gives the loss of validation in training (${kind}, ${pack})`, async (device) => {
      const tokenizer = kinds[kind]!;
      const model = createModel(device, modelConfig({ ...shape, vocab: tokenizer.size }), { seed: 2 });
      const evaluator = await createEvaluator({
        model,
        corpus: await corpus(),
        tokenizer,
        length: 32,
        tokens: 2000,
        pack,
      });
      const expected = await evaluator.evaluate();
      evaluator.destroy();
      const loaded = new MaskedLanguageModel({ place: "here", model, tokenizer, ownDevice: false });
      const options = { length: 32, tokens: 2000, pack };
      const score = await loaded.evaluate(await corpus(), options);
      assertEquals(score.predicted, expected.predicted);
      assertEquals(score.accuracy, expected.accuracy);
      assertEquals(score.loss, expected.loss, "not the same to the bit");
      assertEquals(await loaded.evaluate(await corpus(), options), score, "not repeatable to the bit");
      loaded.destroy();
    });
  }
}

for (const restOfWord of [false, true]) {
  const what = restOfWord ? "and the rest of its word" : "alone";
  kindTest(
    `scoreEachToken() is the cross-entropy of each token with that token ${what} masked`,
    (device) => eachToken(device, restOfWord),
  );
}

async function eachToken(device: Device, restOfWord: boolean): Promise<void> {
  const tokenizer = kinds["framed wordpiece"]!;
  const model = createModel(device, modelConfig({ ...shape, vocab: tokenizer.size }), { seed: 2 });
  const options = {
    corpus: await corpus(),
    part: "validation",
    tokenizer,
    length: 12,
    tokens: 36,
    words: true,
  } as const;
  const windows = await Array.fromAsync(textWindows(options));
  assertEquals(windows.length, 3);
  const scores = await Array.fromAsync(scoreEachToken({ model, tokenizer }, windows, { restOfWord }));
  let longer = 0;
  const special = new Set(Object.values(tokenizer.special));
  for (const [w, { tokens, continues }] of windows.entries()) {
    let loss = 0;
    let count = 0;
    for (const [place, token] of tokens.entries()) {
      if (special.has(token)) continue;
      let behind = place + 1;
      while (restOfWord && continues![behind]) behind++;
      longer = Math.max(longer, behind - place);
      const ids = [...tokens].fill(tokenizer.special["[MASK]"], place, behind);
      const [logits] = await logitsOf({ model, tokenizer }, [ids]);
      const row = logits!.subarray(place * tokenizer.size, (place + 1) * tokenizer.size);
      loss += Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0)) - row[token]!;
      count++;
    }
    assertEquals(scores[w]!.predicted, count);
    assertAlmostEquals(scores[w]!.loss, loss, 1e-4);
  }
  assertEquals(longer > 1, restOfWord);
  model.destroy();
}

Deno.test("textWindows() cuts all of a text, the same for any limit, and says when there is too little", async () => {
  const tokenizer = kinds.wordpiece!;
  const options = { corpus: await corpus(), part: "validation", tokenizer, length: 16 } as const;
  for (const pack of ["none", "document", "line"] as const) {
    const all = await Array.fromAsync(textWindows({ ...options, pack }));
    const some = await Array.fromAsync(textWindows({ ...options, pack, tokens: 100 }));
    assertEquals(some, all.slice(0, 6), pack);
  }
  await assertRejects(
    () => Array.fromAsync(textWindows({ ...options, length: 100_000 })),
    RangeError,
    "Cannot evaluate on windows of 100000 tokens: the text has only",
  );
});

Deno.test("DifferenceTotal gives the mean difference and the standard error of a ratio", () => {
  const total = new DifferenceTotal();
  const score = (loss: number, predicted: number): WindowScore => ({ loss, predicted, correct: 0, characters: 1 });
  const pairs = [[4, 3, 2], [9, 7, 4], [5, 5, 3]] as const;
  for (const [first, second, predicted] of pairs) total.add(score(first, predicted), score(second, predicted));
  const mean = -3 / 9;
  const squares = pairs.reduce((sum, [a, b, n]) => sum + (b - a - mean * n) ** 2, 0);
  assertAlmostEquals(total.difference.loss, mean, 1e-12);
  assertAlmostEquals(total.difference.error, Math.sqrt(squares * 3 / 2) / 9, 1e-12);
});

kindTest("scoreMasked() runs windows of several lengths, a few batches in memory", async (device) => {
  const tokenizer = kinds.wordpiece!;
  const model = createModel(device, modelConfig({ ...shape, vocab: tokenizer.size }), { seed: 2 });
  const make = async (length: number) =>
    await Array.fromAsync(textWindows({ corpus: await corpus(), part: "validation", tokenizer, length, tokens: 64 }));
  const windows = [...await make(32), ...await make(16)];
  const together = await Array.fromAsync(scoreMasked({ model, tokenizer }, windows));
  const apart = [];
  for (const window of windows) apart.push(...await Array.fromAsync(scoreMasked({ model, tokenizer }, [window])));
  assertEquals(together.map(({ predicted }) => predicted), apart.map(({ predicted }) => predicted));
  for (const [i, { loss }] of together.entries()) assertAlmostEquals(loss, apart[i]!.loss, 1e-4);
  const total = new ScoreTotal();
  for (const score of together) total.add(score);
  assertEquals(total.score.windows, windows.length);
  model.destroy();
});
