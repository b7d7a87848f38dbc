import { assertEquals, assertRejects } from "@std/assert";
import { gzipSync } from "node:zlib";
import { textSource } from "../../lib/text/text_source.ts";
import { BadRecords } from "../../lib/text/source.ts";
import { bytesSource, passagesOf, textsIn } from "../helpers/text_sources.ts";

const texts = ["one", 'two "quoted" {braces} [brackets]', "drei\nfünf \\ ü😀", ""];
const records = texts.map((text, id) => ({ id, text, meta: { tags: ["a", "]"], deep: { n: null } } }));
const lines = (values: readonly unknown[]) => values.map((value) => JSON.stringify(value)).join("\n");
const pretty = (value: unknown) => JSON.stringify(value, null, 2);
const byIndex = (values: readonly unknown[]) => Object.fromEntries(values.map((value, i) => [i, value]));
const columns = { id: [0, 1, 2, 3], text: texts };

/** Files that hold the texts, by layout. */
const layouts: Readonly<Record<string, string>> = {
  "lines of objects": lines(records),
  "lines with carriage returns": lines(records).replaceAll("\n", "\r\n"),
  "lines with blank ones between": lines(records).replaceAll("\n", "\n\n"),
  "lines of strings": lines(texts),
  "a list of objects": JSON.stringify(records),
  "a list of objects, indented": pretty(records),
  "a list with one object a line": `[\n${records.map((record) => JSON.stringify(record)).join(",\n")}\n]`,
  "a list with a comma at the end": `[${records.map((record) => JSON.stringify(record)).join(",")},]`,
  "a list of strings": pretty(texts),
  "two lists one after the other": JSON.stringify(records.slice(0, 2)) + JSON.stringify(records.slice(2)),
  "objects one after the other": records.map((record) => JSON.stringify(record)).join(""),
  "indented objects one after the other": records.map(pretty).join("\n"),
  "a sequence with record separators": records.map((record) => `\x1e${JSON.stringify(record)}\n`).join(""),
  "a list within an object": JSON.stringify({ version: "1.0", count: 4, data: records }),
  "a list deep within": pretty({ status: { ok: true }, response: { docs: records, numFound: 4 }, tags: ["x"] }),
  "rows of the Hugging Face server": JSON.stringify({
    features: [{ feature_idx: 0, name: "text" }],
    rows: records.map((row, row_idx) => ({ row_idx, row, truncated_cells: [] })),
    num_rows_total: 4,
  }),
  "columns as lists": JSON.stringify(columns),
  "pandas' orient columns": JSON.stringify({ id: byIndex(columns.id), text: byIndex(texts) }),
  "pandas' orient index": JSON.stringify(byIndex(records)),
  "pandas' orient split": JSON.stringify({
    columns: ["id", "text"],
    index: [0, 1, 2, 3],
    data: records.map(({ id, text }) => [id, text]),
  }),
  "pandas' orient table": JSON.stringify({ schema: { fields: [{ name: "text", type: "string" }] }, data: records }),
};

for (const [layout, json] of Object.entries(layouts)) {
  Deno.test(`jsonSource() reads ${layout}, from any place and in any pieces`, async () => {
    // one line of JSON lines with a list in it is one record
    for (const name of layout === "columns as lists" ? ["a.json"] : ["a.json", "a.jsonl", "a.ndjson"]) {
      for (const piece of [1, 7, 1 << 16]) {
        assertEquals(await textsIn(name, `${json}\n`, { piece }), texts, `${name} in pieces of ${piece}`);
      }
      assertEquals(await textsIn(name, `\ufeff${json}`), texts, `${name} with a mark`);
      assertEquals(await textsIn(`${name}.gz`, gzipSync(json)), texts, `${name}.gz`);
      const source = await textSource(bytesSource(name, json, 5));
      const passages = await passagesOf(source);
      for (const [i, { next }] of passages.entries()) {
        assertEquals(await passagesOf(source, { start: next }), passages.slice(i + 1), `${name} from ${next}`);
      }
    }
  });
}

