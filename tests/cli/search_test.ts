import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { indexCommand } from "../../lib/cli/commands/index.ts";
import { searchCommand } from "../../lib/cli/commands/search.ts";
import { documentSources, indexSources } from "../../lib/cli/index_documents.ts";
import { type IndexWays, readIndex, writeIndex } from "../../lib/cli/index_folder.ts";
import { isSameModel } from "../../lib/cli/index_model.ts";
import { npyHeader, readNpy } from "../../lib/cli/npy.ts";
import { snippet } from "../../lib/cli/snippet.ts";
import { MaskedLanguageModel } from "../../lib/inference/load.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { createModel } from "../../lib/model/model.ts";
import { characterTokenizer } from "../../lib/tokenizer/character.ts";
import { openCpuDevice } from "../../lib/device/cpu/open_cpu.ts";
import { runCli, runMains } from "../helpers/run_cli.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const tokenizer = characterTokenizer("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ #.,-\n");
const ways: IndexWays = { by: "paragraph", length: 40, overlap: 10, pool: "mean", whiten: true };

async function withLoaded(use: (model: MaskedLanguageModel) => Promise<void>): Promise<void> {
  const device = await openCpuDevice({ threads: 1 });
  const model = createModel(device, modelConfig({ vocab: tokenizer.size, size: "tiny", maxLength: 64 }));
  const loaded = new MaskedLanguageModel({ place: "model", model, tokenizer, ownDevice: true });
  try {
    await use(loaded);
  } finally {
    loaded.destroy();
  }
}

async function made(model: MaskedLanguageModel, { paths = ["docs"], out = "index", before = false } = {}) {
  const sources = await documentSources(paths, { out, note: () => {} });
  const old = before ? await readIndex(out) : undefined;
  const seen: number[] = [];
  const parts = await indexSources(model, sources, {
    ways,
    before: old,
    progress: ({ passages }) => seen.push(passages),
  });
  const { files, vectors, passages, unchanged } = parts;
  const config = { model: "model", width: model.config.width, ways, sources: paths, files };
  await writeIndex(out, config, { vectors, passages });
  return { index: await readIndex(out), unchanged, embedded: seen.at(-1) ?? 0 };
}

/** In a folder with some documents. */
const inDocuments = (use: () => Promise<void>) =>
  inTemporaryFolder(async (folder) => {
    const before = Deno.cwd();
    Deno.chdir(folder);
    try {
      await Deno.mkdir("docs/sub", { recursive: true });
      await Deno.writeTextFile("docs/a.md", "# Keys\n\nThe keys hang behind the door.\n");
      await Deno.writeTextFile("docs/sub/b.txt", "Rain falls on the plain in spring and in autumn.\n");
      await Deno.writeTextFile("docs/faq.csv", 'n,text\n1,"A record, quoted"\n2,Another record\n');
      await use();
    } finally {
      Deno.chdir(before);
    }
  });

Deno.test("indexSources() reads files and records, and makes of changed ones alone new vectors", () =>
  inDocuments(() =>
    withLoaded(async (model) => {
      const first = await made(model);
      const places = (index: typeof first.index) =>
        Array.from({ length: index.vectors.length / index.config.width }, (_, i) => {
          const { name, line, text } = index.passage(i);
          return [name, line, text];
        });
      assertEquals(places(first.index), [
        ["docs/a.md", 1, "# Keys\n\nThe keys hang behind the door."],
        ["docs/faq.csv:1", undefined, "A record, quoted"],
        ["docs/faq.csv:2", undefined, "Another record"],
        ["docs/sub/b.txt", 1, "Rain falls on the plain in spring and"],
        ["docs/sub/b.txt", 1, "and in autumn."],
      ]);
      assertEquals([first.unchanged, first.embedded], [0, 5]);
      const same = await made(model, { before: true });
      assertEquals([same.unchanged, same.embedded], [3, 0]);
      assertEquals(same.index.vectors, first.index.vectors);
      // written anew with the same bytes, written anew with others, deleted, and new
      await Deno.writeTextFile("docs/a.md", await Deno.readTextFile("docs/a.md"));
      await Deno.utime("docs/a.md", 1, 1);
      await Deno.writeTextFile("docs/sub/b.txt", "Snow falls.\n");
      await Deno.remove("docs/faq.csv");
      await Deno.writeTextFile("docs/z.txt", "The last one.\n");
      const changed = await made(model, { before: true });
      assertEquals([changed.unchanged, changed.embedded], [1, 2]);
      assertEquals(places(changed.index).map(([name, , text]) => [name, text]), [
        ["docs/a.md", "# Keys\n\nThe keys hang behind the door."],
        ["docs/sub/b.txt", "Snow falls."],
        ["docs/z.txt", "The last one."],
      ]);
      // as an index of the same files that was made at once
      const anew = await made(model, { out: "other" });
      for (const [i, value] of anew.index.vectors.entries()) assertAlmostEquals(changed.index.vectors[i]!, value, 1e-5);
    })
  ));

