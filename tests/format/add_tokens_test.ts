import { assert, assertEquals, assertThrows } from "@std/assert";
import { addTokens } from "../../lib/format/add_tokens.ts";
import { memoryFolder } from "../../lib/format/model_folder.ts";
import { readTokenizer } from "../../lib/format/tokenizer_folder.ts";
import { tokenizerFiles, toTokenizerJson } from "../../lib/format/tokenizer_writer.ts";
import { fromTokenizerJson } from "../../lib/format/tokenizer_reader.ts";
import { encodeWithSpecials } from "../../lib/tokenizer/special_tokens.ts";
import type { Tokenizer } from "../../lib/tokenizer/tokenizer.ts";
import { mixedText } from "../helpers/mixed_text.ts";
import { jsonOf, rustIds, rustTokenizer, withoutRust } from "../helpers/rust_tokenizers.ts";
import { vocabularies } from "../helpers/vocabularies.ts";

const kinds = await vocabularies();
const texts = [...mixedText(20_000, 5), "The estoppel of a tort, estoppels; Estoppel tortfeasor's café"];
const words = ["estoppel", "tort", "café"];

function rustOf(tokenizer: Tokenizer): (texts: readonly string[]) => Promise<number[][]> {
  const peer = rustTokenizer(toTokenizerJson(tokenizer));
  return (texts) => rustIds(peer, texts);
}

for (const kind of ["wordpiece", "bpe"] as const) {
  Deno.test(`addTokens() of ${kind} changes no other ids, and is read alike by the Rust package`, async () => {
    const before = kinds[kind]!;
    const { tokenizer, added } = addTokens(before, words);
    assertEquals(tokenizer.size, before.size + added.length);
    assertEquals(tokenizer.tokens.slice(0, before.size), before.tokens);
    for (const { id, pieces } of added) {
      assertEquals(before.decode(pieces).trim(), tokenizer.decode([id]).trim());
    }
    const right = withoutRust ? undefined : await rustOf(tokenizer)(texts);
    const isNew = new Set(added.map(({ id }) => id));
    for (const [i, text] of texts.entries()) {
      const ids = [...tokenizer.encode(text)];
      if (right) assertEquals(ids, right[i]);
      if (!ids.some((id) => isNew.has(id))) assertEquals(ids, [...before.encode(text)]);
    }
    const law = [...tokenizer.encode("the estoppel")];
    assert(isNew.has(law.at(-1)!), String(law));
  });

  Deno.test(`addTokens() of ${kind} keeps frame and files of a tokenizer that was read`, async () => {
    const files = tokenizerFiles(kinds[`framed ${kind}`]!, 64);
    const read = await readTokenizer(memoryFolder("t", new Map([...files].map(([name, text]) => [name, [text]]))), {
      keepFiles: true,
    });
    assertEquals(tokenizerFiles(read, 64), files);
    const { tokenizer } = addTokens(read, words);
    const again = await readTokenizer(
      memoryFolder("t", new Map([...tokenizerFiles(tokenizer, 64)].map(([name, text]) => [name, [text]]))),
    );
    assertEquals(again.tokens, tokenizer.tokens);
    assertEquals(again.frame, read.frame);
    for (const text of texts.slice(-50)) assertEquals(again.encode(text), tokenizer.encode(text));
  });
}

Deno.test("addTokens() adds continuations and knows what is there already", () => {
  const there = kinds.wordpiece!.tokens.findLast((token) => /^[a-z]+$/.test(token))!;
  const { tokenizer, added, known } = addTokens(kinds.wordpiece!, ["##ology", there, "Estoppel", "estoppel"]);
  assertEquals(added.map(({ id }) => tokenizer.tokens[id]), ["##ology", "estoppel"]);
  assertEquals(known, [there]);
  const same = addTokens(kinds.wordpiece!, [there]);
  assertEquals([same.tokenizer, same.added], [kinds.wordpiece!, []]);
});

Deno.test("addTokens() gives characters more characters, at the end", async () => {
  const { tokenizer, added } = addTokens(kinds.char!, ["Ω", "a"]);
  assertEquals(added.map(({ id }) => id), [kinds.char!.size]);
  assertEquals(tokenizer.decode(tokenizer.encode("aΩ")), "aΩ");
  const files = new Map([...tokenizerFiles(tokenizer, 64)].map(([name, text]) => [name, [text]]));
  assertEquals((await readTokenizer(memoryFolder("t", files))).tokens, tokenizer.tokens);
});