Deno.test("jsonSource() tells a layout in files that are longer than what it looks at first", async () => {
  const many = Array.from({ length: 20_000 }, (_, i) => ({ i, text: `text number ${i}` }));
  const all = many.map(({ text }) => text);
  for (
    const json of [
      lines(many),
      JSON.stringify(many),
      pretty(many),
      JSON.stringify({ data: many }),
      JSON.stringify({ text: all }),
      JSON.stringify({ text: byIndex(all) }),
    ]
  ) assertEquals(await textsIn("a.json", json), all);
});

Deno.test("jsonSource() follows a path, and takes a key that has the dot in it first", async () => {
  const read = (value: unknown, field: string) => textsIn("a.jsonl", lines([value, value]), { field });
  assertEquals(await read({ doc: { text: "t" } }, "doc.text"), ["t", "t"]);
  assertEquals(await read({ doc: { text: "t" }, "doc.text": "key" }, "doc.text"), ["key", "key"]);
  assertEquals(await read({ "a.b": { c: "t" } }, "a.b.c"), ["t", "t"]);
  assertEquals(await read({ turns: ["one", "two"] }, "turns"), ["one\ntwo", "one\ntwo"]);
  assertEquals(await read({ turns: [{ say: "one" }, { say: "two" }] }, "turns.say"), ["one\ntwo", "one\ntwo"]);
  assertEquals(await read([7, "t"], "1"), ["t", "t"]);
  assertEquals(await textsIn("a.json", JSON.stringify([[7, "t"]]), { field: "1" }), ["t"]);
  const parts = { train: [{ text: "t" }], test: [{ text: "u" }] };
  await assertRejects(
    () => textsIn("a.json", JSON.stringify(parts)),
    SyntaxError,
    "in train and test; name one of them",
  );
  assertEquals(await textsIn("a.json", JSON.stringify(parts), { field: "test.text" }), ["u"]);
  for (const field of ["constructor", "__proto__", "length", "text.length"]) {
    await assertRejects(() => read({ text: "t" }, field), SyntaxError, `it has no text in field "${field}"`);
  }
});

Deno.test("jsonSource() skips records without text, and says where JSON breaks", async () => {
  const list = '[{"text": "a"}, {"text": 3}, 7, {"id": 1}, {"text": "b", "x": NaN}, {"text": ["c", 1]}, {"text": "d"}]';
  const bad = new BadRecords(10);
  assertEquals(await textsIn("a.json", list, { bad }), ["a", "b", "d"]);
  assertEquals(bad.messages.slice(0, 2), [
    'Cannot use a.json, byte 16 (line 1): it has no text in field "text" (--field); its fields are text',
    'Cannot use a.json, byte 29 (line 1): it has no text in field "text" (--field); its fields are none',
  ]);
  assertEquals(bad.count, 4);
  const broken = '[{"text": "a"},\n {"text": "b"}},\n {"text": "c"}]';
  await assertRejects(() => textsIn("a.json", broken), SyntaxError, "its JSON breaks at byte 30 (line 2)");
  const one = new BadRecords(1);
  assertEquals(await textsIn("a.json", broken, { bad: one }), ["a", "b"]);
  await assertRejects(() => textsIn("a.json", '[{"text": "a"}, {"te'), SyntaxError, "it ends within a string");
  await assertRejects(
    () => textsIn("a.json", "Once upon a time"),
    SyntaxError,
    'it is no JSON, it begins with "Once upon',
  );
  await assertRejects(
    () => textsIn("a.json", '{"name": "x", "items": [{"body": "t"}]}'),
    SyntaxError,
    "it is one object with name, items (a list of records with body)",
  );
});

Deno.test("jsonSource() makes halves of surrogate pairs U+FFFD", async () => {
  const half = '{"text": "a \\ud83d b \\uDE00 c \\ud83d\\ude00"}';
  for (const json of [`${half}\n${half}`, `[${half}]`]) {
    assertEquals((await textsIn("a.json", json))[0], "a \ufffd b \ufffd c 😀");
  }
});
