import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Corpus, type CorpusPart, type CorpusPosition, textCorpus } from "../../lib/text/corpus.ts";
import { mixture } from "../../lib/text/mixture.ts";
import { type ByteSource, stringSource } from "../../lib/text/source.ts";
import { fileSources } from "../../lib/text/file_source.ts";

async function linesOf(corpus: Corpus, part: CorpusPart, from?: CorpusPosition): Promise<string[]> {
  return (await Array.fromAsync(corpus.passages(part, from))).map(({ text }) => text);
}

/** Bytes as a source. */
function bytesSource(name: string, bytes: Uint8Array<ArrayBuffer>): ByteSource {
  const blob = new Blob([bytes]);
  return { name, size: blob.size, stream: (start, end) => blob.slice(start, end ?? blob.size).stream() };
}

/** Goes on from the place behind every nth passage and expects the same passages as without a break. */
async function assertResumes(corpus: Corpus, part: CorpusPart, every = 7): Promise<void> {
  const passages = await Array.fromAsync(corpus.passages(part));
  for (let i = 0; i < passages.length; i += every) {
    const place = JSON.parse(JSON.stringify(passages[i]!.next));
    assertEquals(await Array.fromAsync(corpus.passages(part, place)), passages.slice(i + 1));
  }
}

const hundred = Array.from({ length: 100 }, (_, i) => `line ${String(i).padStart(3, "0")}`).join("\n") + "\n";

Deno.test("textCorpus() trains on the first 90 % of the lines and validates on the rest", async () => {
  const corpus = await textCorpus([stringSource("lines", hundred)]);
  const [training, validation] = [await linesOf(corpus, "training"), await linesOf(corpus, "validation")];
  assertEquals([...training, ...validation].join("\n") + "\n", hundred);
  // the line that the 90 % mark falls at still belongs to training
  assertEquals([training.length, validation.length], [91, 9]);
});

Deno.test("textCorpus() splits several sources as if they were one text", async () => {
  const parts = [hundred.slice(0, 360), hundred.slice(360, 720), hundred.slice(720)];
  const corpus = await textCorpus(parts.map((part, i) => stringSource(`part ${i}`, part)));
  assertEquals((await linesOf(corpus, "training")).length, 91);
  assertEquals((await linesOf(corpus, "validation"))[0], "line 091");
});

Deno.test("textCorpus() goes on from any place", async () => {
  const parts = [hundred.slice(0, 360), hundred.slice(360, 720), hundred.slice(720)];
  const corpus = await textCorpus(parts.map((part, i) => stringSource(`part ${i}`, part)));
  await assertResumes(corpus, "training");
  await assertResumes(corpus, "validation", 2);
});

Deno.test("textCorpus() drops carriage returns and a byte-order mark, and keeps blank lines", async () => {
  const corpus = await textCorpus([stringSource("windows", "\ufeffone\r\n\r\ntwo\r\n" + "x\r\n".repeat(20))]);
  assertEquals((await linesOf(corpus, "training")).slice(0, 4), ["one", "", "two", "x"]);
});

Deno.test("textCorpus() cuts a text without line breaks between two characters", async () => {
  const text = "äöü€😀".repeat(1000);
  const corpus = await textCorpus([stringSource("one line", text)]);
  const [training, validation] = [await linesOf(corpus, "training"), await linesOf(corpus, "validation")];
  assertEquals(training.join("") + validation.join(""), text);
  assert(Math.abs(training.join("").length / text.length - 0.9) < 0.01);
});

Deno.test("textCorpus() names the file and the place of an invalid byte", async () => {
  const bytes = new TextEncoder().encode("good line\n".repeat(20_000));
  bytes[150_003] = 0xff;
  const corpus = await textCorpus([bytesSource("bad.txt", bytes)]);
  await assertRejects(
    () => linesOf(corpus, "training"),
    SyntaxError,
    "Cannot read bad.txt as UTF-8: invalid byte at offset 150003 (line 15001); it looks like Latin-1",
  );
});

Deno.test("textCorpus() rejects a text that ends within a character", async () => {
  const bytes = new TextEncoder().encode("x\n".repeat(50) + "€").slice(0, -1);
  const corpus = await textCorpus([bytesSource("cut.txt", bytes)]);
  await assertRejects(() => linesOf(corpus, "validation"), SyntaxError, "Cannot read cut.txt as UTF-8");
});

Deno.test("textCorpus() rejects empty text", async () => {
  await assertRejects(() => textCorpus([stringSource("nothing", "")]), RangeError, "nothing is empty");
  await assertRejects(() => textCorpus([]), RangeError, "no file was given");
});

