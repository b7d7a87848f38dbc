import { assert, assertEquals, assertRejects } from "@std/assert";
import { type ColumnSource, parquetWriteBuffer, type SchemaElement } from "hyparquet-writer";
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import { fileSources } from "../../lib/text/file_source.ts";
import { decodeParquet } from "../../lib/text/parquet_decoder.ts";
import { textSource } from "../../lib/text/text_source.ts";
import { BadRecords } from "../../lib/text/source.ts";
import { bytesSource, passagesOf, textsIn } from "../helpers/text_sources.ts";

const rows = ["one", 'two "quoted"', "drei\nfünf 😀", "", "one"];
const encode = (text: string) => new TextEncoder().encode(text);
const written = (columnData: ColumnSource[], options: object = {}) =>
  new Uint8Array(parquetWriteBuffer({ columnData, ...options }));
const root = { name: "root", num_children: 1 } as SchemaElement;
const text = (
  element: Partial<SchemaElement>,
) => [root, { name: "text", repetition_type: "OPTIONAL", ...element } as SchemaElement];

const compressors = {
  GZIP: (bytes: Uint8Array) => gzipSync(bytes),
  ZSTD: (bytes: Uint8Array) => zstdCompressSync(bytes),
  BROTLI: (bytes: Uint8Array) => brotliCompressSync(bytes),
};

for (const codec of ["UNCOMPRESSED", "SNAPPY", "GZIP", "ZSTD", "BROTLI"]) {
  Deno.test(`parquet() reads pages packed by ${codec}`, async () => {
    const many = Array.from({ length: 5000 }, (_, i) => rows[i % rows.length]!);
    for (const data of [rows, many]) {
      const bytes = written([{ name: "text", data, type: "STRING" }], { codec, compressors });
      assertEquals(await textsIn("a.parquet", bytes), data);
      // by its first bytes, whatever it is called
      assertEquals(await textsIn("a.txt", bytes), data);
      const source = await textSource(bytesSource("a.parquet", bytes));
      const passages = await passagesOf(source);
      for (const i of [0, 3, data.length - 1]) {
        assertEquals(await passagesOf(source, { start: passages[i]!.next }), passages.slice(i + 1));
      }
    }
  });
}

Deno.test("parquet() reads text of every type that holds it", async () => {
  const bytes = rows.map(encode);
  const columns: readonly [string, ColumnSource, SchemaElement[] | undefined][] = [
    ["strings", { name: "text", data: rows, type: "STRING" }, undefined],
    ["bytes", { name: "text", data: bytes, type: "BYTE_ARRAY" }, undefined],
    ["UTF8", { name: "text", data: rows }, text({ type: "BYTE_ARRAY", converted_type: "UTF8" })],
    ["ENUM", { name: "text", data: bytes }, text({ type: "BYTE_ARRAY", converted_type: "ENUM" })],
    ["JSON", { name: "text", data: rows }, text({ type: "BYTE_ARRAY", converted_type: "JSON" })],
  ];
  for (const [name, column, schema] of columns) {
    assertEquals(await textsIn("a.parquet", written([column], schema ? { schema } : {})), rows, name);
  }
  const fixed = ["one\0\0", "zwölf"].map((value) => encode(value).slice(0, 6)).map((value) => {
    const filled = new Uint8Array(6);
    filled.set(value);
    return filled;
  });
  const schema = text({ type: "FIXED_LEN_BYTE_ARRAY", type_length: 6 });
  assertEquals(await textsIn("a.parquet", written([{ name: "text", data: fixed }], { schema })), ["one", "zwölf"]);
});

Deno.test("parquet() follows a path into structures, and takes the strings of a list as lines", async () => {
  const data = [{ text: "one", id: 1 }, { text: "two", id: 2 }];
  const schema = [
    root,
    { name: "doc", repetition_type: "OPTIONAL", num_children: 2 },
    { name: "text", repetition_type: "OPTIONAL", type: "BYTE_ARRAY", converted_type: "UTF8" },
    { name: "id", repetition_type: "OPTIONAL", type: "INT32" },
  ] as SchemaElement[];
  const nested = written([{ name: "doc", data }], { schema });
  assertEquals(await textsIn("a.parquet", nested, { field: "doc.text" }), ["one", "two"]);
  await assertRejects(
    () => textsIn("a.parquet", nested, { field: "doc.id" }),
    SyntaxError,
    'column "doc.id" holds no text',
  );
  const dotted = written([{ name: "doc.text", data: ["key"], type: "STRING" }]);
  assertEquals(await textsIn("a.parquet", dotted, { field: "doc.text" }), ["key"]);
  const list = [
    root,
    { name: "text", repetition_type: "OPTIONAL", num_children: 1, converted_type: "LIST" },
    { name: "list", repetition_type: "REPEATED", num_children: 1 },
    { name: "element", repetition_type: "OPTIONAL", type: "BYTE_ARRAY", converted_type: "UTF8" },
  ] as SchemaElement[];
  const lists = written([{ name: "text", data: [["a", "b"], ["c"]] }], { schema: list });
  assertEquals(await textsIn("a.parquet", lists), ["a\nb", "c"]);
});

