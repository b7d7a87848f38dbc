import { assertAlmostEquals, assertEquals } from "@std/assert";
import { surveyText } from "../../lib/batch/survey.ts";
import { textCorpus, trainingTexts } from "../../lib/text/corpus.ts";
import { stringSource } from "../../lib/text/source.ts";
import { storiesCorpus } from "../../lib/text/stories.ts";
import { characterTokenizer, scanCharacters } from "../../lib/tokenizer/character.ts";
import { wordPieceTokenizer } from "../../lib/tokenizer/wordpiece.ts";

const words = wordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "sat", "##s"]);
/** All of the text trains. */
const corpusOf = (text: string) =>
  textCorpus([stringSource("text", text)], { validation: [stringSource("other", "the cat")] });

Deno.test("surveyText() counts what is unknown and what may be masked, and shows words of it", async () => {
  const corpus = await corpusOf("the cats sat\nthe doge sat\n".repeat(100));
  const survey = await surveyText({ corpus, tokenizer: words });
  // 7 tokens in two lines, one of them unknown
  assertAlmostEquals(survey.unknown / survey.tokens, 1 / 7, 1e-9);
  assertEquals(survey.maskable, survey.tokens - survey.unknown);
  assertEquals([survey.examples, survey.isWhole], [["doge"], true]);
});

Deno.test("surveyText() shows at most three unknown words, cut off where they are long", async () => {
  const corpus = await corpusOf(`${"x".repeat(99)} y z w\n`.repeat(20));
  const { examples, maskable, unknown, tokens } = await surveyText({ corpus, tokenizer: words });
  assertEquals(examples, [`${"x".repeat(30)}…`, "y", "z"]);
  assertEquals([maskable, unknown], [0, tokens]);
});

Deno.test("surveyText() knows words that are never masked", async () => {
  const corpus = await corpusOf("the cat\n".repeat(100));
  const all = await surveyText({ corpus, tokenizer: words });
  const some = await surveyText({ corpus, tokenizer: words, neverMask: ["cat"] });
  const none = await surveyText({ corpus, tokenizer: words, neverMask: ["cat", "the"] });
  assertEquals([some.maskable, none.maskable], [all.maskable / 2, 0]);
});

Deno.test("surveyText() finds lines and stretches that repeat, and none in stories", async () => {
  const tokenizer = characterTokenizer("abcdefghijklmnopqrstuvwxyz \n");
  const repeated = async (text: string) => (await surveyText({ corpus: await corpusOf(text), tokenizer })).repeated;
  assertAlmostEquals(await repeated("the same line\n".repeat(1000)), 1, 0.01);
  // one line that turns in a circle of 35 letters
  assertAlmostEquals(await repeated("abcdefghijklmnopqrstuvwxyzabcdefghi".repeat(1000)), 1, 0.05);
  const lines = Array.from({ length: 1000 }, (_, i) => `${i.toString(26).replace(/\d/g, "q")} ${(i * i).toString(36)}`);
  const other = characterTokenizer("abcdefghijklmnopqrstuvwxyz0123456789 \n");
  const half = await corpusOf(lines.map((line) => `${line} x\nagain and ag\n`).join(""));
  const { repeated: share } = await surveyText({ corpus: half, tokenizer: other });
  assertEquals(share > 0.4 && share < 0.7, true, `${share}`);
  const stories = storiesCorpus();
  const characters = await scanCharacters(trainingTexts(stories));
  const survey = await surveyText({ corpus: stories, tokenizer: characterTokenizer(characters) });
  // they share words and turns, but no story is told twice
  assertEquals([survey.repeated < 0.25, survey.isWhole], [true, false], `${survey.repeated}`);
});
