import { assert, assertEquals, assertThrows } from "@std/assert";
import { maskStream, windowStream } from "../../lib/batch/streams.ts";
import { textStream } from "../../lib/text/corpus.ts";
import { plainText } from "../../lib/text/plain_text.ts";
import { stringSource } from "../../lib/text/source.ts";
import { characterTokenizer } from "../../lib/tokenizer/character.ts";

const tokenizer = characterTokenizer("abcdefghijklmnopqrstuvwxyz 0123456789\n");
const lines = Array.from({ length: 500 }, (_, i) => `document ${i}`);
const text = lines.map((line) => `${line}\n`).join("");

Deno.test("windowStream() cuts documents through, in order, and loses only what does not fill a window", async () => {
  for (const blockTokens of [100, 1 << 16]) {
    const stream = ReadableStream.from(lines).pipeThrough(windowStream({ tokenizer, length: 32, blockTokens }));
    const windows = await Array.fromAsync(stream);
    const joined = windows.map(({ tokens }) => tokenizer.decode(tokens)).join("");
    assertEquals(joined, text.slice(0, joined.length));
    assert(text.length - joined.length < 32);
    assertEquals(new Set(windows.map(({ block, index }) => `${block} ${index}`)).size, windows.length);
  }
});

Deno.test("windowStream() packs documents, and maskStream() masks what comes", async () => {
  const masked = textStream(plainText(stringSource("a.txt", text)))
    .pipeThrough(windowStream({ tokenizer, length: 64, pack: "document", words: true }))
    .pipeThrough(maskStream({ tokenizer, rate: 0.3, mode: "word", seed: 1 }));
  let documents = 0;
  for await (const { ids, maskedPositions, window } of masked) {
    assert(maskedPositions.length > 0 && window.documents);
    for (const [i, id] of ids.entries()) assert(maskedPositions.includes(i) || id === window.tokens[i]);
    documents += window.tokens.filter((id) => id === tokenizer.special["[SEP]"]).length;
  }
  assertEquals(documents, lines.length);
});

Deno.test("windowStream() rejects a length that is none", () => {
  assertThrows(() => windowStream({ tokenizer, length: 0 }), RangeError, "Cannot cut windows of 0 tokens");
});