Deno.test("parquet() names the row and the column of a cell that is no text", async () => {
  const data = ["one", null, "two"];
  const nulls = written([{ name: "text", data, type: "STRING" }]);
  await assertRejects(
    () => textsIn("a.parquet", nulls),
    SyntaxError,
    'a.parquet, row 1: column "text" holds no text (null)',
  );
  assertEquals(await textsIn("a.parquet", nulls, { bad: new BadRecords(1) }), ["one", "two"]);
  const broken = written([{ name: "text", data: [encode("one"), Uint8Array.of(0xff, 0xfe)], type: "BYTE_ARRAY" }]);
  await assertRejects(
    () => textsIn("a.parquet", broken),
    SyntaxError,
    'row 1: column "text" holds bytes that are no UTF-8',
  );
  const numbers = written([{ name: "text", data: [1, 2], type: "INT32" }]);
  await assertRejects(() => textsIn("a.parquet", numbers), SyntaxError, 'row 0: column "text" holds no text');
});

Deno.test("parquet() refuses a codec that it does not know by name", async () => {
  const bytes = written([{ name: "text", data: rows, type: "STRING" }], {
    codec: "LZO",
    compressors: { LZO: (b: Uint8Array) => b },
  });
  await assertRejects(
    () => textsIn("a.parquet", bytes),
    SyntaxError,
    'column "text" is compressed with LZO; write the file with snappy, gzip or zstd',
  );
});

Deno.test("parquet() finds a page whose header lacks a number", async () => {
  const data = Array.from({ length: 40 }, (_, i) => `some text ${i}`);
  const bytes = written([{ name: "text", data, type: "STRING", encoding: "PLAIN" }], { codec: "UNCOMPRESSED" });
  for (let at = 4; at < 40; at++) {
    for (const byte of [0, 7, 0x17, 0x25, 0x27, 0x35, 0x45]) {
      const start = performance.now();
      const changed = bytes.with(at, byte);
      await textsIn("a.parquet", changed).catch((error) => assert(error instanceof SyntaxError, String(error)));
      assert(performance.now() - start < 3000, `byte ${at} as ${byte}`);
    }
  }
  const error = await assertRejects(() => textsIn("a.parquet", bytes.with(bytes.indexOf(0x5c) + 3, 0)), SyntaxError);
  assertEquals(error.message, "Cannot read a.parquet, rows 0 to 40: the header of a page lacks a number");
});

Deno.test("decodeParquet() gives up a thread that computes for too long", async () => {
  const data = Array.from({ length: 100_000 }, (_, i) => `some text ${i}`);
  const bytes = written([{ name: "text", data, type: "STRING" }], { codec: "SNAPPY" });
  const slice = (start: number, end: number) => Promise.resolve(bytes.slice(start, end).buffer);
  const request = { reading: -1, name: "a.parquet", size: bytes.length, field: "text" };
  const rows = { first: 0, last: data.length, unpacked: bytes.length };
  const limits = () => ({ patience: 20, memory: 1e9 });
  await assertRejects(() => decodeParquet({ ...request, rows }, slice, limits), Error, "more than 0 seconds to decode");
  const answer = await decodeParquet({ ...request, rows }, slice);
  assert("texts" in answer && answer.texts.length === data.length);
});

Deno.test("parquet() of a file that shrinks says so", async () => {
  const bytes = written([{ name: "text", data: rows, type: "STRING" }]);
  const path = await Deno.makeTempFile({ suffix: ".parquet" });
  try {
    await Deno.writeFile(path, bytes);
    const [source] = await fileSources(path);
    const text = await textSource(source!);
    await Deno.truncate(path, 50);
    await assertRejects(
      () => passagesOf(text),
      RangeError,
      `Cannot read "${path}": it has changed since it was opened`,
    );
  } finally {
    await Deno.remove(path);
  }
});
