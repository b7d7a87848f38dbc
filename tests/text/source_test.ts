import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { parquetWriteBuffer } from "hyparquet-writer";
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import { type Corpus, textCorpus, textsOf } from "../../lib/text/corpus.ts";
import { mixture } from "../../lib/text/mixture.ts";
import { compressionOf, decompressed } from "../../lib/text/decompress.ts";
import { fileSources } from "../../lib/text/file_source.ts";
import { textSource } from "../../lib/text/text_source.ts";
import { plainText } from "../../lib/text/plain_text.ts";
import { BadRecords, stringSource, type TextSource } from "../../lib/text/source.ts";
import { random } from "../helpers/random.ts";
import { bytesSource } from "../helpers/text_sources.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const all = async (given: TextSource | Promise<TextSource>, { start = 0, bad = new BadRecords() } = {}) => {
  const source = await given;
  return await Array.fromAsync(source.read({ start, end: source.size, bad }));
};
const texts = async (source: TextSource | Promise<TextSource>, options?: { start?: number; bad?: BadRecords }) =>
  (await all(source, options)).map(({ text }) => text);

/** From every place that a source gives it goes on with what followed. */
async function assertResumes(source: TextSource | Promise<TextSource>): Promise<void> {
  const passages = await all(source);
  for (const [i, { next }] of passages.entries()) {
    assertEquals(await all(source, { start: next }), passages.slice(i + 1));
  }
}

Deno.test("plainText() gives lines with places to go on from, however the bytes come", async () => {
  const text = "\ufeffone\r\n\r\nzwei äöü 😀\nlast";
  for (const piece of [1, 2, 3, 7, 1000]) {
    const source = plainText(bytesSource("a.txt", encode(text), piece));
    assertEquals(await texts(source), ["one", "", "zwei äöü 😀", "last"]);
    assertEquals((await all(source)).map(({ after }) => after), Array(4).fill("document"));
    assertEquals((await all(source)).at(-1)!.next, encode(text).length);
    await assertResumes(source);
  }
});

Deno.test("plainText() takes paragraphs or whole files as documents", async () => {
  const text = "a\nb\n\n\nc\n\nd";
  const paragraphs = plainText(stringSource("p.txt", text), { document: "paragraph" });
  assertEquals((await all(paragraphs)).map(({ text, after }) => [text, after]), [
    ["a", "line"],
    ["b", "document"],
    ["c", "document"],
    ["d", "document"],
  ]);
  const file = plainText(stringSource("p.txt", text), { document: "file" });
  assertEquals((await all(file)).map(({ after }) => after), [...Array(6).fill("line"), "document"]);
  await assertResumes(paragraphs);
});

Deno.test("plainText() hands out a line of 20 megabytes in pieces of bounded size", async () => {
  const word = "Wörter ";
  const count = 2_500_000;
  const source = plainText(stringSource("long.txt", `${word.repeat(count)}\nend`));
  const passages = await all(source);
  assertEquals(passages.map(({ text }) => text).join(""), `${word.repeat(count)}end`);
  assert(passages.length > 15);
  assert(passages.every(({ text }) => text.length <= 1 << 20));
  assertEquals(passages.slice(0, -2).every(({ after }) => after === "nothing"), true);
  assertEquals(passages.slice(-2).map(({ after }) => after), ["document", "document"]);
  assert(passages.slice(0, -2).every(({ text }) => text.endsWith(" ")));
  const fifth = passages[4]!;
  assertEquals((await all(source, { start: fifth.next }))[0], passages[5]);
});

Deno.test("jsonLines() reads a field, names what is wrong and skips as many records as it may", async () => {
  const lines = ['{"text": "eins\\nzwei", "id": 1}', "", '{"id": 2}', '{"text": 3}', "{", '{"text": "drei"}'];
  const make = () => textSource(stringSource("data.jsonl", lines.join("\n")));
  await assertRejects(() => texts(make()), SyntaxError, 'data.jsonl, line 3: it has no text in field "text" (--field)');
  const bad = new BadRecords(3);
  assertEquals(await texts(make(), { bad }), ["eins\nzwei", "drei"]);
  assertEquals(bad.count, 3);
  assertEquals(bad.messages.at(-1), "Cannot use data.jsonl, line 5: it is no JSON");
  await assertRejects(() => texts(make(), { bad: new BadRecords(2) }), SyntaxError, "after 2 others that were skipped");
  const other = textSource(stringSource("x.ndjson", '{"body": "b"}\n{"body": "c"}'), { field: "body" });
  assertEquals(await texts(other), ["b", "c"]);
  await assertResumes(other);
});

