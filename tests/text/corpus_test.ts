import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Corpus, type CorpusPart, stringSource, textCorpus } from "../../lib/text/corpus.ts";
import { fileSources } from "../../lib/text/file_source.ts";

async function linesOf(corpus: Corpus, part: CorpusPart, from = 0): Promise<string[]> {
  return await Array.fromAsync(corpus.lines(part, from));
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

Deno.test("textCorpus() goes on from any line", async () => {
  const corpus = await textCorpus([stringSource("lines", hundred)]);
  assertEquals(await linesOf(corpus, "training", 88), ["line 088", "line 089", "line 090"]);
  assertEquals(await linesOf(corpus, "training", 91), []);
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
  const blob = new Blob([bytes]);
  const corpus = await textCorpus([{ name: "bad.txt", size: blob.size, stream: (a, b) => blob.slice(a, b).stream() }]);
  await assertRejects(
    () => linesOf(corpus, "training"),
    SyntaxError,
    "Cannot read bad.txt as UTF-8: invalid byte near offset 150003",
  );
});

Deno.test("textCorpus() rejects a text that ends within a character", async () => {
  const bytes = new TextEncoder().encode("x\n".repeat(50) + "€").slice(0, -1);
  const blob = new Blob([bytes]);
  const corpus = await textCorpus([{ name: "cut.txt", size: blob.size, stream: (a, b) => blob.slice(a, b).stream() }]);
  await assertRejects(() => linesOf(corpus, "validation"), SyntaxError, "Cannot read cut.txt as UTF-8");
});

Deno.test("textCorpus() rejects empty text", async () => {
  await assertRejects(() => textCorpus([stringSource("nothing", "")]), RangeError, "nothing is empty");
  await assertRejects(() => textCorpus([]), RangeError, "no file was given");
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
    const before = Deno.memoryUsage().rss;
    for await (const _ of corpus.lines("training")) {
      if (++lines % 100_000 === 0) most = Math.max(most, Deno.memoryUsage().rss - before);
    }
    assertEquals(lines, 1_080_001);
    // 42 MB of text; what grows is garbage not yet collected
    assert(most < 150e6, `${most} bytes`);
  } finally {
    await Deno.remove(path);
  }
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
    await assertRejects(() => fileSources(`${folder}/empty`), RangeError, "holds no .txt");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
