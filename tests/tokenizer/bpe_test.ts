import { assertEquals, assertThrows } from "@std/assert";
import { tokenizerFiles } from "../../lib/format/tokenizer_writer.ts";
import { fromTokenizerJson, fromVocabJson } from "../../lib/format/tokenizer_reader.ts";
import { bpeTokenizer } from "../../lib/tokenizer/bpe.ts";
import { byteCharacters } from "../../lib/tokenizer/byte_level.ts";
import { CONTINUES } from "../../lib/tokenizer/token_ids.ts";
import { specialTokens } from "../../lib/tokenizer/tokenizer.ts";
import { trainTokenizer } from "../../lib/tokenizer/train_tokenizer.ts";
import { mixedText } from "../helpers/mixed_text.ts";
import { random } from "../helpers/random.ts";

const bytes = [...specialTokens, ...byteCharacters];
const merges: [string, string][] = [["l", "o"], ["lo", "w"], ["e", "r"], ["Ġ", "low"], ["a", "a"], ["aa", "aa"]];
const tokenizer = bpeTokenizer([...bytes, ...merges.map((pair) => pair.join(""))], merges);
const tokens = (text: string) => Array.from(tokenizer.encode(text), (id) => tokenizer.token(id));

Deno.test("bpeTokenizer() joins pairs in the order of the merges, within GPT-2's pieces", () => {
  assertEquals(tokens("lower low"), ["low", "er", "Ġlow"]);
  assertEquals(tokens("low'll"), ["low", "'", "l", "l"]);
  assertEquals(tokens("aaaaa"), ["aaaa", "a"]);
  assertEquals(tokens("é"), ["Ã", "©"]);
  assertEquals(tokens(""), []);
});

Deno.test("bpeTokenizer() joins long pieces as it joins short ones", () => {
  const next = random(3);
  for (let i = 0; i < 50; i++) {
    // without spaces it is one piece; with the limit at 48 symbols both ways are taken
    const text = Array.from({ length: 20 + 4 * i }, () => "lowera"[Math.floor(6 * next())]).join("");
    const expected: string[] = [...text];
    for (const [left, right] of merges) {
      for (let at = 0; at + 1 < expected.length; at++) {
        if (expected[at] === left && expected[at + 1] === right) expected.splice(at, 2, left + right);
      }
    }
    assertEquals(tokens(text), expected);
  }
  assertEquals(tokens("a".repeat(200_001)).length, 50_001);
});

Deno.test("encodeWords() marks all but the first token of a piece", () => {
  const ids = tokenizer.encodeWords("lower low!");
  assertEquals(Array.from(ids, (id) => id >= CONTINUES), [false, true, false, false]);
});

Deno.test("decode(encode(text)) of byte-level BPE is the text, whatever it is", async () => {
  const lines = mixedText(300_000, 11);
  const trained = await trainTokenizer(lines.slice(0, 500), { type: "bpe", size: 1000 });
  const next = random(5);
  const anything = Array.from({ length: 2000 }, () =>
    Array.from({ length: Math.floor(40 * next()) }, () => {
      const codePoint = Math.floor(0x110000 * next() ** 3);
      return codePoint >= 0xd800 && codePoint < 0xe000 ? "\n" : String.fromCodePoint(codePoint);
    }).join(""));
  for (const text of [...lines, ...anything]) {
    // UTF-8 cannot write half a character
    const valid = text.toWellFormed();
    assertEquals(trained.decode(trained.encode(valid)), valid);
  }
});

Deno.test("bpeTokenizer() finds added tokens first, composes and adds a space as it is told", () => {
  const all = [...tokenizer.tokens, "  "];
  const added = bpeTokenizer(all, merges, { added: [{ content: "  " }], compose: true, addPrefixSpace: true });
  assertEquals(Array.from(added.encode("low  low"), (id) => added.token(id)), ["Ġlow", "  ", "Ġlow"]);
  assertEquals(added.encode("e\u0301"), added.encode("\u00e9"));
  assertEquals(added.decode(added.encode("low  low")), " low   low");
});

Deno.test("bpeTokenizer() says which token a vocabulary lacks", () => {
  assertThrows(() => bpeTokenizer(bytes, [["l", "o"]]), RangeError, 'The vocabulary lacks the token "lo"');
  assertThrows(() => bpeTokenizer(bytes.slice(0, -1), []), RangeError, "The vocabulary lacks the token");
});

Deno.test("fromVocabJson() reads what tokenizerFiles() writes", () => {
  const files = tokenizerFiles(tokenizer, 512);
  const back = fromVocabJson(JSON.parse(files.get("vocab.json")!), files.get("merges.txt")!);
  assertEquals(back.encode("lower low é"), tokenizer.encode("lower low é"));
});

Deno.test("fromTokenizerJson() says what it cannot read", () => {
  const vocab = Object.fromEntries(tokenizer.tokens.map((token, id) => [token, id]));
  const level = { type: "ByteLevel", add_prefix_space: false };
  const bpe = { type: "BPE", vocab, merges: [] };
  const cases: [unknown, string][] = [
    [
      { model: { type: "Unigram", vocab: {} } },
      'no vocabulary of WordPiece, BPE, WordLevel, Unigram (model type "Unigram")',
    ],
    [{ model: { type: "Other", vocab } }, '(model type "Other")'],
    [{ model: { type: "WordLevel", vocab, unk_token: "?!?" } }, 'lacks its unknown token "?!?" (unk_token)'],
    [{ model: { ...bpe, merges: ["l"] }, pre_tokenizer: level }, 'its merge "l" is no pair'],
    [{ model: { ...bpe, merges: ["l 🎈"] }, pre_tokenizer: level }, 'The vocabulary lacks the token "🎈"'],
    [
      { model: { ...bpe, dropout: 0.1 }, pre_tokenizer: level },
      "leaves merges out at random (dropout 0.1); null would do",
    ],
    [
      { model: bpe, pre_tokenizer: level, normalizer: { type: "Other" } },
      "its normalizer is Other; Sequence, BertNormalizer",
    ],
    [{ model: bpe, pre_tokenizer: { type: "Other" } }, "its pre-tokenizer is Other; Sequence, BertPreTokenizer"],
    [
      { model: bpe, pre_tokenizer: { type: "Whitespace" }, decoder: { type: "Other" } },
      "its decoder is Other; Sequence",
    ],
    [
      { model: bpe, pre_tokenizer: level, post_processor: { type: "Other" } },
      "its post-processor is Other; TemplateProcessing",
    ],
    [
      { model: bpe, pre_tokenizer: { type: "Split", pattern: { Regex: "(a)\\1" }, behavior: "Isolated" } },
      'its pattern "(a)\\\\1" has the back reference',
    ],
    [
      { model: bpe, pre_tokenizer: { type: "Metaspace", replacement: "__" } },
      '"replacement" of its Metaspace is "__"; it must be one character',
    ],
    [{ model: { type: "BPE", vocab: { a: 1027 }, merges: [] } }, 'token "a" has the id 1027, of 1 tokens'],
    [{}, "it has no vocabulary"],
    [null, "it has no vocabulary"],
  ];
  for (const [json, message] of cases) {
    assertThrows(() => fromTokenizerJson(json, "x.json"), SyntaxError, message);
    assertThrows(() => fromTokenizerJson(json, "x.json"), SyntaxError, "Cannot use x.json");
  }
});
