import { assert, assertEquals, assertGreater } from "@std/assert";
import { Tokenizer as Peer } from "@huggingface/tokenizers";
import { toTokenizerConfigJson, toTokenizerJson } from "../../lib/format/tokenizer_writer.ts";
import { fromTokenizerJson } from "../../lib/format/tokenizer_reader.ts";
import { type Tokenizer, tokenizerTypes } from "../../lib/tokenizer/tokenizer.ts";
import { trainTokenizer } from "../../lib/tokenizer/train_tokenizer.ts";
import { wordPieceTokenizer } from "../../lib/tokenizer/wordpiece.ts";
import { mixedText } from "../helpers/mixed_text.ts";
import { rustIds, rustTokenizer, withoutRust } from "../helpers/rust_tokenizers.ts";
import { unicodeTexts } from "../helpers/unicode_text.ts";

// more than five megabytes of UTF-8
const lines = mixedText(2_600_000, 7);
const sample = lines.slice(0, 10_000);

/** Compares ids with those of the Rust package, a thousand texts at a time. */
async function assertSame(tokenizer: Tokenizer, texts: readonly string[]): Promise<void> {
  const rust = rustTokenizer(toTokenizerJson(tokenizer));
  for (let first = 0; first < texts.length; first += 1000) {
    const some = texts.slice(first, first + 1000);
    const right = await rustIds(rust, some);
    for (const [i, text] of some.entries()) {
      const ours = tokenizer.encode(text);
      // comparing strings of 60,000 lines would take longer than encoding them
      if (ours.length === right[i]!.length && right[i]!.every((id, at) => id === ours[at])) continue;
      assertEquals(Array.from(ours), right[i], JSON.stringify(text));
    }
  }
}

for (const type of tokenizerTypes) {
  Deno.test({
    name: `encode() gives the ids of the Rust package for five megabytes in many scripts (${type})`,
    ignore: withoutRust,
    async fn() {
      const tokenizer = await trainTokenizer(sample, { type, size: type === "char" ? 2500 : 8000 });
      assertGreater(new Blob(lines).size, 5e6);
      await assertSame(tokenizer, lines);
    },
  });

  Deno.test({
    name: `encode() gives the ids of the Rust package over all of Unicode (${type})`,
    ignore: withoutRust,
    async fn() {
      const texts = unicodeTexts(7);
      const tokenizer = await trainTokenizer(texts.map((text) => text.toWellFormed()), { type, size: 9000 });
      await assertSame(tokenizer, texts);
    },
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

Deno.test({
  name: "encode() of a cased WordPiece vocabulary gives the ids of the Rust package",
  ignore: withoutRust,
  async fn() {
    const options = { type: "wordpiece", size: 3000, lowercase: false } as const;
    const trained = await trainTokenizer(sample, options);
    for (const stripAccents of [false, true]) {
      const tokenizer = wordPieceTokenizer(trained.tokens, {
        lowercase: false,
        stripAccents,
        splitChinese: stripAccents,
      });
      await assertSame(tokenizer, sample);
    }
  },
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

/** Texts on which the two packages differ, with what of them differs; the Rust package is right. */
const differences: readonly (readonly [text: string, what: string])[] = [
  ["ΟΔΟΣ", "the final sigma"],
  ["a\u061db", "punctuation of later versions of Unicode"],
  ["a\u{11a01}b", "marks of later versions of Unicode"],
  ["a\u0890b", "format characters of later versions of Unicode"],
];

Deno.test({
  name: "encode() follows the Rust package where @huggingface/tokenizers differs from it",
  ignore: withoutRust,
  async fn() {
    const letters = [..."abοδσςΟΔΣ\u061d\u{11a01}\u0890"];
    const tokens = [
      "[PAD]",
      "[UNK]",
      "[CLS]",
      "[SEP]",
      "[MASK]",
      ...letters,
      ...letters.map((letter) => `##${letter}`),
    ];
    const tokenizer = wordPieceTokenizer(tokens);
    const peer = new Peer(JSON.parse(JSON.stringify(toTokenizerJson(tokenizer))), toTokenizerConfigJson(tokenizer, 64));
    for (const [text, what] of differences) {
      await assertSame(tokenizer, [text]);
      const theirs = peer.encode(text, { add_special_tokens: false }).ids;
      assert(theirs.join() !== tokenizer.encode(text).join(), `no longer different: ${what}`);
    }
  },
});
