import { assertEquals, assertThrows } from "@std/assert";
import { tokenizerFiles } from "../../lib/format/tokenizer_writer.ts";
import { fromVocabTxt } from "../../lib/format/tokenizer_reader.ts";
import { CONTINUES } from "../../lib/tokenizer/token_ids.ts";
import { encodeWithSpecials } from "../../lib/tokenizer/special_tokens.ts";
import { bertNormalize } from "../../lib/tokenizer/normalizers.ts";
import { bertWords } from "../../lib/tokenizer/pre_tokenizers.ts";
import { wordPieceTokenizer } from "../../lib/tokenizer/wordpiece.ts";

const specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
const tokenizer = wordPieceTokenizer([...specials, "un", "##aff", "##able", "aff", "!", "a", "##b", "世", "##世"]);
const tokens = (text: string) => Array.from(tokenizer.encode(text), (id) => tokenizer.token(id));

Deno.test("wordPieceTokenizer() takes the longest pieces from left to right, or the whole word is unknown", () => {
  assertEquals(tokens("unaffable"), ["un", "##aff", "##able"]);
  assertEquals(tokens("Unaffable! aff"), ["un", "##aff", "##able", "!", "aff"]);
  assertEquals(tokens("unaffabler abc"), ["[UNK]", "[UNK]"]);
  assertEquals(tokens(""), []);
  assertEquals(tokens(" \t\n\u3000"), []);
});

Deno.test("wordPieceTokenizer() does not cut words of more than 100 code points", () => {
  assertEquals(tokens("a" + "b".repeat(99)).length, 100);
  assertEquals(tokens("a" + "b".repeat(100)), ["[UNK]"]);
});

Deno.test("encodeWords() marks the tokens that go on with a word", () => {
  const ids = tokenizer.encodeWords("unaffable! un");
  assertEquals(Array.from(ids, (id) => id >= CONTINUES), [false, true, true, false, false]);
  assertEquals(Array.from(ids, (id) => id & 0x7fff_ffff), [...tokenizer.encode("unaffable! un")]);
});

Deno.test("encodeWithSpecials() knows [MASK], encode() takes it for text", () => {
  assertEquals([...encodeWithSpecials(tokenizer, "un[MASK] !")], [5, 4, 9]);
  assertEquals(tokens("[MASK]").includes("[MASK]"), false);
});

Deno.test("bertNormalize() cleans, sets Chinese characters apart, and removes case and accents", () => {
  const cases: [string, string][] = [
    ["Café ÀÉÎÕÜ", "cafe aeiou"],
    ["a\u0000b\ufffdc\u200dd\ufeff", "abcd"],
    ["x\u00a0y\tz", "x y z"],
    ["ab世界c", "ab 世  界 c"],
    // beyond the Basic Multilingual Plane as well, as in BERT
    ["a\u{20000}b", "a \u{20000} b"],
    // each letter for itself, whether it ends a word or not
    ["ΟΔΟΣ Σ", "οδοσ σ"],
    ["οδος", "οδος"],
    ["İ", "i"],
    ["\ud800x\udc00", "x"],
  ];
  for (const [text, expected] of cases) assertEquals(bertNormalize(text, {}), expected);
  assertEquals(bertNormalize("Café 世", { lowercase: false, splitChinese: false }), "Café 世");
  assertEquals(bertNormalize("Café", { lowercase: false, stripAccents: true }), "Cafe");
});

Deno.test("bertWords() splits at space and sets punctuation apart", () => {
  assertEquals(bertWords("it's $5.00, «oui»…"), ["it", "'", "s", "$", "5", ".", "00", ",", "«", "oui", "»", "…"]);
});

Deno.test("wordPieceTokenizer() rejects vocabularies without what it needs", () => {
  assertThrows(() => wordPieceTokenizer(["[PAD]", "[MASK]", "a"]), RangeError, "needs its unknown token [UNK]");
  assertThrows(() => wordPieceTokenizer(["a", "[UNK]"]), RangeError, "needs the special tokens [PAD] and [MASK]");
});

Deno.test("fromVocabTxt() reads what tokenizerFiles() writes, with the case of tokenizer_config.json", () => {
  for (const lowercase of [true, false]) {
    const cased = wordPieceTokenizer(tokenizer.tokens, { lowercase });
    const files = tokenizerFiles(cased, 512);
    const back = fromVocabTxt(files.get("vocab.txt")!, JSON.parse(files.get("tokenizer_config.json")!));
    assertEquals(back.tokens, cased.tokens);
    assertEquals(back.encode("Un!"), cased.encode("Un!"));
  }
  assertEquals(fromVocabTxt(`${specials.join("\r\n")}\r\nab\r\n`).size, 6);
  assertThrows(() => fromVocabTxt("a\nb\n", {}, "x/vocab.txt"), SyntaxError, "Cannot use x/vocab.txt");
});
