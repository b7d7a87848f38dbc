// All that makes vectors makes them as a model's folder says, however that pools.
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { readIndex } from "../../lib/cli/index_folder.ts";
import { openCpuDevice } from "../../lib/device/cpu/open_cpu.ts";
import type { ModelPooling } from "../../lib/model/pooling.ts";
import { sentenceFiles } from "../../lib/format/sentence_folder.ts";
import { embedTexts, type PoolMode } from "../../lib/inference/embed.ts";
import { load } from "../../lib/inference/load.ts";
import { indexTexts, searchTexts } from "../../lib/inference/vector_index.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { probe } from "../../lib/probe/probe.ts";
import { serveModel } from "../../lib/serve/server.ts";
import { assertClose } from "../helpers/assert_close.ts";
import { writeModel } from "../helpers/model_files.ts";
import { runMains } from "../helpers/run_cli.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";
import { vocabularies } from "../helpers/vocabularies.ts";
import { ask } from "../serve/serve_model.ts";

const tokenizer = (await vocabularies())["framed wordpiece"]!;
const config = modelConfig({ vocab: tokenizer.size, layers: 1, width: 16, heads: 2, hidden: 24, maxLength: 32 });
const texts = ["the red ball is in the garden", "where is it"];
const cpu = ["--device", "cpu", "--threads", "1"];
const tolerance = { atol: 1e-5, rtol: 1e-5 };

/** A folder that says how its vectors are made, or in a way that is not known here. */
async function folderThat(path: string, pooling: ModelPooling, mode?: string): Promise<void> {
  await writeModel(path, config, tokenizer);
  for (const [name, text] of sentenceFiles(config, pooling)) {
    await Deno.mkdir(`${path}/${name}`.replace(/[^/]+$/, ""), { recursive: true });
    const other = JSON.stringify({ pooling_mode: mode });
    await Deno.writeTextFile(`${path}/${name}`, mode && name.startsWith("1_") ? other : text);
  }
}

const unit = (vector: ArrayLike<number>) => {
  const length = Math.hypot(...Array.from(vector));
  return Array.from(vector, (value) => value / length);
};

for (const pool of ["mean", "cls"] as const) {
  for (const normalize of [false, true]) {
    Deno.test(`vectors of a folder that pools by ${pool}${normalize ? " and scales" : ""} are that everywhere`, () =>
      inTemporaryFolder(async (cwd) => {
        await folderThat(`${cwd}/model`, { pool, normalize });
        await Deno.mkdir(`${cwd}/notes`);
        for (const [i, text] of texts.entries()) await Deno.writeTextFile(`${cwd}/notes/${i}.txt`, text);
        const device = await openCpuDevice({ threads: 1 });
        using model = await load(`${cwd}/model`, { device });
        const means = async (pool: PoolMode) => {
          const plain = { model: model.model, tokenizer };
          return (await Array.fromAsync(embedTexts(plain, texts, { pool }))).map(({ embedding }) => embedding);
        };
        const raw = await means(pool);
        const wanted = raw.map((vector) => normalize ? unit(vector) : [...vector]);
        const isWanted = (found: readonly ArrayLike<number>[]) =>
          found.forEach((vector, i) => assertClose(Float32Array.from(vector), wanted[i]!, tolerance));
        // the library
        isWanted(await model.embed(texts));
        const documents = texts.map((text, i) => ({ name: `${i}`, parts: [text] }));
        isWanted((await Array.fromAsync(model.embedDocuments(documents))).map(({ embedding }) => embedding));
        const index = await indexTexts(model, texts.map((text, i) => ({ name: `${i}`, text })));
        const [found] = await searchTexts(model, index, texts[1]!);
        assertEquals([index.whiten, found!.name, Math.round(1e4 * found!.score)], [false, "1", 1e4]);
        // what is asked for comes before what the folder says
        const other = pool === "mean" ? "cls" : "mean";
        const asked = await model.embed(texts, { pool: other });
        assertEquals(asked.map((vector) => [...vector]), (await means(other)).map((vector) => [...vector]));
        // the server
        const server = await serveModel(model, { port: 0 });
        try {
          const { json: { results } } = await ask(server, "/embed", { texts });
          isWanted(results.map(({ embedding }: { embedding: number[] }) => embedding));
          const { json: whole } = await ask(server, "/embed", { texts, whole: true });
          isWanted(whole.results.map(({ embedding }: { embedding: number[] }) => embedding));
        } finally {
          await server.close();
        }
        // the command line
        const [embedded, indexed, searched] = await runMains([
          ["embed", "model", ...texts, ...cpu],
          ["index", "notes", "--model", "model", "--out", "index", ...cpu],
          ["search", texts[1]!, "--index", "index", "--json", ...cpu],
        ], { cwd });
        for (const one of [embedded, indexed, searched]) assertEquals(one!.code, 0, one!.err);
        isWanted(embedded!.out.trim().split("\n").map((line) => JSON.parse(line).embedding));
        const { config: { ways }, vectors } = await readIndex(`${cwd}/index`);
        assertEquals([ways.pool, ways.whiten], [pool, false]);
        assertClose(unit(vectors.subarray(0, config.width)), unit(raw[0]!), tolerance);
        assertEquals(JSON.parse(searched!.out).results[0].text, texts[1]);
        // a probe tries both, and random weights in the way of the folder
        const examples = Array.from(
          { length: 12 },
          (_, i) => ({ text: `${texts[i % 2]} ${i}`, label: `${i % 2}`, source: "" }),
        );
        const { results } = await probe(model, examples);
        const kinds = (kind: string) => results.filter((one) => one.kind === kind).map(({ pool }) => pool);
        assertEquals([kinds("regression"), kinds("random")], [[pool, other], [pool]]);
        device.destroy();
      }));
  }
}

Deno.test("a folder that pools in an unknown way is refused where vectors are made, unless one is asked for", () =>
  inTemporaryFolder(async (cwd) => {
    await folderThat(`${cwd}/model`, { pool: "mean", normalize: false }, "max");
    await Deno.writeTextFile(`${cwd}/notes.txt`, texts.join("\n\n"));
    const device = await openCpuDevice({ threads: 1 });
    using model = await load(`${cwd}/model`, { device });
    const server = await serveModel(model, { port: 0 });
    try {
      const { status, json: { error } } = await ask(server, "/embed", { texts });
      assertEquals(status, 400);
      assertMatch(error, /vectors are pooled by max; wanted mean or cls/);
      assertEquals((await ask(server, "/embed", { texts, pool: "cls" })).status, 200);
      assertEquals((await ask(server, "/fill", { texts })).status, 200);
    } finally {
      await server.close();
    }
    const [embedded, indexed, exported, asked] = await runMains([
      ["embed", "model", "it", ...cpu],
      ["index", "notes.txt", "--model", "model", "--out", "index", ...cpu],
      ["export", "model", "--onnx", "--embeddings-only", "--out", "out"],
      ["embed", "model", "it", "--pool", "cls", ...cpu],
    ], { cwd });
    for (const { code, err } of [embedded!, indexed!, exported!]) {
      assertEquals(code, 1);
      assertStringIncludes(err, "pooled by max; wanted mean or cls");
    }
    assertEquals(asked!.code, 0, asked!.err);
    device.destroy();
  }));