Deno.test("addTokens() skips what text would never be cut into, and says why", () => {
  const cut = (count: number) => `the tokenizer cuts it into ${count} words before it looks for tokens`;
  const cases: [string, string, string][] = [
    ["wordpiece", "covid-19", cut(3)],
    ["wordpiece", "\u00ad", cut(0)],
    ["wordpiece", " ", "it is empty"],
    ["wordpiece", "a\ud800", "it has half a character"],
    ["bpe", "two words", cut(2)],
    ["char", "ab", "this vocabulary has single characters only"],
  ];
  for (const [kind, word, reason] of cases) {
    const good = kind === "char" ? "Ω" : "estoppel";
    const { tokenizer, added, skipped } = addTokens(kinds[kind]!, [word, good]);
    assertEquals(skipped, [{ word, reason }]);
    assert(added.length > 0 && tokenizer.size > kinds[kind]!.size);
  }
});

/** A tokenizer of parts that no quick path is for. */
const made = (parts: Record<string, unknown>) =>
  fromTokenizerJson(jsonOf({ pre_tokenizer: { type: "Whitespace" }, ...parts }));
const ids = (tokens: string[]) =>
  Object.fromEntries(["[PAD]", "[UNK]", "[MASK]", ...tokens].map((token, id) => [token, id]));
const added = {
  id: 0,
  content: "<x>",
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
};

Deno.test("addTokens() adds words to vocabularies of any parts, and the Rust package reads them alike", async () => {
  const bpe = { type: "BPE", unk_token: "[UNK]", vocab: ids(["t", "o", "r", "to", "Ġ"]), merges: [["t", "o"]] };
  const level = { type: "ByteLevel", add_prefix_space: false, use_regex: true, trim_offsets: true };
  const cases = {
    words: { model: { type: "WordLevel", unk_token: "[UNK]", vocab: ids(["to"]) } },
    pieces: {
      normalizer: { type: "Lowercase" },
      model: {
        type: "WordPiece",
        unk_token: "[UNK]",
        continuing_subword_prefix: "##",
        max_input_chars_per_word: 100,
        vocab: ids(["to", "##r", "##t"]),
      },
    },
    bytes: { model: bpe, pre_tokenizer: level, decoder: level },
  };
  for (const [what, parts] of Object.entries(cases)) {
    const before = made({ ...parts, added_tokens: [added] });
    const { tokenizer, added: more, skipped } = addTokens(before, ["tort", "x-y"]);
    assertEquals(skipped.map(({ word }) => word), ["x-y"], what);
    assertEquals(tokenizer.tokens.slice(0, before.size), before.tokens, what);
    assertEquals(more.map(({ id }) => id), what === "bytes" ? [before.size, before.size + 1] : [before.size], what);
    const texts = ["a tort", "to <x> tort", "torts"];
    assertEquals(encodeWithSpecials(tokenizer, texts[0]!).at(-1), before.size, what);
    if (withoutRust) continue;
    const right = await rustOf(tokenizer)(texts);
    assertEquals(texts.map((text) => [...encodeWithSpecials(tokenizer, text)]), right, what);
  }
});

Deno.test("addTokens() keeps the ids of added tokens behind the vocabulary", async () => {
  const vocab = kinds.wordpiece!.tokens.map((token) => `${token}\n`).join("");
  const files = { "vocab.txt": vocab, "added_tokens.json": JSON.stringify({ "<x>": kinds.wordpiece!.size }) };
  const folder = (files: Iterable<[string, string]>) =>
    memoryFolder("t", new Map([...files].map(([name, text]) => [name, [text]])));
  const before = await readTokenizer(folder(Object.entries(files)));
  const { tokenizer } = addTokens(before, ["estoppel"]);
  const expected = [before.size - 1, before.size];
  assertEquals([...tokenizer.encode("<x>estoppel")], expected);
  assertEquals([...(await readTokenizer(folder(tokenizerFiles(tokenizer, 64)))).encode("<x>estoppel")], expected);
});

Deno.test("addTokens() says which vocabularies cannot be given more", () => {
  const unigram = made({
    model: { type: "Unigram", unk_id: 1, vocab: Object.keys(ids([])).map((piece) => [piece, 0]) },
  });
  assertThrows(() => addTokens(unigram, ["tort"]), RangeError, "Cannot add tokens to a Unigram vocabulary");
});