Deno.test("fileSources() finds files, folders and globs in order of their names", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/sub`);
    for (const name of ["b.txt", "a.txt", "sub/c.txt", "image.png"]) {
      await Deno.writeTextFile(`${folder}/${name}`, name);
    }
    const names = async (path: string) => (await fileSources(path)).map(({ name }) => name.slice(folder.length + 1));
    assertEquals(await names(folder), ["a.txt", "b.txt", "sub/c.txt"]);
    assertEquals(await names(`${folder}/*.txt`), ["a.txt", "b.txt"]);
    assertEquals(await names(`${folder}/image.png`), ["image.png"]);
    await assertRejects(() => fileSources(`${folder}/x.txt`), RangeError, "there is no such file or folder");
    await assertRejects(() => fileSources(`${folder}/*.csv`), RangeError, "no file matches");
    await Deno.mkdir(`${folder}/empty`);
    await assertRejects(() => fileSources(`${folder}/empty`), RangeError, "holds no file that ends in .txt");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("fileSources() says what it leaves out of a folder, and passes over what is hidden", async () => {
  const folder = await Deno.makeTempDir();
  try {
    for (const path of ["sub", ".git", "node_modules", "sub/.cache"]) await Deno.mkdir(`${folder}/${path}`);
    const texts = ["a.txt", "b.json", "sub/c.tsv.gz", "sub/d.tab", "e.JSONL", "f.csv.zst", "g.parquet", "h.md.br"];
    const others = ["x.ts", "sub/y.ts", "z.png", "Makefile"];
    const hidden = [".git/config.txt", "node_modules/r.md", ".hidden.txt", "sub/.cache/c.json"];
    for (const name of [...texts, ...others, ...hidden]) await Deno.writeTextFile(`${folder}/${name}`, name);
    await Deno.symlink(folder, `${folder}/sub/circle`);
    await Deno.symlink(`${folder}/nowhere`, `${folder}/dangling.txt`);
    const counts: [string, number][] = [];
    const found = await fileSources(`${folder}/`, { leftOut: (files) => counts.push(...files) });
    assertEquals(found.map(({ name }) => name.slice(folder.length + 1)), texts.toSorted());
    assertEquals(counts.toSorted(), [["", 1], [".png", 1], [".ts", 2]]);
    // what is named is taken, hidden or not
    assertEquals((await fileSources(`${folder}/.git/config.txt`)).length, 1);
    assertEquals((await fileSources(`${folder}/.git`)).length, 1);
    assertEquals((await fileSources(`${folder}/*.ts`)).length, 1);
    await Deno.mkdir(`${folder}/code`);
    for (const name of ["a.ts", "b.ts", "c.js"]) await Deno.writeTextFile(`${folder}/code/${name}`, "");
    await assertRejects(
      () => fileSources(`${folder}/code`),
      RangeError,
      `others are named by a pattern, such as '${folder}/code/**/*.ts'`,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("textCorpus() and mixture() name the text that validates, and how much there is to train on", async () => {
  const lines = (name: string) => stringSource(name, "0123456\n".repeat(100));
  const told = async (...args: Parameters<typeof textCorpus>) => {
    const { validates, trainingBytes } = await textCorpus(...args);
    return [validates, trainingBytes];
  };
  assertEquals(await told([lines("a.txt")]), ["the last 10 % of a.txt", 720]);
  assertEquals(await told([lines("a.txt")], { validationShare: 0.025 }), ["the last 2.5 % of a.txt", 780]);
  assertEquals(await told([lines("a"), lines("b")]), ["the last 10 % of 2 files", 1440]);
  assertEquals(await told([lines("a")], { validation: [lines("b.txt")] }), ["b.txt", 800]);
  const stream = { ...lines("c.txt"), size: undefined };
  assertEquals(await told([stream]), ["every 10th document of c.txt", undefined]);
  assertEquals(await told([stream], { validationShare: 0.5 }), ["every 2nd document of c.txt", undefined]);
  const corpus = await textCorpus([lines("a")], { validation: [lines("b.txt")] });
  assertEquals(mixture([{ corpus, weight: 1 }], { validation: corpus }).validates, "b.txt");
});

Deno.test("textCorpus() cuts JSON lines between records, however far the next one is", async () => {
  const books = Array.from({ length: 6 }, (_, i) => `${i} ` + "a word and another. ".repeat(70_000));
  const corpus = async (lines: string) => {
    const text = await textCorpus([stringSource("books.jsonl", lines)]);
    return { training: await linesOf(text, "training"), validation: await linesOf(text, "validation") };
  };
  const records = books.map((text) => JSON.stringify({ text }));
  // the last record goes over the 90 % mark, with a line break behind it and without one
  for (const end of ["\n", ""]) {
    const { training, validation } = await corpus(records.join("\n") + end);
    assert(training.every((text, i) => text === books[i]) && training.length === 5);
    assert(validation.length === 1 && validation[0] === books[5]);
  }
  // the mark falls more than a megabyte before the end of the last record but one
  const { training, validation } = await corpus([...records, '{"text":"short"}'].join("\n"));
  assert(training.length === 6 && validation.length === 1 && validation[0] === "short");
  assertEquals((await corpus(records[0]!)).training.length, 1);
});