Deno.test("commaSeparated() reads a column with quotes, line breaks and missing cells", async () => {
  const csv = 'id,text,note\n1,"one, ""quoted""",x\n2,"two\nlines",\n3,plain,y\n';
  const source = textSource(stringSource("t.csv", csv));
  assertEquals(await texts(source), ['one, "quoted"', "two\nlines", "plain"]);
  await assertResumes(source);
  assertEquals(await texts(textSource(stringSource("t.csv", csv), { field: "note" })), ["x", "", "y"]);
  const wrong = textSource(stringSource("t.csv", csv), { field: "body" });
  await assertRejects(
    () => texts(wrong),
    SyntaxError,
    't.csv: it has no column "body" (--field); its columns are id, text',
  );
  await assertRejects(
    () => texts(textSource(stringSource("q.csv", 'text\n"open\nx\n'))),
    SyntaxError,
    "line 2: a quote is never",
  );
  const short = () => textSource(stringSource("s.csv", "id,text\n1\n2,b\n"));
  await assertRejects(() => texts(short()), SyntaxError, "s.csv, line 2: it has 1 cell, the text is in number 2");
  assertEquals(await texts(short(), { bad: new BadRecords(1) }), ["b"]);
  await assertRejects(() => texts(textSource(stringSource("e.csv", ""))), SyntaxError, "e.csv: it is empty");
});

const compressors = { gz: gzipSync, br: brotliCompressSync, zst: zstdCompressSync };
const lines = Array.from({ length: 20_000 }, (_, i) => `line ${i} of a compressed text`);

for (const [ending, compress] of Object.entries(compressors)) {
  Deno.test(`decompressed() reads .${ending} from any place, and says where broken data ends`, async () => {
    const packed = new Uint8Array(compress(encode(lines.join("\n"))));
    const source = textSource(bytesSource(`a.txt.${ending}`, packed));
    const passages = await all(source);
    assertEquals(passages.map(({ text }) => text), lines);
    for (const i of [0, 5000, 19_998]) {
      assertEquals(await all(source, { start: passages[i]!.next }), passages.slice(i + 1));
    }
    for (
      const broken of [
        packed.slice(0, packed.length >> 1),
        Uint8Array.from(packed, (byte, i) => i > packed.length >> 1 ? byte ^ 85 : byte),
      ]
    ) {
      const open = () => textSource(bytesSource(`b.txt.${ending}`, broken));
      await assertRejects(() => texts(open()), SyntaxError, `Cannot read b.txt.${ending}: its `);
      await assertRejects(() => texts(open()), SyntaxError, " data breaks at byte ");
      // the lines before stay, and the break counts once; gzip and brotli notice wrong bytes only later
      const bad = new BadRecords(100_000);
      const kept = await texts(open(), { bad });
      assert(bad.messages.at(-1)!.includes("data breaks at byte"), bad.messages.at(-1));
      assert(kept.length > 3000, `${kept.length}`);
      assertEquals(kept.slice(0, 3000), lines.slice(0, 3000));
    }
  });
}

Deno.test("compressionOf() goes by the name's ending", () => {
  assertEquals(compressionOf("x.txt.ZST"), { inner: "x.txt", compression: "zstd" });
  assertEquals(compressionOf("gz").compression, undefined);
  const source = stringSource("a.txt", "text");
  assertEquals(decompressed(source), source);
  assertEquals(compressionOf("constructor").compression, undefined);
});

