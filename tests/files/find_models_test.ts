import { assertEquals, assertRejects } from "@std/assert";
import { load } from "../../lib/inference/load.ts";
import { openCpuDevice } from "../../lib/device/cpu/open_cpu.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { characterTokenizer } from "../../lib/tokenizer/character.ts";
import { findModels } from "../../lib/files/find_models.ts";
import { writeModel } from "../helpers/model_files.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const tokenizer = characterTokenizer("abc ");
const config = modelConfig({ vocab: tokenizer.size, layers: 1, width: 8, heads: 2, hidden: 8 });
const placesOf = async (path: string) => (await findModels(path)).map(({ place }) => place);

Deno.test("findModels() finds a model, a run's checkpoints, and what Hugging Face's cache means", () =>
  inTemporaryFolder(async (path) => {
    await writeModel(`${path}/model`, config, tokenizer);
    assertEquals(await placesOf(`${path}/model/`), [`${path}/model`]);

    await writeModel(`${path}/run/checkpoints/step-1`, config, tokenizer);
    await writeModel(`${path}/run/checkpoints/step-2`, config, tokenizer);
    await Deno.writeTextFile(`${path}/run/config.json`, "{}");
    assertEquals(await placesOf(`${path}/run`), [`${path}/run/checkpoints/step-1`, `${path}/run/checkpoints/step-2`]);

    const cached = `${path}/models--a--b`;
    await Deno.mkdir(`${cached}/blobs`, { recursive: true });
    await Deno.mkdir(`${cached}/refs`);
    await assertRejects(() => findModels(cached), RangeError, `Cannot use "${cached}"`);
    await writeModel(`${cached}/snapshots/0a1`, config, tokenizer);
    assertEquals(await placesOf(cached), [`${cached}/snapshots/0a1`]);
    await writeModel(`${cached}/snapshots/0b2`, config, tokenizer);
    await assertRejects(
      () => findModels(cached),
      RangeError,
      `it holds several versions: name ${cached}/snapshots/0a1 or`,
    );
    await Deno.writeTextFile(`${cached}/refs/main`, "0b2");
    assertEquals(await placesOf(cached), [`${cached}/snapshots/0b2`]);
    const device = await openCpuDevice({ threads: 1 });
    using model = await load(cached, { device });
    assertEquals(model.place, `${cached}/snapshots/0b2`);
    device.destroy();
  }));

Deno.test("findModels() says what a path is that means no model", () =>
  inTemporaryFolder(async (path) => {
    const rejects = (name: string, message: string) =>
      assertRejects(() => findModels(`${path}/${name}`), RangeError, `Cannot use "${path}/${name}": ${message}`);
    await rejects("nowhere", "there is no such folder");
    await Deno.mkdir(`${path}/empty`);
    await rejects("empty", "it is empty");
    await Deno.writeTextFile(`${path}/file.txt`, "x");
    await rejects("file.txt", "it is a file; wanted the folder of a model");
    await writeModel(`${path}/model`, config, tokenizer);
    await rejects("model/model.safetensors", `it is a file; wanted the folder of a model, "${path}/model"`);
    await Deno.mkdir(`${path}/run/checkpoints`, { recursive: true });
    await Deno.writeTextFile(`${path}/run/metrics.jsonl`, "");
    await rejects("run", "it is a run without a checkpoint");
    await Deno.mkdir(`${path}/sentence/0_Transformer`, { recursive: true });
    await Deno.writeTextFile(`${path}/sentence/0_Transformer/config.json`, "{}");
    await Deno.writeTextFile(`${path}/sentence/modules.json`, "[]");
    await rejects("sentence", `the model is in a folder within it: name ${path}/sentence/0_Transformer`);
    await Deno.mkdir(`${path}/text`);
    await Deno.writeTextFile(`${path}/text/vocab.txt`, "x");
    await rejects(
      "text",
      "it is neither a run with a checkpoint nor the folder of a model: there is no config.json in it, only vocab.txt",
    );
  }));
