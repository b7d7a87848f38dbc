import { assert, assertEquals } from "@std/assert";
import { chunkTexts } from "../../lib/inference/chunk_texts.ts";
import { encodeFramed } from "../../lib/tokenizer/special_tokens.ts";
import { characterTokenizer } from "../../lib/tokenizer/character.ts";
import { mixedText } from "../helpers/mixed_text.ts";
import { random } from "../helpers/random.ts";
import { vocabularies } from "../helpers/vocabularies.ts";

const kinds = await vocabularies();
const chunksOf = (kind: string, parts: readonly string[], longest: number) =>
  Array.fromAsync(chunkTexts(parts, { tokenizer: kinds[kind]!, longest }));

for (const kind of Object.keys(kinds)) {
  Deno.test(`chunkTexts() cuts any text for a ${kind} vocabulary so that it fits and nothing is lost`, async () => {
    const next = random(5);
    const lines = mixedText(6000, 8);
    const texts: Record<string, string[]> = {
      lines: lines.map((line) => `${line}\n`),
      "one line": [lines.join(" ")],
      "no white space": [lines.join("").replace(/\s/g, "")],
      "long words": [`${"a".repeat(700)} ${"b".repeat(90)}\n`, "c\n", "😀".repeat(300)],
      spaces: [`a${" ".repeat(400)}b\n`, "\n\n\n", "   \n"],
      pieces: Array.from({ length: 40 }, () => lines[0]!.slice(0, Math.floor(next() * 80))),
    };
    for (const [name, parts] of Object.entries(texts)) {
      for (const longest of [8, 33, 128]) {
        const chunks = await chunksOf(kind, parts, longest);
        for (const chunk of chunks) {
          const { length } = encodeFramed(kinds[kind]!, chunk);
          assert(length <= longest, `${name}: ${length} tokens of ${longest} in ${JSON.stringify(chunk.slice(0, 80))}`);
        }
        const without = (text: string) => text.replace(/[\r\n]/g, "");
        assertEquals(without(chunks.join("")), without(parts.join("")), name);
      }
    }
  });
}

Deno.test("chunkTexts() fills chunks with whole lines, and cuts long ones between words", async () => {
  const first = ["the ball is in the garden\n", "the kite\n"];
  const last = "where is the ball? in the garden, the red kite and the ball and the garden\n";
  const longest = encodeFramed(kinds["framed wordpiece"]!, first.join("")).length;
  const [whole, ...rest] = await chunksOf("framed wordpiece", [...first, last, "the\n"], longest);
  assertEquals(whole, "the ball is in the garden\nthe kite");
  assert(rest.length > 1);
  for (const chunk of rest) assert(/^(where | )/.test(chunk), JSON.stringify(chunk));
});

Deno.test("chunkTexts() gives nothing for nothing", async () => {
  assertEquals(await chunksOf("char", [], 8), []);
  assertEquals(await chunksOf("char", ["", ""], 8), []);
  assertEquals(await chunksOf("framed bpe", ["\n"], 8), [""]);
});

Deno.test("chunkTexts() counts a line of a megabyte a few times, not once for each chunk", async () => {
  const tokenizer = kinds["framed wordpiece"]!;
  let characters = 0;
  const encode = (text: string) => {
    characters += text.length;
    return tokenizer.encode(text);
  };
  const line = "the ball is in the garden ".repeat(40_000);
  const chunks = await Array.fromAsync(chunkTexts([line], { tokenizer: { ...tokenizer, encode }, longest: 128 }));
  assert(chunks.length > 1000);
  assert(characters < 40 * line.length, `${characters / line.length} times`);
  // nearly full: a few tries bring a cut close to the best
  assert(chunks.slice(0, -1).every((chunk) => encodeFramed(tokenizer, chunk).length >= 110));
});

Deno.test("chunkTexts() looks at each character of a text without spaces a few times, and cuts none in two", async () => {
  const plain = characterTokenizer("ab😀");
  let characters = 0;
  const tokenizer = {
    ...plain,
    encode(text: string) {
      characters += text.length;
      return plain.encode(text);
    },
  };
  const text = "ab😀".repeat(5000);
  const chunks = await Array.fromAsync(chunkTexts([text], { tokenizer, longest: 101 }));
  assertEquals([chunks.join("") === text, chunks.every((chunk) => chunk.isWellFormed())], [true, true]);
  // 55 times where 1,600 characters were looked at for each of the 148 chunks
  assert(characters < 40 * text.length, `${characters / text.length}`);
});
