import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { cameFromInput, openCorpus } from "../../lib/cli/open_corpus.ts";

/** Runs with another network and an empty cache. */
async function withFetch(fetch: typeof globalThis.fetch, run: () => Promise<void>): Promise<void> {
  const cache = await Deno.makeTempDir();
  const original = globalThis.fetch;
  const before = Deno.env.get("CLOZE_CACHE");
  globalThis.fetch = fetch;
  Deno.env.set("CLOZE_CACHE", cache);
  try {
    await run();
  } finally {
    globalThis.fetch = original;
    if (before === undefined) Deno.env.delete("CLOZE_CACHE");
    else Deno.env.set("CLOZE_CACHE", before);
    await Deno.remove(cache, { recursive: true });
  }
}

Deno.test("cameFromInput() tells texts that cannot be read again, also those that earlier versions noted without data", () => {
  const came = [{ data: [] }, { data: ["-"] }, { data: ["b.txt=1", "-=2"] }, { data: ["b.txt"], validation: "-" }];
  assertEquals(came.map(cameFromInput), came.map(() => true));
  const others = [{ data: ["stories"] }, { data: ["a-", "-a", "./-"] }, { data: [], pairs: "faq.csv" }];
  assertEquals(others.map(cameFromInput), others.map(() => false));
});

Deno.test("openCorpus() trains on stories and says so where there is no network", () =>
  withFetch(() => Promise.reject(new TypeError("no network")), async () => {
    const { corpus, choice: { data }, notice } = await openCorpus({ data: [] }, { seed: 1 });
    assertEquals([corpus.name, ...data], ["stories", "stories"]);
    assertStringIncludes(notice!, "could not be downloaded: the built-in stories are taken instead");
  }));

Deno.test("openCorpus() waits no longer than 5 s for a network that does not answer", () =>
  withFetch(
    (_, init) =>
      new Promise((_, reject) => init!.signal!.addEventListener("abort", () => reject(init!.signal!.reason))),
    async () => {
      const start = performance.now();
      const { corpus } = await openCorpus({ data: [] }, { seed: 1 });
      assertEquals(corpus.name, "stories");
      assert(performance.now() - start < 6000);
    },
  ));

Deno.test("openCorpus() does not train on a download that arrived changed", () =>
  withFetch(() => Promise.resolve(new Response("<html>sign in to this network</html>")), async () => {
    const { notice } = await openCorpus({ data: [] }, { seed: 1 });
    assertStringIncludes(notice!, "Tiny Shakespeare arrived changed (36 bytes");
  }));

// the text itself is no part of the project: the test runs where a copy lies beside it
const copy = new URL("../../../shared/data/tinyshakespeare.txt", import.meta.url);
const hasCopy = await Deno.stat(copy).then(() => true, () => false);

Deno.test({
  name: "openCorpus() downloads Tiny Shakespeare once, checks it and keeps it",
  ignore: !hasCopy,
  fn: () => {
    let downloads = 0;
    const fetch = async () => {
      downloads++;
      return new Response(await Deno.readFile(copy));
    };
    return withFetch(fetch, async () => {
      for (let i = 0; i < 2; i++) {
        const { corpus, label, files, notice } = await openCorpus({ data: [] }, { seed: 1 });
        assertEquals([corpus.name, label, files[0]!.size, notice], [
          "Tiny Shakespeare",
          "shakespeare",
          1_115_394,
          undefined,
        ]);
        for await (const { text } of corpus.passages("training")) {
          assertEquals(text, "First Citizen:");
          break;
        }
      }
      assertEquals(downloads, 1);
    });
  },
});

Deno.test("openCorpus() says which text that validates is trained on too, under another name as well", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const write = (name: string, text: string) => Deno.writeTextFile(`${folder}/${name}`, text);
    await Deno.mkdir(`${folder}/all`);
    for (const name of ["all/a.txt", "copy.txt"]) await write(name, "one line\nanother line\n");
    for (const name of ["all/b.txt", "other.txt"]) await write(name, `${name} has a text of its own\n`);
    for (const name of ["all/empty.txt", "nothing.txt"]) await write(name, "");
    const noticeOf = async (data: string[], validation: string | number) => {
      const opened = await openCorpus({
        data: data.map((name) => `${folder}/${name}`),
        validation: typeof validation === "number" ? validation : `${folder}/${validation}`,
      }, { seed: 1 });
      await opened.close();
      return opened.notice?.replaceAll(`${folder}/`, "");
    };
    const end = "the validation loss will be that of a text which the model has seen";
    assertEquals(await noticeOf(["all"], "all/b.txt"), `note: all/b.txt is trained on too: ${end}`);
    const copied = "copy.txt begins as all/a.txt does, which is trained on, and is as long";
    assertEquals(await noticeOf(["all"], "copy.txt"), `note: ${copied}: ${end}`);
    assertEquals(
      await noticeOf(["all/a.txt=1", "all/b.txt=2"], "all/b.txt"),
      `note: all/b.txt is trained on too: ${end}`,
    );
    assertEquals(await noticeOf(["all"], "all"), `note: all/a.txt is trained on too, and so is another: ${end}`);
    assertEquals(await noticeOf(["all"], "other.txt"), undefined);
    assertEquals(await noticeOf(["all"], "nothing.txt"), undefined);
    assertEquals(await noticeOf(["all"], 0.2), undefined);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
