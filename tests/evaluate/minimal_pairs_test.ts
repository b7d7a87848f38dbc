import { assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import {
  accuracyDifference,
  groupAccuracies,
  pairAccuracy,
  type PairScoreOptions,
  scorePairs,
} from "../../lib/evaluate/minimal_pairs.ts";
import { scoreEachToken } from "../../lib/evaluate/score.ts";
import { modelConfig, type Preset, presets } from "../../lib/model/config.ts";
import { createModel } from "../../lib/model/model.ts";
import { bertFrame, encodeFramed } from "../../lib/tokenizer/special_tokens.ts";
import { continuesOf, joinIds, withoutWords } from "../../lib/tokenizer/token_ids.ts";
import { trainTokenizer } from "../../lib/tokenizer/train_tokenizer.ts";
import { cpuTest } from "../helpers/devices.ts";

const plain = await trainTokenizer(["the cats sleep on the mats and the dogs bark at cats"], {
  type: "wordpiece",
  size: 40,
});
const tokenizer = { ...plain, frame: bertFrame(plain.special)! };
const texts = [
  ["the cats sleep", "the cats sleeps"],
  ["a", "the mats and the dogs bark at the cats on the mats"],
  ["dogs bark", "dogs  bark"],
  ["the dogs", "dogs the"],
] as const;
const pairs = texts.map(([first, second], i) => ({
  first,
  second,
  group: i % 2 ? "odd" : undefined,
  place: `line ${i + 2}`,
}));

const options = { vocab: tokenizer.size, layers: 1, width: 16, heads: 2, hidden: 20, maxLength: 30 };

for (const restOfWord of [false, true]) {
  cpuTest(
    `scorePairs() scores texts as scoreEachToken() does, ${restOfWord ? "with" : "without"} the rest of words`,
    async (device) => {
      for (const preset of presets as readonly Preset[]) {
        const model = createModel(device, modelConfig({ ...options, preset, dropout: 0 }), { seed: 5 });
        const how: PairScoreOptions = { restOfWord };
        const scores = await Array.fromAsync(scorePairs({ model, tokenizer }, pairs, how));
        for (const [i, { first, second, place, good, bad, correct }] of scores.entries()) {
          assertEquals([first, second, place], [...texts[i]!, `line ${i + 2}`]);
          for (const [text, score] of [[first, good], [second, bad]] as const) {
            const { before, after } = tokenizer.frame;
            const marked = joinIds([Uint32Array.from(before), tokenizer.encodeWords(text), Uint32Array.from(after)]);
            assertEquals(withoutWords(marked), encodeFramed(tokenizer, text));
            const window = {
              tokens: withoutWords(marked),
              continues: continuesOf(marked),
              epoch: 0,
              block: 0,
              index: 0,
            };
            const [expected] = await Array.fromAsync(scoreEachToken({ model, tokenizer }, [window], { restOfWord }));
            assertAlmostEquals(score, -expected!.loss, 1e-4);
          }
          assertEquals(correct, i === 2 ? 0.5 : good > bad ? 1 : 0);
        }
        model.destroy();
      }
    },
  );
}

cpuTest("scorePairs() takes any number of pairs, and says which text cannot be scored", async (device) => {
  const model = createModel(device, modelConfig(options), { seed: 5 });
  const many = Array.from({ length: 300 }, (_, i) => pairs[i % 4]!);
  const scores = await Array.fromAsync(scorePairs({ model, tokenizer }, many));
  const few = await Array.fromAsync(scorePairs({ model, tokenizer }, pairs));
  for (const [i, { good }] of scores.entries()) assertAlmostEquals(good, few[i % 4]!.good, 1e-4);
  const fails = (first: string, message: string) =>
    assertRejects(
      () => Array.fromAsync(scorePairs({ model, tokenizer }, [{ first, second: "cats", place: "line 7" }])),
      RangeError,
      message,
    );
  await fails("a".repeat(90), "Cannot score the text of line 7: it has");
  await fails("漢", "Cannot score the text of line 7: none of its tokens can be masked");
  model.destroy();
});

Deno.test("pairAccuracy() counts ties half, has an error even where all are right, and groups tell theirs", () => {
  const of = (...values: number[]) => values.map((correct) => ({ correct: correct as 0 | 0.5 | 1 }));
  const { accuracy, error, ties } = pairAccuracy(of(1, 1, 0.5, 0));
  assertEquals([accuracy, ties], [0.625, 1]);
  assertAlmostEquals(error, Math.sqrt(0.625 * 0.375 / 4), 1e-12);
  // the far end of Wilson's interval of one deviation for n of n: 1 / (n + 1) away
  assertEquals([of(1), of(1, 1, 1), of(0, 0, 0)].map((some) => pairAccuracy(some).error), [1 / 2, 1 / 4, 1 / 4]);
  assertEquals(accuracyDifference(of(0), of(1)), { difference: 1, error: 1 / 2 });
  assertEquals(accuracyDifference(of(1, 1, 1), of(1, 1, 1)).error, 1 / 4);
  const groups = groupAccuracies([{ correct: 1, group: "b" }, { correct: 0 }, { correct: 0, group: "a" }, {
    correct: 0,
    group: "b",
  }]);
  assertEquals([...groups].map(([name, { accuracy, pairs }]) => [name, accuracy, pairs]), [["b", 0.5, 2], ["a", 0, 1]]);
  const { difference, error: between } = accuracyDifference(of(1, 0, 0, 1), of(1, 1, 0, 1));
  assertEquals(difference, 0.25);
  assertAlmostEquals(between, 0.25, 1e-12);
});
