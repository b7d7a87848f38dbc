import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { zstdCompressSync } from "node:zlib";
import { textsOf } from "../../lib/text/corpus.ts";
import { openCorpus } from "../../lib/cli/open_corpus.ts";
import { withoutEscapes } from "../helpers/text_sources.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

Deno.test("openCorpus() says which files of a folder it leaves out, and how to name them", async () => {
  await inTemporaryFolder(async (folder) => {
    for (const name of ["a.txt", "b.ts", "c.ts"]) await Deno.writeTextFile(`${folder}/${name}`, "one\ntwo\n");
    const opened = await openCorpus({ data: [folder] }, { seed: 1 });
    assertEquals(opened.notice, `2 .ts files skipped; name them with '${folder}/**/*.ts'`);
    await Deno.writeTextFile(`${folder}/d.png`, "");
    const more = await openCorpus({ data: [folder] }, { seed: 1 });
    assertMatch(more.notice!, /^2 \.ts files, 1 \.png file skipped; name \.ts files with /);
    assertEquals((await openCorpus({ data: [`${folder}/a.txt`] }, { seed: 1 })).notice, undefined);
  });
});

Deno.test("openCorpus() reads by --format what looks like something else", async () => {
  await inTemporaryFolder(async (folder) => {
    const path = `${folder}/a.txt`;
    await Deno.writeTextFile(path, Array.from({ length: 30 }, (_, i) => `{"text": "line ${i}"}\n`).join(""));
    await assertRejects(
      () => openCorpus({ data: [path] }, { seed: 1 }),
      SyntaxError,
      "it looks like JSON lines with fields text",
    );
    const { corpus, choice } = await openCorpus({ data: [path], format: "jsonl" }, { seed: 1 });
    const lines = await Array.fromAsync(textsOf(corpus, "training"));
    assertEquals(lines[0], "line 0");
    // a resumed run reads it in the same way
    assertEquals(choice.format, "jsonl");
    const { corpus: plain } = await openCorpus({ data: [path], format: "text" }, { seed: 1 });
    for await (const line of textsOf(plain, "training")) {
      assertEquals(line, '{"text": "line 0"}');
      break;
    }
  });
});

/** Words that hardly repeat, so that they stay large when they are compressed. */
const words = (seed: number) =>
  Array.from({ length: 30 }, (_, i) => ((seed * 31 + i) * 2654435761 % 2 ** 32).toString(36)).join(" ");

Deno.test("openCorpus() of two megabytes of compressed lines lets nothing past it, wherever reading stops", async () => {
  await inTemporaryFolder(async (folder) => {
    const path = `${folder}/wiki.jsonl.zst`;
    const lines = Array.from(
      { length: 8000 },
      (_, i) => JSON.stringify({ id: i, body: `text ${i} ${words(i)}` }),
    );
    await Deno.writeFile(path, zstdCompressSync(lines.join("\n")));
    await withoutEscapes(async () => {
      const { corpus } = await openCorpus({ data: [path], field: "body" }, { seed: 1 });
      for (const part of ["training", "validation"] as const) {
        for (let stop = 1; stop < 1000; stop *= 3) {
          let read = 0;
          for await (const _ of corpus.passages(part)) if (++read === stop) break;
        }
      }
      const counts = await Promise.all((["training", "validation"] as const).map(async (part) => {
        let count = 0;
        for await (const _ of corpus.passages(part)) count++;
        return count;
      }));
      assertEquals(counts, [7200, 800]);
    });
  });
});

Deno.test("openCorpus() of a file that is broken keeps what is before, where records may be skipped", async () => {
  await inTemporaryFolder(async (folder) => {
    const path = `${folder}/a.txt.zst`;
    const packed = zstdCompressSync(Array.from({ length: 20_000 }, (_, i) => `line ${i * 7919 % 20_000}`).join("\n"));
    await Deno.writeFile(path, packed.subarray(0, packed.length - 10));
    const strict = await openCorpus({ data: [path] }, { seed: 1 });
    await assertRejects(
      () => Array.fromAsync(textsOf(strict.corpus, "training")),
      SyntaxError,
      `its zstd data breaks at byte ${packed.length - 10} (it ends within a frame)`,
    );
    const { corpus, bad } = await openCorpus({ data: [path], skipBad: 1 }, { seed: 1 });
    for (let pass = 0; pass < 2; pass++) {
      const count = (await Array.fromAsync(textsOf(corpus, "training"))).length;
      assert(count > 5000, `${count}`);
    }
    assertEquals(bad.count, 1);
  });
});
