import { assertAlmostEquals, assertEquals } from "@std/assert";
import {
  env,
  pipeline,
  type TextClassificationPipeline,
  type TokenClassificationPipeline,
} from "npm:@huggingface/transformers@4.3.1";
import { main } from "../../cli.ts";
import { loadClassifier } from "../../lib/classify/classifier.ts";
import { loadTagger } from "../../lib/classify/tagger.ts";
import { openCpuDevice } from "../../lib/device/cpu/open_cpu.ts";
import { type ClassificationConfig, type ClassifierPool, modelConfig } from "../../lib/model/config.ts";
import { writeModel } from "../helpers/model_files.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";
import { vocabularies } from "../helpers/vocabularies.ts";

env.allowRemoteModels = false;
env.allowLocalModels = true;

const tokenizer = (await vocabularies())["framed wordpiece"]!;
const texts = ["the ball is in the garden", "where is the red hat"];

/** Writes a classifier with random weights, and its ONNX graph beside it. */
async function exported(
  folder: string,
  preset: "bert" | "modernbert",
  head: Partial<ClassificationConfig>,
): Promise<void> {
  const classification = { of: "text", classes: ["odd", "even", "no"], pool: "cls", dropout: 0, ...head } as const;
  const sizes = { layers: 2, width: 32, heads: 2, hidden: 48, maxLength: 128 };
  await writeModel(
    `${folder}/model`,
    modelConfig({ ...sizes, preset, vocab: tokenizer.size, classification }),
    tokenizer,
  );
  const { log } = console;
  console.log = () => {};
  const code = await main(["export", `${folder}/model`, "--onnx", "--out", `${folder}/exported`]);
  console.log = log;
  assertEquals(code, 0);
  env.localModelPath = folder;
}

const kinds: readonly (readonly ["bert" | "modernbert", ClassifierPool])[] = [
  ["bert", "cls"],
  ["modernbert", "cls"],
  ["modernbert", "mean"],
];

for (const [preset, pool] of kinds) {
  Deno.test({
    name: `transformers.js tells the classes of texts by an exported ${preset} classifier (${pool}) as we do`,
    // ONNX Runtime's own threads outlive the test
    sanitizeOps: false,
    sanitizeResources: false,
    fn: () =>
      inTemporaryFolder(async (folder) => {
        await exported(folder, preset, { pool });
        const device = await openCpuDevice({ threads: 1 });
        const ours = await loadClassifier(`${folder}/model`, { device });
        const theirs = await pipeline("text-classification", "exported") as TextClassificationPipeline;
        const expected = await Array.fromAsync(ours.predict(texts));
        const found = await theirs(texts, { top_k: 3 }) as unknown as { label: string; score: number }[][];
        for (const [i, { probabilities }] of expected.entries()) {
          assertEquals(found[i]!.map(({ label }) => label), probabilities.map(({ label }) => label));
          for (const [j, { score }] of found[i]!.entries()) {
            assertAlmostEquals(score, probabilities[j]!.probability, 1e-4);
          }
        }
        await theirs.dispose();
        ours.destroy();
        device.destroy();
      }),
  });
}

for (const preset of ["bert", "modernbert"] as const) {
  Deno.test({
    name: `transformers.js tells the classes of words by an exported ${preset} tagger as we do`,
    sanitizeOps: false,
    sanitizeResources: false,
    fn: () =>
      inTemporaryFolder(async (folder) => {
        await exported(folder, preset, { of: "token" });
        const device = await openCpuDevice({ threads: 1 });
        const ours = await loadTagger(`${folder}/model`, { device });
        const theirs = await pipeline("token-classification", "exported") as TokenClassificationPipeline;
        for (const text of texts) {
          const [words] = await Array.fromAsync(ours.predict([text]));
          const tokens = await theirs(text, { ignore_labels: [] }) as { word: string; entity: string; score: number }[];
          // the first token of each word: those that go on begin with ##
          const firsts = tokens.filter(({ word }) => !word.startsWith("##") && !/^\[(CLS|SEP)\]$/.test(word));
          assertEquals(firsts.map(({ entity }) => entity), words!.map(({ tag }) => tag));
          for (const [i, { score }] of firsts.entries()) assertAlmostEquals(score, words![i]!.probability, 1e-4);
        }
        await theirs.dispose();
        ours.destroy();
        device.destroy();
      }),
  });
}
