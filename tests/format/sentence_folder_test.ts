import { assertEquals, assertRejects } from "@std/assert";
import { memoryFolder } from "../../lib/format/model_folder.ts";
import { readPooling, sentenceFiles } from "../../lib/format/sentence_folder.ts";
import { modelConfig } from "../../lib/model/config.ts";

const config = modelConfig({ preset: "bert", vocab: 50, size: "tiny", maxLength: 128 });
const folder = (files: Readonly<Record<string, unknown>>) =>
  memoryFolder("model", new Map(Object.entries(files).map(([name, value]) => [name, [JSON.stringify(value)]])));
const type = (name: string) => `sentence_transformers.models.${name}`;

Deno.test("sentenceFiles() are what sentence-transformers reads, and what readPooling() finds again", async () => {
  for (const pool of ["mean", "cls"] as const) {
    for (const normalize of [false, true]) {
      const files = sentenceFiles(config, { pool, normalize });
      const parsed = Object.fromEntries([...files].map(([name, text]) => [name, JSON.parse(text)]));
      assertEquals(
        parsed["modules.json"].map(({ type }: { type: string }) => type),
        ["Transformer", "Pooling", ...(normalize ? ["Normalize"] : [])].map(type),
      );
      const { word_embedding_dimension: width, ...modes } = parsed["1_Pooling/config.json"];
      assertEquals(width, 64);
      assertEquals([modes.pooling_mode_mean_tokens, modes.pooling_mode_cls_token], [pool === "mean", pool === "cls"]);
      assertEquals(parsed["sentence_bert_config.json"], { max_seq_length: 128, do_lower_case: false });
      assertEquals(await readPooling(folder(parsed)), { pool, normalize });
    }
  }
  // no class at Hugging Face: nothing could load it
  assertEquals(sentenceFiles(modelConfig({ preset: "labml", vocab: 50 }), { pool: "mean", normalize: false }).size, 0);
});

Deno.test("readPooling() reads folders of version 6 and of others, and says what it does not know", async () => {
  const modules = (...kinds: string[]) =>
    kinds.map((kind, idx) => ({ idx, name: `${idx}`, path: kind === "Pooling" ? "1_Pooling" : "", type: type(kind) }));
  const usual = modules("Transformer", "Pooling");
  const pooled = (config: unknown, list: unknown = usual) =>
    readPooling(folder({ "modules.json": list, "1_Pooling/config.json": config }));
  assertEquals(await readPooling(folder({})), undefined);
  assertEquals((await pooled({ embedding_dimension: 64, pooling_mode: "cls" }))!.pool, "cls");
  assertEquals((await pooled({ embedding_dimension: 64, pooling_mode: ["mean"] }))!.pool, "mean");
  assertEquals((await pooled({}))!.pool, "mean");
  const fails = (promise: Promise<unknown>, message: string) => assertRejects(() => promise, SyntaxError, message);
  await fails(
    pooled({ pooling_mode_max_tokens: true, pooling_mode_mean_tokens: true }),
    "Cannot use model/1_Pooling/config.json: its vectors are pooled by mean and max; wanted mean or cls",
  );
  await fails(pooled({}, modules("Transformer", "Pooling", "Dense")), 'its vectors pass through a module "dense"');
  await fails(pooled({}, { a: 1 }), "Cannot use model/modules.json: it is no list of modules");
  await fails(pooled({}, [1]), "it is no list of modules");
});
