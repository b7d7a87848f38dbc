import { assertEquals, assertRejects } from "@std/assert";
import { readBytes, readJson, readText, urlFolder } from "../../lib/format/model_folder.ts";
import { load } from "../../lib/inference/load.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { characterTokenizer } from "../../lib/tokenizer/character.ts";
import { fileFolder } from "../../lib/files/file_folder.ts";
import { cpuTest } from "../helpers/devices.ts";
import { writeModel } from "../helpers/model_files.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

/** Serves a folder over http, without saying how long files are where `chunked`. */
async function served<T>(
  path: string,
  run: (address: string) => Promise<T>,
  { chunked = false }: { chunked?: boolean } = {},
): Promise<T> {
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
    const { pathname } = new URL(request.url);
    if (pathname.endsWith("/secret")) return new Response("no", { status: 403 });
    try {
      const file = await Deno.open(path + pathname.replace("/model", ""));
      const { size } = await file.stat();
      return new Response(file.readable, { headers: chunked ? {} : { "content-length": String(size) } });
    } catch {
      return new Response("not here", { status: 404 });
    }
  });
  try {
    return await run(`http://127.0.0.1:${server.addr.port}/model`);
  } finally {
    await server.shutdown();
  }
}

Deno.test("urlFolder() reads files, and tells what is not there from what is refused", () =>
  inTemporaryFolder((path) =>
    served(path, async (address) => {
      await Deno.writeTextFile(`${path}/a.json`, '{"x": 1}');
      await Deno.writeFile(`${path}/large`, new Uint8Array(300_000).fill(7));
      const folder = urlFolder(`${address}/?token=5`);
      assertEquals(folder.place, address);
      assertEquals(await readJson(folder, "a.json"), { x: 1 });
      assertEquals((await readBytes(folder, "large"))!.length, 300_000);
      assertEquals(await readText(folder, "missing"), undefined);
      await assertRejects(() => readText(folder, "secret"), RangeError, "the server answers with status 403");
      await assertRejects(
        () => readText(urlFolder("http://127.0.0.1:9"), "a"),
        RangeError,
        "Cannot read http://127.0.0.1:9/a",
      );
    })
  ));

Deno.test("fileFolder() reads files and knows what is not there", () =>
  inTemporaryFolder(async (path) => {
    await Deno.writeTextFile(`${path}/a.txt`, "ä\n");
    assertEquals(await readText(fileFolder(path), "a.txt"), "ä\n");
    assertEquals(await readText(fileFolder(path), "b.txt"), undefined);
    assertEquals(await readText(fileFolder(`${path}/a.txt`), "b.txt"), undefined);
  }));

for (const chunked of [false, true]) {
  cpuTest(
    `load() reads a model from an http address${chunked ? " that tells no sizes" : ""}`,
    (device) =>
      inTemporaryFolder(async (path) => {
        const tokenizer = characterTokenizer("abc ");
        const config = modelConfig({ vocab: tokenizer.size, layers: 1, width: 8, heads: 2 });
        await writeModel(path, config, tokenizer);
        using local = await load(path, { device });
        const expected = await local.fill("ab [MASK]a");
        await served(path, async (address) => {
          using remote = await load(address, { device });
          assertEquals(await remote.fill("ab [MASK]a"), expected);
          using byUrl = await load(new URL(address), { device });
          assertEquals(await byUrl.fill("ab [MASK]a"), expected);
        }, { chunked });
      }),
  );
}
