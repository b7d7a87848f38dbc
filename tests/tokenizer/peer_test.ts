import { assertEquals, assertGreater } from "@std/assert";
import { Tokenizer as Peer } from "@huggingface/tokenizers";
import { toTokenizerConfigJson, toTokenizerJson } from "../../lib/format/tokenizer_json.ts";
import { fromTokenizerJson } from "../../lib/format/tokenizer_reader.ts";
import { type Tokenizer, tokenizerTypes } from "../../lib/tokenizer/tokenizer.ts";
import { trainTokenizer } from "../../lib/tokenizer/train.ts";
import { wordPieceTokenizer } from "../../lib/tokenizer/wordpiece.ts";
import { mixedText } from "../helpers/mixed_text.ts";

// more than five megabytes of UTF-8
const lines = mixedText(2_600_000, 7);
const sample = lines.slice(0, 10_000);

function peerOf(tokenizer: Tokenizer): (text: string) => number[] {
  const json = JSON.parse(JSON.stringify(toTokenizerJson(tokenizer)));
  const peer = new Peer(json, toTokenizerConfigJson(tokenizer, 512));
  return (text) => peer.encode(text, { add_special_tokens: false }).ids;
}

function assertSame(tokenizer: Tokenizer, texts: readonly string[]): void {
  const peer = peerOf(tokenizer);
  for (const text of texts) {
    const [ours, theirs] = [tokenizer.encode(text), peer(text)];
    // comparing strings of 60,000 lines would take longer than encoding them
    if (ours.length === theirs.length && theirs.every((id, i) => id === ours[i])) continue;
    assertEquals(Array.from(ours), theirs, text);
  }
}

for (const type of tokenizerTypes) {
  Deno.test(`encode() gives the ids of @huggingface/tokenizers for five megabytes in many scripts (${type})`, async () => {
    const tokenizer = await trainTokenizer(sample, { type, size: type === "char" ? 2500 : 8000 });
    assertGreater(new Blob(lines).size, 5e6);
    assertSame(tokenizer, lines);
  });

  Deno.test(`tokenizer.json is read back as the same tokenizer (${type})`, async () => {
    const tokenizer = await trainTokenizer(sample, { type, size: type === "char" ? 500 : 1500 });
    const back = fromTokenizerJson(JSON.parse(JSON.stringify(toTokenizerJson(tokenizer))));
    assertEquals([back.type, back.tokens, back.special], [type, tokenizer.tokens, tokenizer.special]);
    for (const line of sample.slice(0, 500)) {
      assertEquals(back.encodeWords(line), tokenizer.encodeWords(line));
      assertEquals(back.decode(back.encode(line)), tokenizer.decode(tokenizer.encode(line)));
    }
  });
}

Deno.test("encode() of a cased WordPiece vocabulary gives the ids of @huggingface/tokenizers", async () => {
  const options = { type: "wordpiece", size: 3000, lowercase: false } as const;
  const trained = await trainTokenizer(sample, options);
  for (const stripAccents of [false, true]) {
    const tokenizer = wordPieceTokenizer(trained.tokens, {
      lowercase: false,
      stripAccents,
      splitChinese: stripAccents,
    });
    assertSame(tokenizer, sample);
  }
});

Deno.test("decode() writes what @huggingface/tokenizers writes", async () => {
  const text = "Don't stop: it's 3,000.50 or so (they've said)! naïve Ωmega – 世界 \u{1f600} [x]";
  for (const type of tokenizerTypes) {
    const tokenizer = await trainTokenizer([...sample.slice(0, 2000), ...Array(5).fill(text)], { type, size: 3000 });
    const json = JSON.parse(JSON.stringify(toTokenizerJson(tokenizer)));
    const peer = new Peer(json, toTokenizerConfigJson(tokenizer, 512));
    const ids = tokenizer.encode(text);
    assertEquals(tokenizer.decode(ids), peer.decode(Array.from(ids)));
  }
});
