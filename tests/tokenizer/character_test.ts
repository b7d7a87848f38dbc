import { assertEquals, assertThrows } from "@std/assert";
import { toTokenizerJson } from "../../lib/format/tokenizer_writer.ts";
import { fromTokenizerJson } from "../../lib/format/tokenizer_reader.ts";
import { textCorpus, trainingTexts } from "../../lib/text/corpus.ts";
import { stringSource } from "../../lib/text/source.ts";
import { storiesCorpus } from "../../lib/text/stories.ts";
import { characterTokenizer, scanCharacters } from "../../lib/tokenizer/character.ts";
import { encodeWithSpecials } from "../../lib/tokenizer/special_tokens.ts";

Deno.test("characterTokenizer() numbers special tokens first, then characters by code point", () => {
  const tokenizer = characterTokenizer("hello 😀é");
  assertEquals(tokenizer.tokens.slice(0, 6), ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", " "]);
  assertEquals(tokenizer.tokens.at(-1), "😀");
  assertEquals(tokenizer.size, 5 + 7);
});

Deno.test("characterTokenizer() encodes and decodes any text of its characters", () => {
  const tokenizer = characterTokenizer("abc é😀\n[]MASK");
  for (const text of ["", "abc", "é😀 a\nb", "[MASK]"]) {
    assertEquals(tokenizer.decode(tokenizer.encode(text)), text);
    assertEquals(tokenizer.encode(text).length, [...text].length);
  }
  assertEquals([...tokenizer.encode("a?b")], [...tokenizer.encode("a"), 1, ...tokenizer.encode("b")]);
  // an unpaired surrogate is no character of any text
  assertEquals([...tokenizer.encode("\ud83d")], [1]);
});

Deno.test("characterTokenizer() leaves unknown characters out where there is no [UNK]", () => {
  const tokenizer = characterTokenizer("ab", { specials: ["[PAD]", "[MASK]"] });
  assertEquals(tokenizer.size, 4);
  assertEquals(tokenizer.decode(tokenizer.encode("a?b")), "ab");
});

Deno.test("characterTokenizer() rejects what is no character and a vocabulary without [MASK]", () => {
  assertThrows(() => characterTokenizer(["ab"]), RangeError, 'Cannot use "ab"');
  assertThrows(() => characterTokenizer("a", { specials: ["[PAD]"] }), RangeError, "[MASK]");
});

Deno.test("encodeWithSpecials() reads special tokens as themselves", () => {
  const tokenizer = characterTokenizer("abc ");
  const { special } = tokenizer;
  const ids = encodeWithSpecials(tokenizer, "[CLS]a[MASK]b[SEP]");
  const [a, b] = [tokenizer.encode("a")[0]!, tokenizer.encode("b")[0]!];
  assertEquals([...ids], [special["[CLS]"]!, a, special["[MASK]"], b, special["[SEP]"]!]);
});

Deno.test("toTokenizerJson() and back gives the same tokenizer", () => {
  for (const specials of [undefined, ["[PAD]", "[MASK]"] as const]) {
    const tokenizer = characterTokenizer("abc é😀\n0189", specials ? { specials } : {});
    const json = JSON.parse(JSON.stringify(toTokenizerJson(tokenizer)));
    assertEquals(fromTokenizerJson(json).tokens, tokenizer.tokens);
  }
  assertThrows(() => fromTokenizerJson({ model: { type: "WordPiece" } }), SyntaxError, "it has no vocabulary");
});

Deno.test("scanCharacters() finds those of the training part, of an endless one those of its beginning", async () => {
  const text = "abcd\n".repeat(90) + "zzzz\n".repeat(10);
  const corpus = await textCorpus([stringSource("text", text)]);
  assertEquals((await Array.fromAsync(trainingTexts(corpus))).length, 91);
  assertEquals([...await scanCharacters(trainingTexts(corpus))].sort().join(""), "\nabcdz");
  assertEquals([...await scanCharacters(["a😀", "b\ud800"])].sort().join(""), "\nab😀\ufffd");
  assertEquals((await Array.fromAsync(trainingTexts(storiesCorpus(), { most: 7 }))).length, 7);
  assertEquals((await scanCharacters(trainingTexts(storiesCorpus()))).has("A"), true);
});
