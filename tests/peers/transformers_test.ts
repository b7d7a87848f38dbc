import { assertAlmostEquals, assertEquals, assertGreater } from "@std/assert";
import {
  AutoModelForMaskedLM,
  AutoTokenizer,
  env,
  type FeatureExtractionPipeline,
  type FillMaskPipeline,
  pipeline,
} from "npm:@huggingface/transformers@4.3.1";
import { main } from "../../cli.ts";
import { openCpuDevice } from "../../lib/device/cpu/open_cpu.ts";
import { load } from "../../lib/inference/load.ts";
import { modelConfig, presets } from "../../lib/model/config.ts";
import { encodeFramed } from "../../lib/tokenizer/special_tokens.ts";
import { assertClose } from "../helpers/assert_close.ts";
import { logitsOf } from "../helpers/logits.ts";
import { writeModel } from "../helpers/model_files.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";
import { vocabularies } from "../helpers/vocabularies.ts";

env.allowRemoteModels = false;
env.allowLocalModels = true;

const tokenizers = await vocabularies();
const texts = ["the ball is in [MASK] garden", "where is the red [MASK]? in the garden, and the ball"];

for (const preset of presets) {
  for (const [kind, tokenizer] of Object.entries(tokenizers)) {
    Deno.test({
      name: `transformers.js fills in with an exported ${preset} model and ${kind} vocabulary as we do`,
      // ONNX Runtime's own threads outlive the test
      sanitizeOps: false,
      sanitizeResources: false,
      fn: () =>
        inTemporaryFolder(async (folder) => {
          const config = modelConfig({
            preset,
            vocab: tokenizer.size,
            layers: 2,
            width: 32,
            heads: 2,
            hidden: 48,
            maxLength: 128,
          });
          await writeModel(`${folder}/model`, config, tokenizer);
          const { log } = console;
          console.log = () => {};
          const code = await main(["export", `${folder}/model`, "--onnx", "--out", `${folder}/exported`]);
          console.log = log;
          assertEquals(code, 0);
          env.localModelPath = folder;

          const device = await openCpuDevice({ threads: 1 });
          using ours = await load(`${folder}/model`, { device });
          const filler = await pipeline("fill-mask", "exported") as FillMaskPipeline;
          for (const text of texts) {
            const special = new Set(Object.values(ours.tokenizer.special));
            const { masks } = await ours.fill(text, { topK: 10 });
            const found = (await filler(text, { top_k: 10 }) as { token: number; score: number }[])
              .filter(({ token }) => !special.has(token));
            assertGreater(found.length, 4);
            for (const [i, { token, score }] of found.entries()) {
              assertEquals(masks[0]!.candidates[i]!.id, token);
              assertAlmostEquals(masks[0]!.candidates[i]!.probability, score, 1e-4);
            }
          }

          const tokenize = await AutoTokenizer.from_pretrained("exported");
          const network = await AutoModelForMaskedLM.from_pretrained("exported");
          const inputs = await tokenize(texts, { padding: true });
          const ids = texts.map((text) => [...encodeFramed(ours.tokenizer, text)]);
          const rows = (inputs.input_ids.tolist() as bigint[][]).map((row) => row.map(Number));
          for (const [i, row] of rows.entries()) assertEquals(row.slice(0, ids[i]!.length), ids[i]);
          const { logits } = await network(inputs);
          const [, length, vocab] = logits.dims as [number, number, number];
          for (const [i, text] of (await logitsOf(ours, ids)).entries()) {
            const expected = logits.data.subarray(i * length * vocab, (i * length + ids[i]!.length) * vocab);
            assertClose(text, expected as Float32Array, { atol: 1e-4, rtol: 0, label: `text ${i}` });
          }
          await network.dispose();
          await filler.dispose();
          device.destroy();
        }),
    });
  }
}

Deno.test({
  name: "transformers.js takes one exported folder for filling in and for vectors, and 16 bits by itself",
  sanitizeOps: false,
  sanitizeResources: false,
  fn: () =>
    inTemporaryFolder(async (folder) => {
      const tokenizer = tokenizers["framed wordpiece"]!;
      const config = modelConfig({ vocab: tokenizer.size, layers: 2, width: 32, heads: 2, hidden: 48, maxLength: 128 });
      await writeModel(`${folder}/model`, config, tokenizer);
      const { log } = console;
      console.log = () => {};
      await main(["export", `${folder}/model`, "--onnx", "--embeddings", "--out", `${folder}/both`]);
      await main(["export", `${folder}/model`, "--onnx", "--dtype", "f16", "--out", `${folder}/half`]);
      console.log = log;
      env.localModelPath = folder;

      const device = await openCpuDevice({ threads: 1 });
      using ours = await load(`${folder}/model`, { device });
      const vectors = await pipeline("feature-extraction", "both") as FeatureExtractionPipeline;
      const plain = texts.map((text) => text.replace("[MASK]", "red"));
      const { dims, data } = await vectors(plain, { pooling: "mean" });
      assertEquals(dims, [2, 32]);
      const expected = (await ours.embed(plain)).flatMap((vector) => [...vector]);
      assertClose(data as Float32Array, expected, { atol: 1e-5, rtol: 1e-4, label: "vectors" });
      await vectors.dispose();

      for (const [name, tolerance] of [["both", 1e-4], ["half", 1e-3]] as const) {
        const filler = await pipeline("fill-mask", name) as FillMaskPipeline;
        const [best] = await filler(texts[0]!, { top_k: 1 }) as { token: number; score: number }[];
        const { masks } = await ours.fill(texts[0]!, { topK: tokenizer.size });
        const same = masks[0]!.candidates.find(({ id }) => id === best!.token);
        assertAlmostEquals(same!.probability, best!.score, tolerance);
        await filler.dispose();
      }
      device.destroy();
    }),
});

for (const preset of presets) {
  Deno.test({
    name: `transformers.js makes the vectors that embed gives of a ${preset} model that is exported for vectors only`,
    sanitizeOps: false,
    sanitizeResources: false,
    fn: () =>
      inTemporaryFolder(async (folder) => {
        const tokenizer = tokenizers["framed wordpiece"]!;
        const config = modelConfig({
          preset,
          vocab: tokenizer.size,
          layers: 2,
          width: 20,
          heads: 2,
          hidden: 48,
          maxLength: 128,
        });
        await writeModel(`${folder}/model`, config, tokenizer);
        const { log } = console;
        console.log = () => {};
        for (const type of ["f32", "f16"]) {
          await main([
            "export",
            `${folder}/model`,
            "--onnx",
            "--embeddings-only",
            "--dtype",
            type,
            "--out",
            `${folder}/${type}`,
          ]);
        }
        console.log = log;
        env.localModelPath = folder;

        const device = await openCpuDevice({ threads: 1 });
        using ours = await load(`${folder}/model`, { device });
        const plain = texts.map((text) => text.replace("[MASK]", "red"));
        const expected = (await ours.embed(plain)).flatMap((vector) => [...vector]);
        for (const [type, atol] of [["f32", 1e-5], ["f16", 1e-2]] as const) {
          const vectors = await pipeline("feature-extraction", type) as FeatureExtractionPipeline;
          const { dims, data } = await vectors(plain, { pooling: "mean" });
          assertEquals(dims, [2, 20]);
          assertClose(data as Float32Array, expected, { atol, rtol: 1e-4, label: type });
          await vectors.dispose();
        }
        device.destroy();
      }),
  });
}
