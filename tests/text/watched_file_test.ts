import { assertEquals, assertRejects } from "@std/assert";
import { gzipSync } from "node:zlib";
import { textCorpus, textsOf } from "../../lib/text/corpus.ts";
import { fileSources } from "../../lib/text/file_source.ts";
import { watchedFile } from "../../lib/text/watched_file.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const line = (i: number) => `line ${String(i).padStart(8, "0")} of a text\n`;
const text = Array.from({ length: 200_000 }, (_, i) => line(i)).join("");

/** Reads a file of five megabytes, changes it at some place on the way, and reads it to its end and once more. */
async function changed(change: (path: string) => Promise<void>): Promise<{ notes: string[]; read: number[] }> {
  const notes: string[] = [];
  const read: number[] = [];
  await inTemporaryFolder(async (folder) => {
    const path = `${folder}/a.txt`;
    await Deno.writeTextFile(path, text);
    const file = await watchedFile(path, (note) => notes.push(note.replaceAll(folder, "")));
    for (const pass of [0, 1]) {
      read[pass] = 0;
      for await (const bytes of file.stream(0)) {
        if (pass === 0 && read[0]! < 1 << 20 && read[0]! + bytes.length >= 1 << 20) await change(path);
        read[pass]! += bytes.length;
      }
    }
  });
  return { notes, read };
}

const size = text.length;
const rename = async (path: string, content: string) => {
  await Deno.writeTextFile(`${path}.new`, content);
  await Deno.rename(`${path}.new`, path);
};

for (
  const [name, change, message] of [
    ["shrinks", (path) => Deno.truncate(path, size >> 1), `it had ${size} bytes, now it has ${size >> 1}`],
    ["is emptied", (path) => Deno.truncate(path, 0), `it had ${size} bytes, now it has 0`],
    ["is written anew", (path) => Deno.writeTextFile(path, text.replaceAll("l", "L")), "it begins with other bytes"],
    ["is replaced", (path) => rename(path, text.replaceAll("l", "L")), "it begins with other bytes"],
    [
      "is replaced by a shorter one",
      (path) => rename(path, text.slice(20)),
      `it had ${size} bytes, now it has ${size - 20}`,
    ],
    ["is removed", (path) => Deno.remove(path), "it is not there any more"],
    ["becomes a folder", (path) => Deno.remove(path).then(() => Deno.mkdir(path)), "it is no file any more"],
  ] satisfies [string, (path: string) => Promise<void>, string][]
) {
  Deno.test(`watchedFile() fails where the file ${name} while it is read`, async () => {
    await assertRejects(() => changed(change), RangeError, message);
  });
}

Deno.test("watchedFile() goes on with what was there where the file grows, and says so once", async () => {
  const grow = (path: string) => Deno.writeTextFile(path, "more\n", { append: true });
  const { notes, read } = await changed(grow);
  assertEquals(read, [size, size]);
  assertEquals(notes, [`"/a.txt" grows while it is read: its first ${size} bytes are used, as they were`]);
});

Deno.test("watchedFile() says where a file of the same size was written", async () => {
  const touch = (path: string) => Deno.utime(path, new Date(), new Date(1e12));
  const { notes, read } = await changed(touch);
  assertEquals(read, [size, size]);
  assertEquals(notes, ['"/a.txt" was written to while it is read; its size and its beginning are the same']);
  assertEquals(await changed(() => Promise.resolve()), { notes: [], read: [size, size] });
});

Deno.test("textCorpus() of files that change under way fails with a sentence, packed or not", () =>
  inTemporaryFolder(async (folder) => {
    const other = text.replaceAll("l", "L");
    for (
      const [name, before, after] of [
        ["a.txt", text, other.slice(0, 1000)],
        ["a.jsonl", `{"text":"one"}\n`.repeat(9), `{"text":"two"}\n`.repeat(9)],
        ["a.csv", `id,text\n${"1,one\n".repeat(99)}`, `id,text\n${"1,one\n".repeat(9)}`],
        ["a.txt.gz", gzipSync(text), gzipSync(other)],
      ] as const
    ) {
      const path = `${folder}/${name}`;
      await Deno.writeFile(path, typeof before === "string" ? new TextEncoder().encode(before) : before);
      const corpus = await textCorpus(await fileSources(path));
      await Deno.writeFile(path, typeof after === "string" ? new TextEncoder().encode(after) : after);
      await assertRejects(
        () => Array.fromAsync(textsOf(corpus, "training")),
        RangeError,
        `Cannot read "${path}": it has changed since it was opened: `,
      );
    }
  }));

Deno.test("fileSources() says in words of people why a path cannot be read", () =>
  inTemporaryFolder(async (folder) => {
    await Deno.symlink(`${folder}/b`, `${folder}/a`);
    await Deno.symlink(`${folder}/a`, `${folder}/b`);
    await assertRejects(() => fileSources(`${folder}/a`), RangeError, '/a": its links lead in a circle');
    await assertRejects(() => fileSources(`${folder}/${"x".repeat(300)}`), RangeError, "the name is too long");
    await assertRejects(() => fileSources("/dev/zero"), RangeError, "it can be read only once");
  }));