Deno.test("index leaves out what of a folder is no text, and says so; what is named must be text", () =>
  inDocuments(() =>
    withLoaded(async (model) => {
      await Deno.writeTextFile("docs/package.json", '{"name": "x"}');
      await Deno.writeFile("docs/sub/nul.txt", new Uint8Array([97, 0, 0, 0, 98]));
      const told: string[] = [];
      const options = (named: readonly string[]) => ({
        ways,
        progress: () => {},
        passOver: (name: string, { message }: Error) => !named.includes(name) && told.push(message) > 0,
      });
      const parts = await indexSources(
        model,
        await documentSources(["docs"], { out: "index", note: () => {} }),
        options(["docs"]),
      );
      assertEquals(parts.files.map(({ name, passages }) => [name, passages]), [
        ["docs/a.md", 1],
        ["docs/faq.csv", 2],
        ["docs/sub/b.txt", 2],
      ]);
      assertEquals(told.length, 2);
      assertStringIncludes(told[0]!, 'Cannot use docs/package.json: it has no text in field "text"');
      assertStringIncludes(told[1]!, "nul.txt: it is a binary file, not text");
      const paths = ["docs/a.md", "docs/package.json"];
      const sources = await documentSources(paths, { out: "index", note: () => {} });
      await assertRejects(() => indexSources(model, sources, options(paths)), SyntaxError, "it has no text in field");
    })
  ));

Deno.test("documentSources() leaves out the index itself, and says where nothing else is there", () =>
  inDocuments(() =>
    withLoaded(async (model) => {
      await made(model, { out: "docs/index" });
      const notes: string[] = [];
      const inDocs = { out: "docs/index", note: (sentence: string) => notes.push(sentence) };
      const names = (await documentSources(["docs", "docs/a.md"], inDocs)).map(({ name }) => name);
      assertEquals(names, ["docs/a.md", "docs/faq.csv", "docs/sub/b.txt"]);
      await assertRejects(
        () => documentSources(["docs/index"], inDocs),
        RangeError,
        "no file in it but those of",
      );
      // the index has files that are no text
      assertEquals(notes, []);
      for (const name of ["c.png", "d.png", "e.html"]) await Deno.writeTextFile(`docs/sub/${name}`, "");
      await documentSources(["docs/sub"], { ...inDocs, out: "index" });
      assertEquals(notes, ["2 .png files, 1 .html file skipped; name .png files with 'docs/sub/**/*.png'"]);
      await Deno.writeTextFile("empty.txt", "\n - \n");
      await assertRejects(
        () => made(model, { paths: ["empty.txt"] }),
        RangeError,
        "Cannot index empty.txt: there is no text",
      );
    })
  ));

Deno.test("readIndex() says what of an index is missing or damaged", () =>
  inDocuments(() =>
    withLoaded(async (model) => {
      await assertRejects(() => readIndex("index"), RangeError, "Cannot search index: there is no such folder");
      await made(model);
      const files = ["index.json", "vectors.npy", "passages.jsonl"] as const;
      const whole = new Map<string, Uint8Array<ArrayBuffer>>();
      for (const name of files) whole.set(name, await Deno.readFile(`index/${name}`));
      const damaged = async (
        name: typeof files[number],
        change: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array | undefined,
      ) => {
        const bytes = change(whole.get(name)!.slice());
        if (bytes) await Deno.writeFile(`index/${name}`, bytes);
        else await Deno.remove(`index/${name}`);
        const error = await assertRejects(() => readIndex("index"), Error);
        await Deno.writeFile(`index/${name}`, whole.get(name)!);
        return error.message;
      };
      const half = (bytes: Uint8Array<ArrayBuffer>) => bytes.slice(0, bytes.length >> 1);
      assertStringIncludes(
        await damaged("vectors.npy", () => undefined),
        "Cannot use index/vectors.npy: there is no such file",
      );
      assertStringIncludes(await damaged("vectors.npy", half), "its header says");
      assertStringIncludes(await damaged("vectors.npy", () => new Uint8Array(9)), "it is no .npy file of version 1");
      const nan = (bytes: Uint8Array<ArrayBuffer>) => {
        bytes.fill(255, bytes.length - 4);
        return bytes;
      };
      assertStringIncludes(await damaged("vectors.npy", nan), "not all of its numbers are finite");
      assertStringIncludes(await damaged("passages.jsonl", half), "Cannot use index/passages.jsonl: it has");
      assertStringIncludes(
        await damaged("index.json", half),
        "Cannot use index/index.json: it is no JSON; make it anew",
      );
      const other = new TextEncoder().encode(
        new TextDecoder().decode(whole.get("index.json")).replace('"width": 64', '"width": 32'),
      );
      assertStringIncludes(await damaged("index.json", () => other), "wanted 5 × 32");
      const wrong = new TextEncoder().encode('{"format": 2}');
      const message = await damaged("index.json", () => wrong);
      assertStringIncludes(message, "Cannot use index/index.json");
      assertStringIncludes(message, "; make it anew with index --out");
      assertEquals((await readIndex("index")).config.files.length, 3);
    })
  ));

