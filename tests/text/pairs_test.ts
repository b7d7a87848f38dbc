import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { pairCorpus } from "../../lib/text/pair_corpus.ts";
import { type TextPairOptions, textPairs } from "../../lib/text/pairs.ts";
import { BadRecords, stringSource } from "../../lib/text/source.ts";
import { textsOf } from "../../lib/text/corpus.ts";

const usual = [["good", "bad"], ["sentence_good", "sentence_bad"]] as const;

async function read(name: string, text: string, options: Partial<TextPairOptions> = {}) {
  const pairs = await Array.fromAsync(
    textPairs(stringSource(name, text), { usual, usualGroups: ["UID", "group"], ...options }),
  );
  return pairs.map(({ first, second, group }) => group === undefined ? [first, second] : [first, second, group]);
}

const expected = [["He, too, runs.", "He, too, run."], ["A\nB", "B\nA"]];
const quotedRows = 'good,bad\n"He, too, runs.","He, too, run."\n"A\nB","B\nA"\n';

Deno.test("textPairs() reads tables, JSON lines and lists alike, whatever they are called", async () => {
  assertEquals(await read("a.csv", quotedRows), expected);
  assertEquals(await read("a.unknown", quotedRows.replaceAll('\n"', '\r\n"')), expected);
  assertEquals(await read("a.csv", quotedRows.replaceAll('","', '";"').replace("good,bad", "good;bad")), expected);
  const tabs = "bad\tnumber\tgood\nHe, too, run.\t1\tHe, too, runs.\n";
  assertEquals(await read("a.tsv", tabs), [expected[0]]);
  const records = expected.map(([good, bad]) => ({ n: 1, good, bad }));
  const lines = records.map((record) => JSON.stringify(record)).join("\n\n");
  assertEquals(await read("a.jsonl", lines), expected);
  assertEquals(await read("a", lines), expected);
  assertEquals(await read("a.json", lines), expected);
  assertEquals(await read("a.json", JSON.stringify(records, null, 2)), expected);
  assertEquals(await read("a.jsonl", expected.map((pair) => JSON.stringify(pair)).join("\n")), expected);
});

Deno.test("textPairs() tells the group where there is one, and takes the fields that are named", async () => {
  assertEquals(await read("a.csv", "good,bad,group\na,b,verbs\nc,d,\n"), [["a", "b", "verbs"], ["c", "d"]]);
  const record = { sentence_good: "a", sentence_bad: "b", UID: "agreement", more: { x: "c" }, n: 3 };
  assertEquals(await read("a.jsonl", JSON.stringify(record)), [["a", "b", "agreement"]]);
  assertEquals(await read("a.jsonl", JSON.stringify(record), { fields: ["more.x", "sentence_bad", "n"] }), [[
    "c",
    "b",
    "3",
  ]]);
  assertEquals(await read("a.csv", "x,y,z\na,b,c\n", { fields: ["z", "x"] }), [["c", "a"]]);
});

Deno.test("textPairs() tells once which fields there are, unless they are named", async () => {
  const seen: string[][] = [];
  const hears = { seen: (names: readonly string[]) => seen.push([...names]) };
  await read("a.csv", "good,bad,score\na,b,1\nc,d,0\n", hears);
  await read("a.jsonl", '{"good": "a", "bad": "b", "n": 1}\n{"good": "c", "bad": "d"}\n', hears);
  await read("a.csv", "good,bad,score\na,b,1\n", { ...hears, fields: ["good", "bad"] });
  assertEquals(seen, [["good", "bad", "score"], ["good", "bad", "n"]]);
});

Deno.test("textPairs() says what it found where it cannot be used", async () => {
  const wish = "wanted good and bad, or sentence_good and sentence_bad, or others named by --field FIRST,SECOND";
  const fails = (name: string, text: string, message: string, options?: Partial<TextPairOptions>) =>
    assertRejects(() => read(name, text, options), Error, message);
  await fails("a.csv", "x,y\na,b\n", `Cannot use a.csv: its columns are x, y; ${wish}`);
  await fails("a.jsonl", '{"x": "a"}', `Cannot use a.jsonl: its fields are x; ${wish}`);
  await fails("a.jsonl", "3\n", `Cannot use a.jsonl: it is no object; ${wish}`);
  await fails("a.csv", "x,y\na,b\n", "its columns are x, y; wanted x, z", { fields: ["x", "z"] });
  await fails("a.csv", "x,y\na,b\n", "Cannot read pairs from the fields x: name two", { fields: ["x"] });
  await fails("a.csv", "", "Cannot use a.csv: it is empty");
  await fails("a.jsonl", "\n", "Cannot use a.jsonl: it is empty");
  await fails("a.csv", "good,bad\na,\n", "Cannot use a.csv, line 2: a text of the pair is empty");
  await fails("a.csv", "good,bad\na,b,c\n", "Cannot use a.csv, line 2: it has 3 cells, the heading 2");
  await fails("a.jsonl", '{"good": "a", "bad": "b"}\n{"good"', "Cannot use a.jsonl, line 2: it is no JSON");
  const bad = new BadRecords(2);
  assertEquals(await read("a.csv", "good,bad\n,b\na,b\na, \n", { bad }), [["a", "b"]]);
  assertEquals(bad.count, 2);
});

Deno.test("pairCorpus() holds its last pairs back to validate on, or takes others, and has their texts as passages", async () => {
  const all = Array.from({ length: 30 }, (_, i) => ({ first: `q${i}`, second: `a${i}`, place: `line ${i + 2}` }));
  const corpus = pairCorpus(all, { name: "faq" });
  assertEquals([corpus.pairs("training").length, corpus.pairs("validation").length], [27, 3]);
  assertEquals(await Array.fromAsync(textsOf(corpus, "validation")), ["q27", "a27", "q28", "a28", "q29", "a29"]);
  const [, second] = await Array.fromAsync(corpus.passages("validation"));
  const [third] = await Array.fromAsync(corpus.passages("validation", second!.next));
  assertEquals(third!.text, "q28");
  const own = pairCorpus(all, { name: "faq", validation: { name: "other", pairs: all.slice(0, 2) } });
  assertEquals([own.pairs("training").length, own.pairs("validation").length, own.validates], [30, 2, "other"]);
  assertThrows(
    () => pairCorpus(all.slice(0, 3), { name: "faq" }),
    RangeError,
    "for training there is 1, wanted 2; it has 3 pairs, of which the last 2 validate",
  );
});
