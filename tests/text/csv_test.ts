import { assert, assertEquals, assertRejects } from "@std/assert";
import { textSource } from "../../lib/text/text_source.ts";
import { BadRecords } from "../../lib/text/source.ts";
import fixture from "../fixtures/csv.json" with { type: "json" };
import { bytesSource, passagesOf, textsIn } from "../helpers/text_sources.ts";

for (const ending of ["csv", "tsv"] as const) {
  Deno.test(`commaSeparated() reads .${ending} as Python's csv does, from any record and in any pieces`, async () => {
    for (const [table, expected] of fixture[ending] as [string, string[]][]) {
      for (const piece of [1, 3, 1000]) {
        const source = await textSource(bytesSource(`a.${ending}`, table, piece));
        const passages = await passagesOf(source);
        assertEquals(passages.map(({ text }) => text), expected, JSON.stringify(table));
        for (const [i, { next }] of passages.entries()) {
          assertEquals(await passagesOf(source, { start: next }), passages.slice(i + 1), JSON.stringify(table));
        }
      }
    }
  });
}

Deno.test("commaSeparated() finds what separates cells by the heading, or by a line that says it", async () => {
  const expected = ["one, two", 'three "four"'];
  for (const delimiter of [";", "\t", "|"]) {
    const table = `id${delimiter}text\n1${delimiter}one, two\n2${delimiter}"three ""four"""\n`;
    for (const name of ["a.csv", "a.tsv", "a.tab"]) assertEquals(await textsIn(name, table), expected);
    assertEquals(await textsIn("a.csv", `sep=${delimiter}\r\n${table}`), expected);
  }
  const spaced = 'id, text, label\n1, "one, two", x\n2, "three ""four""", y\n';
  assertEquals(await textsIn("a.csv", spaced), expected);
  assertEquals(await textsIn("a.csv", 'id , text \n1,"one, two"\n2,"three ""four"""\n'), expected);
});

Deno.test("commaSeparated() numbers columns of one name, and takes none of them for the others", async () => {
  const table = "text,id,text,text,id\na,1,b,c,2\n";
  await assertRejects(
    () => textsIn("a.csv", table),
    SyntaxError,
    'Cannot use a.csv: it has 3 columns "text" (--field); name one of them: text.0, text.1, text.2',
  );
  assertEquals(await textsIn("a.csv", table, { field: "text.0" }), ["a"]);
  assertEquals(await textsIn("a.csv", table, { field: "text.2" }), ["c"]);
  assertEquals(await textsIn("a.csv", "text,id,id\na,1,2\n"), ["a"]);
});

/** Tables in which records are at fault: what is right in the rest, and what is said. */
const faults: readonly { table: string; right: string[]; said: string[] }[] = [
  {
    table: 'id,text\n1,a\n2,"open\n3,c\n4,d\n',
    right: ["a", "c", "d"],
    said: ["line 3: a quote is never closed"],
  },
  {
    table: 'id,text\n1,"open\n2,"b"\n3,"c, d"\n',
    right: ["b", "c, d"],
    said: ["line 2: a quote is never closed"],
  },
  {
    table: 'id,text,label\n1,"open,x\n2,"b",y\n3,c,z\n4,"d",w\n',
    right: ["b", "c", "d"],
    said: ["line 2: a quote is never closed"],
  },
  { table: "id,text\n1,a, and more\n2,b\n", right: ["b"], said: ["line 2: it has 3 cells, the heading 2"] },
  { table: "id,text\n1\n2,b\n", right: ["b"], said: ["line 2: it has 1 cell, the text is in number 2"] },
  {
    table: "id,text,label\n1,broken\noff,x\n2,b,y\n",
    right: ["b"],
    said: ["line 2: it has 2 cells, the heading 3", "line 3: it has 2 cells, the heading 3"],
  },
  { table: "text,label\na\nb,y\n", right: ["b"], said: ["line 2: it has 1 cell, the heading 2"] },
];

Deno.test("commaSeparated() loses one record by a fault, also where it goes on behind one", async () => {
  for (const { table, right, said } of faults) {
    for (const piece of [1, 1000]) {
      const source = await textSource(bytesSource("a.csv", table, piece));
      await assertRejects(() => passagesOf(source), SyntaxError, `Cannot use a.csv, ${said[0]}`);
      const bad = new BadRecords(said.length);
      const passages = await passagesOf(source, { bad });
      assertEquals(passages.map(({ text }) => text), right, table);
      for (const [i, message] of bad.messages.entries()) assert(message.includes(said[i]!), message);
      for (const [i, { next }] of passages.entries()) {
        const rest = await passagesOf(source, { start: next, bad: new BadRecords(100) });
        assertEquals(rest, passages.slice(i + 1), `${table} from ${next}`);
      }
    }
  }
});

Deno.test("commaSeparated() takes empty cells at the end for none, and cells that are left out behind the text", async () => {
  assertEquals(await textsIn("a.csv", "id,text,\n1,a,\n2,b\n3,c,,\n"), ["a", "b", "c"]);
  assertEquals(await textsIn("a.csv", "id,text,x,y\n1,a,b\n"), ["a"]);
});

Deno.test("commaSeparated() takes a quote without an end in a table by tabs as text", async () => {
  const table = 'id\ttext\n1\t"Hello, he said\n2\tb "c" d\n3\t"e" f\n';
  assertEquals(await textsIn("a.tsv", table), ['"Hello, he said', 'b "c" d', "e f"]);
});

Deno.test("commaSeparated() keeps to a record with bytes that are no UTF-8", async () => {
  const bytes = new TextEncoder().encode('id,text\n1,"a\nX b"\n2,c\n');
  bytes[bytes.indexOf(88)] = 0xff;
  const bad = new BadRecords(1);
  assertEquals(await textsIn("a.csv", bytes, { bad }), ["c"]);
  await assertRejects(
    () => textsIn("a.csv", bytes),
    SyntaxError,
    "Cannot read a.csv as UTF-8: invalid byte at offset 13",
  );
});

Deno.test("commaSeparated() with a quote that stays open for megabytes goes on at the next line", async () => {
  const rows = Array.from({ length: 50_000 }, (_, i) => `${i},row ${i}`);
  const table = `id,text\nx,"open\n${rows.join("\n")}\n`;
  const bad = new BadRecords(1);
  assertEquals((await textsIn("a.csv", table, { bad })).length, 50_000);
  assertEquals(bad.count, 1);
});