Deno.test("isSameModel() notices a model that was trained on", () =>
  inDocuments(() =>
    withLoaded(async (model) => {
      const { index } = await made(model);
      assert(await isSameModel(model, index));
      const values = await model.model.readParameters();
      for (const array of values.values()) array.forEach((value, i) => array[i] = value + 0.05 * Math.sin(i));
      model.model.writeParameters(values);
      assertEquals(await isSameModel(model, index), false);
    })
  ));

Deno.test("readNpy() reads what npyHeader() begins", () => {
  const values = Float32Array.of(1, 2, 3, 4, 5, 6);
  const bytes = new Uint8Array([...npyHeader(2, 3), ...new Uint8Array(values.buffer)]);
  const { values: read, shape } = readNpy(bytes, (what) => new Error(what));
  assertEquals([[...read], shape], [[1, 2, 3, 4, 5, 6], [2, 3]]);
});

Deno.test("snippet() shows where a word of the query stands, in so many columns", () => {
  const text = `It begins\nhere. ${"and goes on ".repeat(20)}until the keys are found, ${"and so forth ".repeat(9)}`;
  assertMatch(snippet(text, { query: "who has the keys", columns: 60 }), /^….*keys.*…$/);
  assertEquals(snippet(text, { query: "nothing", columns: 20 }), "It begins here. and…");
  assertEquals(snippet("a\n b", { query: "x", columns: 20 }), "a b");
  for (const columns of [20, 33, 60]) assert([...snippet(text, { query: "keys found", columns })].length <= columns);
});

Deno.test("index and search say what is missing or wrong before any model is read", async () => {
  const cases: readonly (readonly [args: readonly string[], message: string])[] = [
    [["index", "docs"], "Usage: index FOLDER --model DIR --out INDEX"],
    [["index", "docs", "--out", "nowhere.index"], "Option --model says which model makes the vectors"],
    [["index", "docs", "--model", "x", "--out", "lib"], 'Cannot write an index to "lib": there is something else'],
    [["search", "words"], 'Usage: search "words" --index FOLDER'],
    [["search", " ", "--index", "lib"], "There is nothing to look for"],
    [["search", "", "--index", "lib"], "There is nothing to look for"],
    [["search", "words", "--index", "n i"], "there is no such folder; index FOLDER --model DIR --out 'n i' makes one"],
    [
      ["search", "words", "--index", "lib"],
      "Cannot search lib: it is no index; index FOLDER --model DIR --out INDEX makes one",
    ],
  ];
  for (const [[name, ...rest], message] of cases) {
    const command = name === "index" ? indexCommand : searchCommand;
    await assertRejects(() => command(rest), Error, message);
  }
});

Deno.test("index keeps the ways of before, and says what leaves it; search says of another model whose vectors there are", () =>
  inTemporaryFolder(async (cwd) => {
    const text = "The keys hang behind the door. Rain falls on the plain.\n\n".repeat(60);
    for (const folder of ["old", "new"]) await Deno.mkdir(`${cwd}/${folder}`);
    for (const name of ["old/a.txt", "old/b.txt", "new/c.txt", "text.txt"]) {
      await Deno.writeTextFile(`${cwd}/${name}`, `${name} ${text}`);
    }
    const train = ["train", "--data", "text.txt", "--size", "tiny", "--steps", "2", "--threads", "1", "--quiet"];
    const index = (...args: string[]) => ["index", ...args, "--out", "x", "--threads", "1"];
    const run = async (...lists: string[][]) => {
      const results = await runMains(lists, { cwd });
      return { results, ways: JSON.parse(await Deno.readTextFile(`${cwd}/x/index.json`)).ways };
    };
    const { ways: before } = await run(
      [...train, "--name", "one"],
      [...train, "--name", "two", "--seed", "2"],
      index("old", "--model", "runs/one", "--by", "window", "--length", "24", "--pool", "mean"),
    );
    assertEquals([before.by, before.length, before.overlap, before.whiten], ["window", 24, 6, false]);
    const { results: [again], ways: same } = await run(index("new", "--model", "runs/one"));
    assertEquals(same, before);
    const gone =
      /^note: old\/a\.txt and 1 other file are no longer among the documents: \d+ passages left the index\n$/;
    assertMatch(again!.err, gone);
    const { results: [, wrong], ways: other } = await run(
      index("new", "--length", "32", "--by", "paragraph"),
      ["search", "keys", "--index", "x", "--model", "runs/two", "--threads", "1"],
    );
    assertEquals([other.by, other.length, other.overlap], ["paragraph", 32, 8]);
    assertStringIncludes(wrong!.err, "its vectors are those of ");
    assertStringIncludes(wrong!.err, "leave out --model");
    const search = ["search", "--index", "x", "--top", "1", "--threads", "1"];
    const { out } = await runCli(search, { cwd, input: "keys\n\nrain\n" });
    assertMatch(out, /^keys\n.*c\.txt:\d+\n.*\n\nrain\n.*c\.txt:\d+\n.*\n$/);
  }));