Deno.test("parquet() reads a column from any row, and skips what is no text", async () => {
  const written = Array.from({ length: 2500 }, (_, i) => i === 1200 ? null : `row ${i}`);
  const bytes = new Uint8Array(parquetWriteBuffer({
    columnData: [
      { name: "id", data: written.map((_, i) => i), type: "INT32" },
      { name: "body", data: written, type: "STRING" },
    ],
  }));
  const source = () => textSource(bytesSource("a.parquet", bytes), { field: "body" });
  await assertRejects(() => texts(source()), SyntaxError, 'a.parquet, row 1200: column "body" holds no text');
  const bad = new BadRecords(1);
  const passages = await all(source(), { bad });
  assertEquals(passages.map(({ text }) => text), written.filter((text) => text !== null));
  for (const i of [0, 998, 999, 1700, 2498]) {
    assertEquals(await all(source(), { start: passages[i]!.next, bad: new BadRecords(1) }), passages.slice(i + 1));
  }
  await assertRejects(
    () => texts(textSource(bytesSource("a.parquet", bytes))),
    SyntaxError,
    'a.parquet: it has no column "text" (--field); its columns are id, body',
  );
});

Deno.test("textSource() says when a file is no parquet file", async () => {
  await assertRejects(
    () => texts(textSource(stringSource("a.parquet", "not at all"))),
    SyntaxError,
    "Cannot read a.parquet: it is no parquet file",
  );
});

Deno.test("plainText() reads NUL bytes as text, and names Latin-1", async () => {
  assertEquals(await texts(plainText(stringSource("nul.txt", "a\0b\n"))), ["a\0b"]);
  const latin = bytesSource("latin.txt", Uint8Array.from([0x63, 0x61, 0x66, 0xe9, 0x20, 0x61, 10]));
  await assertRejects(() => texts(plainText(latin)), SyntaxError, "offset 3 (line 1); it looks like Latin-1");
  assertEquals(await texts(plainText(latin), { bad: new BadRecords(1) }), []);
});

Deno.test("textCorpus() of compressed text trains on nine documents of ten and validates on the tenth", async () => {
  const source = bytesSource("a.txt.gz", new Uint8Array(gzipSync(encode(lines.join("\n")))));
  const corpus = await textCorpus([source, source]);
  const [training, validation] = [
    await Array.fromAsync(corpus.passages("training")),
    await Array.fromAsync(corpus.passages("validation")),
  ];
  assertEquals([training.length, validation.length], [36_000, 4000]);
  assertEquals(validation[0]!.text, lines[9]);
  const place = JSON.parse(JSON.stringify(training[20_000]!.next));
  assertEquals(await Array.fromAsync(corpus.passages("training", place)), training.slice(20_001));
});

Deno.test("textCorpus() splits between paragraphs, and whole files between files", async () => {
  const text = Array.from({ length: 100 }, (_, i) => `a ${i}\nb ${i}\nc ${i}`).join("\n\n");
  const paragraphs = await textCorpus([plainText(stringSource("p.txt", text), { document: "paragraph" })]);
  const [first] = await Array.fromAsync(paragraphs.passages("validation"));
  assert(first!.text.startsWith("a 9"), first!.text);
  const files = Array.from(
    { length: 20 },
    (_, i) => plainText(stringSource(`${i}.txt`, `file ${i}\nmore\n`), { document: "file" }),
  );
  const corpus = await textCorpus(files);
  const names = (await Array.fromAsync(textsOf(corpus, "validation"))).filter((text) => text !== "more");
  assertEquals(names, ["file 9", "file 19"]);
});

Deno.test("textCorpus() validates on a share, or on text of its own", async () => {
  const source = stringSource("a.txt", lines.join("\n"));
  const half = await textCorpus([source], { validationShare: 0.5 });
  const count = async (corpus: Corpus, part: "training" | "validation") =>
    (await Array.fromAsync(textsOf(corpus, part))).length;
  assert(Math.abs(await count(half, "training") - 10_000) < 300);
  const own = await textCorpus([source], { validation: [stringSource("v.txt", "x\ny\n")] });
  assertEquals([await count(own, "training"), await count(own, "validation")], [20_000, 2]);
  await assertRejects(() => textCorpus([source], { validationShare: 1 }), RangeError, "between 0 and 1");
});

