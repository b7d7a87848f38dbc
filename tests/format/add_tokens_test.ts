import { assert, assertEquals, assertThrows } from "@std/assert";
import { Tokenizer as Peer } from "@huggingface/tokenizers";
import { addTokens } from "../../lib/format/add_tokens.ts";
import { memoryFolder } from "../../lib/format/folder.ts";
import { readTokenizer } from "../../lib/format/tokenizer_folder.ts";
import { tokenizerFiles, toTokenizerConfigJson, toTokenizerJson } from "../../lib/format/tokenizer_json.ts";
import type { Tokenizer } from "../../lib/tokenizer/tokenizer.ts";
import { mixedText } from "../helpers/mixed_text.ts";
import { vocabularies } from "../helpers/vocabularies.ts";

const kinds = await vocabularies();
const texts = [...mixedText(20_000, 5), "The estoppel of a tort, estoppels; Estoppel tortfeasor's café"];
const words = ["estoppel", "tort", "café"];

function peerIds(tokenizer: Tokenizer): (text: string) => number[] {
  const peer = new Peer(
    JSON.parse(JSON.stringify(toTokenizerJson(tokenizer))),
    toTokenizerConfigJson(tokenizer, 512),
  );
  return (text) => peer.encode(text, { add_special_tokens: false }).ids;
}

for (const kind of ["wordpiece", "bpe"] as const) {
  Deno.test(`addTokens() of ${kind} changes no other ids, and is read alike by @huggingface/tokenizers`, () => {
    const before = kinds[kind]!;
    const { tokenizer, added } = addTokens(before, words);
    assertEquals(tokenizer.size, before.size + added.length);
    assertEquals(tokenizer.tokens.slice(0, before.size), before.tokens);
    for (const { id, pieces } of added) {
      assertEquals(before.decode(pieces).trim(), tokenizer.decode([id]).trim());
    }
    const peer = peerIds(tokenizer);
    const isNew = new Set(added.map(({ id }) => id));
    for (const text of texts) {
      const ids = [...tokenizer.encode(text)];
      assertEquals(ids, peer(text));
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

Deno.test("addTokens() says which word text would never be cut into", () => {
  const message = (cut: number) => `the tokenizer cuts it into ${cut} words before it looks for tokens`;
  assertThrows(() => addTokens(kinds.wordpiece!, ["covid-19"]), RangeError, `"covid-19": ${message(3)}`);
  assertThrows(() => addTokens(kinds.bpe!, ["two words"]), RangeError, message(2));
  assertThrows(() => addTokens(kinds.char!, ["ab"]), RangeError, "this vocabulary has single characters only");
});
