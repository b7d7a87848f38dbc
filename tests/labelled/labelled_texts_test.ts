import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { classesOf } from "../../lib/labelled/classes.ts";
import { type LabelledOptions, labelledTexts } from "../../lib/labelled/labelled_texts.ts";
import { BadRecords, stringSource } from "../../lib/text/source.ts";

async function pairs(name: string, text: string, options: LabelledOptions = {}): Promise<[string, string][]> {
  const found = await Array.fromAsync(labelledTexts(stringSource(name, text), options));
  return found.map(({ label, text }) => [label, text]);
}

const expected: [string, string][] = [["good", "Good, and cheap."], ["7", 'It "broke".'], ["true", "Two\nlines"]];

Deno.test("labelledTexts() reads the same from tables and from JSON in all its layouts, numbers and truths as names", async () => {
  const table = 'id,text,label\n1,"Good, and cheap.", good \n2,"It ""broke"".",7\n3,"Two\nlines",true\n';
  assertEquals(await pairs("a.csv", table), expected);
  const tabs = 'label\ttext\ngood\tGood, and cheap.\n7\t"It ""broke""."\ntrue\t"Two\nlines"\n';
  assertEquals(await pairs("a.tsv", tabs), expected);
  const records = [
    { text: "Good, and cheap.", label: "good" },
    { text: 'It "broke".', label: 7 },
    { text: "Two\nlines", label: true },
  ];
  const lines = records.map((record) => JSON.stringify(record)).join("\n");
  assertEquals(await pairs("a.jsonl", lines), expected);
  assertEquals(await pairs("a.data", lines, { format: "jsonl" }), expected);
  assertEquals(await pairs("a.json", JSON.stringify(records)), expected);
  assertEquals(await pairs("a.json", JSON.stringify({ data: records })), expected);
  assertEquals(await pairs("a.json", JSON.stringify({ rows: records.map((row) => ({ row })) })), expected);
  const split = { columns: ["label", "text"], data: records.map(({ text, label }) => [label, text]) };
  assertEquals(await pairs("a.json", JSON.stringify(split)), expected);
});

Deno.test("labelledTexts() takes fields by name and by path, and says where each text stands", async () => {
  const source = stringSource("a.jsonl", '{"a":{"body":"x"},"b":{"c":"y"}}\n\n{"a":{"body":"z"},"b":{"c":0}}\n');
  assertEquals(await Array.fromAsync(labelledTexts(source, { field: "a.body", label: "b.c" })), [
    { text: "x", label: "y", source: "a.jsonl, line 1" },
    { text: "z", label: "0", source: "a.jsonl, line 3" },
  ]);
});

Deno.test("labelledTexts() names all rows without a label at once, or leaves out as many as may be", async () => {
  const table = "text,label\na,x\nb,\nc,y\nd, \n";
  const message =
    'Cannot use a.csv: 2 texts have no label in "label" (lines 3 and 5); label them, or leave them out by ' +
    "--skip-bad 2";
  await assertRejects(() => pairs("a.csv", table), SyntaxError, message);
  const lines = '{"text":"a","label":"x"}\n{"text":"b","label":null}\n{"text":"c","label":"y"}\n{"text":"d"}\n';
  await assertRejects(() => pairs("a.jsonl", lines), SyntaxError, '2 texts have no label in "label" (lines 2 and 4)');
  for (const [name, text] of [["a.csv", table], ["a.jsonl", lines]] as const) {
    const bad = new BadRecords(2);
    assertEquals(await pairs(name, text, { bad }), [["x", "a"], ["y", "c"]]);
    assertEquals(bad.count, 2);
    await assertRejects(() => pairs(name, text, { bad: new BadRecords(1) }), SyntaxError, 'it has no label in "label"');
  }
});

Deno.test("labelledTexts() leaves out empty texts and says which", async () => {
  const notes: string[] = [];
  const note = (sentence: string) => notes.push(sentence);
  assertEquals(await pairs("a.csv", 'text,label\n"",x\nb,y\n" ",x\n', { note }), [["y", "b"]]);
  assertEquals(notes, ["2 records have an empty text and are left out: a.csv, lines 2 and 4"]);
});

const wrong: readonly (readonly [name: string, text: string, sentence: string])[] = [
  ["a.csv", "text,class\na,b\n", 'Cannot use a.csv: it has no column "label" (--label); its columns are text, class'],
  ["a.csv", "body,label\na,b\n", 'Cannot use a.csv: it has no column "text" (--field); its columns are body, label'],
  ["a.jsonl", '{"text":"a","class":1}\n', 'it has no field "label" (--label); its fields are text, class'],
  ["a.jsonl", '{"text":"a","label":["x","y"]}\n', 'a.jsonl, line 1: its label in "label" is a list'],
  ["a.jsonl", '{"text":"a","label":{"x":1}}\n', 'a.jsonl, line 1: its field "label" (--label) is an object'],
  ["a.json", '{"text":["a","b"],"label":["x","y"]}', "its texts stand in a list of their own"],
  ["a.txt", "a line\nanother\n", "it is plain text; wanted CSV, TSV, JSON or JSON lines"],
  ["a.csv", "", "it is empty"],
];

Deno.test("labelledTexts() says what is wrong with a file that has no labels", async () => {
  for (const [name, text, sentence] of wrong) await assertRejects(() => pairs(name, text), SyntaxError, sentence);
});

Deno.test("classesOf() counts classes in an order of their names, numbers by size", () => {
  assertEquals(classesOf(["b", "a", "b", "B"]), {
    names: ["B", "a", "b"],
    counts: [1, 1, 2],
    notes: ["2 classes have one example only: B, a"],
  });
  assertEquals(classesOf(["10", "9", "10", "9"]).names, ["9", "10"]);
  assertEquals(classesOf(["10", "9", "10", "9"]).notes, []);
});

Deno.test("classesOf() takes a thousand classes, also if they are called by numbers", () => {
  const labels = Array.from({ length: 5000 }, (_, i) => String(i % 1000));
  const { names, counts } = classesOf(labels);
  assertEquals([names.length, names.at(-1), counts[7]], [1000, "999", 5]);
  // also with two of each
  assertEquals(classesOf(labels.slice(0, 2000)).names.length, 1000);
});

Deno.test("classesOf() refuses what cannot be told apart, and amounts", () => {
  assertThrows(() => classesOf([]), RangeError, "there is no text with a label");
  assertThrows(() => classesOf(["x", "x"]), RangeError, 'the only label is "x", on 2 texts; at least two are needed');
  const amounts = Array.from({ length: 100 }, (_, i) => (i / 7).toFixed(3));
  const sentence = "100 texts have 100 different numbers, such as 0.000, 0.143, 0.286, so they look like amounts";
  assertThrows(() => classesOf(amounts), RangeError, sentence);
  assertThrows(() => classesOf(Array.from({ length: 100 }, (_, i) => String(i * i))), RangeError, "look like amounts");
  const stars = Array.from({ length: 100 }, (_, i) => String(i % 10 / 2));
  assertEquals(classesOf(stars).names.length, 10);
});