Deno.test("mixture() takes corpora by weight, begins each anew at its end, and goes on from any place", async () => {
  const corpus = async (name: string, count: number) =>
    await textCorpus([stringSource(`${name}.txt`, `${name.repeat(20)}\n`.repeat(count))]);
  const mixed = mixture([{ corpus: await corpus("a", 1000), weight: 3 }, { corpus: await corpus("b", 7), weight: 1 }]);
  assertEquals(mixed.endless, true);
  const read = async (count: number, from?: Parameters<Corpus["passages"]>[1]) => {
    const found = [];
    for await (const passage of mixed.passages("training", from)) {
      if (found.push(passage) === count) break;
    }
    return found;
  };
  const passages = await read(3000);
  const share = passages.filter(({ text }) => text.startsWith("a")).length / passages.length;
  assert(Math.abs(share - 0.75) < 0.001, `${share}`);
  const next = random(1);
  for (let i = 0; i < 5; i++) {
    const at = Math.floor(next() * 2000);
    const place = JSON.parse(JSON.stringify(passages[at]!.next));
    assertEquals(await read(500, place), passages.slice(at + 1, at + 501));
  }
  const validation = (await Array.fromAsync(mixed.passages("validation"))).map(({ text }) => text[0]);
  // 100 and one or none: by weight as long as there are both, then what is left
  assertEquals(validation.filter((text) => text === "a").length, 99);
  assert(validation.indexOf("b") < 8);
  const alone = mixture([{ corpus: mixed, weight: 1 }], { validation: await corpus("c", 30) });
  assertEquals(new Set((await Array.fromAsync(textsOf(alone, "validation"))).map((text) => text[0])), new Set(["c"]));
  assertThrows(() => mixture([{ corpus: mixed, weight: 0 }]), RangeError, "with a weight of 0");
});

/** A server that knows ranges, or not, and compresses nothing. */
async function withServer(
  files: Readonly<Record<string, Uint8Array>>,
  knowsRanges: boolean,
  run: (address: string, requests: string[]) => Promise<void>,
): Promise<void> {
  const requests: string[] = [];
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
    const bytes = files[new URL(request.url).pathname.slice(1)];
    if (!bytes) return new Response("no such file", { status: 404 });
    const range = knowsRanges ? /bytes=(\d+)-(\d*)/.exec(request.headers.get("range") ?? "") : null;
    requests.push(`${request.method} ${range?.[0] ?? "all"}`);
    const [start, end] = range ? [Number(range[1]), range[2] ? Number(range[2]) + 1 : bytes.length] : [0, bytes.length];
    const body = new Uint8Array(bytes.slice(start, end));
    const headers = { "content-length": String(body.length) };
    return new Response(request.method === "HEAD" ? null : body, { status: range ? 206 : 200, headers });
  });
  try {
    await run(`http://127.0.0.1:${server.addr.port}`, requests);
  } finally {
    await server.shutdown();
  }
}

for (const knowsRanges of [true, false]) {
  Deno.test(`urlSource() reads text from any place, from a server ${knowsRanges ? "with" : "without"} ranges`, async () => {
    const files = { "a.txt": encode(lines.join("\n")), "b.txt.gz": new Uint8Array(gzipSync(encode(lines.join("\n")))) };
    await withServer(files, knowsRanges, async (address, requests) => {
      for (
        const [name, size] of [["a.txt?download=1", encode(lines.join("\n")).length], ["b.txt.gz", undefined]] as const
      ) {
        const [bytes] = await fileSources(`${address}/${name}`);
        const source = await textSource(bytes!);
        assertEquals(source.size, size);
        const passages = await all(source);
        assertEquals(passages.map(({ text }) => text), lines);
        assertEquals(await all(source, { start: passages[15_000]!.next }), passages.slice(15_001));
      }
      assertEquals(requests.some((request) => request.startsWith("GET bytes=")), knowsRanges);
      await assertRejects(() => fileSources(`${address}/none.txt`), RangeError, "the server answers with status 404");
    });
    await assertRejects(
      () => fileSources("http://127.0.0.1:1/a.txt"),
      RangeError,
      "Cannot read http://127.0.0.1:1/a.txt: ",
    );
  });
}
