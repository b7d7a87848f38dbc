// Bounded memory and time: alone in their process, which they measure.
import { assert, assertEquals, assertRejects } from "@std/assert";
import { parquetWriteBuffer } from "hyparquet-writer";
import { textCorpus } from "../../lib/text/corpus.ts";
import { fileSources } from "../../lib/text/file_source.ts";
import { plainText } from "../../lib/text/plain_text.ts";
import { BadRecords, type ByteSource, stringSource } from "../../lib/text/source.ts";
import { textSource } from "../../lib/text/text_source.ts";
import { textsIn } from "../helpers/text_sources.ts";

/** Bytes that are held, garbage left out: started with --expose-gc. */
function held(): number {
  (globalThis as unknown as { gc(): void }).gc();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

Deno.test("plainText() reads a line of 200 megabytes in bounded memory", async () => {
  const chunk = new TextEncoder().encode("words and words and ".repeat(5000));
  const source: ByteSource = {
    name: "endless line.txt",
    size: 2000 * chunk.length,
    stream: () =>
      ReadableStream.from((function* () {
        for (let i = 0; i < 2000; i++) yield chunk.slice();
      })()),
  };
  let characters = 0;
  let [passages, most] = [0, 0];
  const before = held();
  for await (const { text } of plainText(source).read({ start: 0, end: undefined, bad: new BadRecords() })) {
    characters += text.length;
    if (++passages % 20 === 0) most = Math.max(most, held() - before);
  }
  assertEquals(characters, 2e8);
  assert(most < 30e6, `${most} bytes`);
});

Deno.test("jsonSource() reads a list of 60 megabytes in bounded memory", async () => {
  const element = new TextEncoder().encode(`{"text": "${"words and ".repeat(500)}"},\n`);
  const count = 12_000;
  const source = {
    name: "a.json",
    size: undefined,
    stream: () =>
      ReadableStream.from((function* () {
        yield new TextEncoder().encode("[");
        for (let i = 0; i < count; i++) yield element.slice();
        yield new TextEncoder().encode("]");
      })()),
  };
  let found = 0;
  let most = 0;
  const before = held();
  const text = await textSource(source);
  for await (const _ of text.read({ start: 0, end: undefined, bad: new BadRecords() })) {
    if (++found % 1000 === 0) most = Math.max(most, held() - before);
  }
  assertEquals(found, count);
  assert(most < 30e6, `${most} bytes`);
});

Deno.test("textCorpus() reads a large file in bounded memory", async () => {
  const path = await Deno.makeTempFile();
  try {
    const file = await Deno.open(path, { write: true });
    const block = new TextEncoder().encode("a line of text that repeats itself\n".repeat(30_000));
    for (let i = 0; i < 40; i++) await file.write(block);
    file.close();
    const corpus = await textCorpus(await fileSources(path));
    let lines = 0;
    let most = 0;
    const before = held();
    for await (const _ of corpus.passages("training")) {
      if (++lines % 100_000 === 0) most = Math.max(most, held() - before);
    }
    assertEquals(lines, 1_080_001);
    assert(most < 30e6, `${most} bytes`);
  } finally {
    await Deno.remove(path);
  }
});

/** Definition levels of a page, of which a run is made to last for ever: a decoder fills its memory with it. */
function endlessRun(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  // levels of forty rows that are all there: a run of forty times 1
  const at = bytes.findIndex((byte, i) => byte === 80 && bytes[i + 1] === 1);
  const found = bytes.slice();
  // a number of several bytes takes the place of the run and of what follows it
  found.set([0xfe, 0xff, 0xff, 0xff, 0x0f, 1], at);
  return found;
}

Deno.test("parquet() gives up what takes more than its bytes can be worth, and goes on with other files", async () => {
  const data = Array.from({ length: 40 }, (_, i) => `some text ${i}`);
  const bytes = new Uint8Array(
    parquetWriteBuffer({
      columnData: [{ name: "text", data, type: "STRING", encoding: "PLAIN" }],
      codec: "UNCOMPRESSED",
    }),
  );
  const endless = endlessRun(bytes);
  assert(endless.length < 1000 && String(endless) !== String(bytes));
  const start = performance.now();
  const before = held();
  const error = await assertRejects(() => textsIn("a.parquet", endless), SyntaxError);
  assertEquals(error.message, "Cannot read a.parquet, rows 0 to 40: its data make no sense");
  assert(performance.now() - start < 10_000);
  assert(held() - before < 30e6);
  assertEquals(await textsIn("b.parquet", bytes), data);
});

Deno.test("textCorpus() reads a record of tens of megabytes in time by its length", async () => {
  const text = "a word and another. ".repeat(2_500_000);
  const start = performance.now();
  const corpus = await textCorpus([stringSource("book.jsonl", JSON.stringify({ text }))]);
  const pieces = await Array.fromAsync(corpus.passages("training"), ({ text }) => text);
  assert(pieces.join("") === text);
  // copied at every chunk, such a record takes 16 s
  assert(performance.now() - start < 5000, `${performance.now() - start} ms`);
});
