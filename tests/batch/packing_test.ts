import { assert, assertEquals } from "@std/assert";
import { maskBatch } from "../../lib/batch/loader.ts";
import { cutBlock, packBestFit } from "../../lib/batch/packing.ts";
import { paddingShare, WindowSource } from "../../lib/batch/windows.ts";
import { textCorpus } from "../../lib/text/corpus.ts";
import { plainText } from "../../lib/text/plain_text.ts";
import { stringSource } from "../../lib/text/source.ts";
import { characterTokenizer } from "../../lib/tokenizer/character.ts";
import { random } from "../helpers/random.ts";

const tokenizer = characterTokenizer("abcdefghijklmnopqrstuvwxyz .\n");
const { "[PAD]": PAD, "[CLS]": CLS, "[SEP]": SEP } = tokenizer.special as Record<string, number>;

/** Sentences of mixed length, each beginning with its own mark. */
function sentences(count: number, longest = 150): string[] {
  const next = random(4);
  return Array.from(
    { length: count },
    () =>
      Array.from({ length: 1 + Math.floor(longest * next() ** 2) }, () => "abcdefgh ij"[Math.floor(11 * next())]).join(
        "",
      ),
  );
}

Deno.test("packBestFit() fills bins without overflow, loses nothing, and wastes less than two percent", () => {
  const next = random(9);
  for (const capacity of [7, 64, 128]) {
    const sizes = Array.from({ length: 5000 }, () => 1 + Math.floor(capacity * next()));
    const bins = packBestFit(sizes, capacity);
    const full = bins.map((bin) => bin.reduce((sum, item) => sum + sizes[item]!, 0));
    assert(full.every((size) => size <= capacity));
    assertEquals(bins.flat().sort((a, b) => a - b), [...sizes.keys()]);
    const total = sizes.reduce((sum, size) => sum + size);
    assert(bins.length * capacity < 1.02 * total + capacity, `${bins.length} bins for ${total / capacity}`);
  }
  assertEquals(packBestFit([], 8), []);
  assertEquals(packBestFit([3, 5, 4, 4], 8), [[1, 0], [2, 3]]);
});

Deno.test("cutBlock() packs whole documents apart, cuts long ones, and frames them", () => {
  const documents = ["abc", "d".repeat(30), "", "ef"].map((text) => tokenizer.encode(text));
  const block = {
    tokens: Uint32Array.from(documents.flatMap((ids) => [...ids])),
    documentSizes: documents.map((ids) => ids.length),
  };
  const cut = cutBlock(block, { length: 16, pack: "document", tokenizer, words: false });
  const windows = Array.from({ length: cut.count }, (_, i) => cut.window(i));
  const found: string[] = [];
  for (const { tokens, documents, padding } of windows) {
    assertEquals(tokens.length, 16);
    for (let at = 0; at < 16;) {
      const [first, behind] = [documents![2 * at]!, documents![2 * at + 1]!];
      assertEquals(first, at);
      for (let i = first; i < behind; i++) assertEquals([...documents!.subarray(2 * i, 2 * i + 2)], [first, behind]);
      const part = tokens.subarray(first, behind);
      if (part[0] === PAD) {
        assert(part.every((id) => id === PAD));
        assertEquals([behind, part.length], [16, padding]);
      } else {
        assertEquals([part[0], part.at(-1)], [CLS, SEP]);
        found.push(tokenizer.decode(part.subarray(1, -1)));
      }
      at = behind;
    }
  }
  assertEquals(found.sort(), ["abc", "dd", "d".repeat(14), "d".repeat(14), "ef"].sort());
});

Deno.test("cutBlock() gives every line a window of its own and cuts it off at the end", () => {
  const block = { tokens: tokenizer.encode("abcdefghij"), documentSizes: [3, 7] };
  const cut = cutBlock(block, { length: 8, pack: "line", tokenizer, words: false });
  assertEquals(cut.count, 2);
  assertEquals(tokenizer.decode(cut.window(0).tokens), "[CLS]abc[SEP][PAD][PAD][PAD]");
  assertEquals(tokenizer.decode(cut.window(1).tokens), "[CLS]defghi[SEP]");
  assertEquals([cut.window(0).padding, cut.window(1).padding], [3, 0]);
});

Deno.test("WindowSource packs sentences with less than 2 % padding, and goes on from any position", async () => {
  const lines = sentences(6000);
  const corpus = await textCorpus([stringSource("s.txt", lines.join("\n"))]);
  const make = (position?: WindowSource["position"]) =>
    new WindowSource({
      corpus,
      tokenizer,
      pack: "document",
      words: true,
      seed: 1,
      blockTokens: 50_000,
      ...(position ? { position } : {}),
    });
  const source = make();
  const first = await source.next({ length: 128, count: 1200 });
  const share = paddingShare(source.position);
  assert(share > 0 && share < 0.02, `${share}`);
  assert(first.every(({ documents, continues }) => documents && continues));
  const expected = await source.next({ length: 128, count: 700 });
  const again = make();
  await again.next({ length: 128, count: 1200 });
  const resumed = make(JSON.parse(JSON.stringify(again.position)));
  assertEquals(await resumed.next({ length: 128, count: 700 }), expected);
});

Deno.test("WindowSource takes paragraphs as documents, line breaks and all", async () => {
  const text = Array.from({ length: 40 }, (_, i) => `a${"b".repeat(i % 5)}\nc`).join("\n\n");
  const corpus = await textCorpus([plainText(stringSource("p.txt", text), { document: "paragraph" })]);
  const source = new WindowSource({ corpus, tokenizer, pack: "line", seed: 1 });
  for (const { tokens } of await source.next({ length: 16, count: 30 })) {
    const line = tokenizer.decode(tokens.filter((id) => id !== PAD));
    assert(/^\[CLS\]ab*\nc\[SEP\]$/.test(line), line);
  }
});

Deno.test("maskBatch() never masks padding and hands on the bounds of documents", async () => {
  const corpus = await textCorpus([stringSource("s.txt", sentences(500, 40).join("\n"))]);
  const source = new WindowSource({ corpus, tokenizer, pack: "line", seed: 1 });
  const windows = await source.next({ length: 64, count: 32 });
  const { batch } = maskBatch(windows, { tokenizer, rate: 0.3, seed: 1, capacity: 4096 });
  assertEquals(batch.documents!.length, 2 * 32 * 64);
  for (const position of batch.maskedRows) assert(batch.original[position]! > 4);
  assertEquals([...batch.documents!.subarray(2 * 64, 2 * 64 + 2)], [...windows[1]!.documents!.subarray(0, 2)]);
});
