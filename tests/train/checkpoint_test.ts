import { assert, assertEquals, assertRejects } from "@std/assert";
import { START } from "../../lib/batch/windows.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { initialValues } from "../../lib/model/parameters.ts";
import { characterTokenizer } from "../../lib/tokenizer/character.ts";
import { type Checkpoint, loadCheckpoint, loadModel, saveCheckpoint } from "../../lib/train/checkpoint.ts";
import { CHECKSUMS } from "../../lib/files/checksums.ts";
import { folderStorage } from "../../lib/files/checkpoint_folder.ts";
import { decodeSafetensors, encodeSafetensors } from "../../lib/format/safetensors.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const tokenizer = characterTokenizer("abc \n");
const config = modelConfig({ vocab: tokenizer.size, layers: 1, width: 8, heads: 2, hidden: 12 });

function checkpoint(step: number): Checkpoint {
  const position = { ...START, epoch: 1, line: step };
  const [parameters, firstMoment, secondMoment] = [1, 2, 3].map((seed) => initialValues(config, seed + step)) as [
    ReturnType<typeof initialValues>,
    ReturnType<typeof initialValues>,
    ReturnType<typeof initialValues>,
  ];
  const state = { step, tokens: 7 * step, seconds: 1.25, position, parameters, firstMoment, secondMoment };
  return { config, tokenizer, state };
}

Deno.test("saveCheckpoint() and back gives the same state to the bit", () =>
  inTemporaryFolder(async (path) => {
    const storage = folderStorage(`${path}/checkpoints`);
    const saved = checkpoint(5);
    const name = await saveCheckpoint(storage, saved);
    assertEquals(name, "step-00000005");
    const loaded = await loadCheckpoint(storage, name);
    assertEquals(loaded.state, saved.state);
    assertEquals(loaded.config, config);
    assertEquals(loaded.tokenizer.tokens, tokenizer.tokens);
    const scaled = { ...checkpoint(6).state, lossScale: { factor: 2 ** 15, goodSteps: 7 } };
    const other = await saveCheckpoint(storage, { ...saved, state: scaled });
    assertEquals((await loadCheckpoint(storage, other)).state, scaled);
  }));

Deno.test("saveCheckpoint() keeps one moment of what Muon updates, and the optimizer's name", () =>
  inTemporaryFolder(async (path) => {
    const storage = folderStorage(path);
    const all = checkpoint(5);
    const isOuter = ([name]: [string, unknown]) => !/^layers.*weight$/.test(name) || name.includes("norm");
    const secondMoment = new Map([...all.state.secondMoment].filter(isOuter));
    assertEquals(all.state.secondMoment.size - secondMoment.size, 4);
    const state = { ...all.state, secondMoment, optimizer: "muon" as const };
    const name = await saveCheckpoint(storage, { ...all, state });
    assertEquals((await loadCheckpoint(storage, name)).state, state);
    const file = `${path}/${name}/training.json`;
    const json = JSON.parse(await Deno.readTextFile(file));
    await Deno.remove(`${path}/${name}/${CHECKSUMS}`);
    const wrong = [
      [{ ...json, optimizer: "adamw" }, "the second moment of layers.0.attention.qkv.weight is missing"],
      [{ ...json, optimizer: undefined }, "the second moment of layers.0.attention.qkv.weight is missing"],
      [{ ...json, optimizer: "sgd" }, "optimizer"],
    ] as const;
    for (const [content, what] of wrong) {
      await Deno.writeTextFile(file, JSON.stringify(content));
      await assertRejects(() => loadCheckpoint(storage, name), SyntaxError, what);
    }
  }));

Deno.test("loadCheckpoint() reads the moments of earlier versions, which called token types segments", () =>
  inTemporaryFolder(async (path) => {
    const storage = folderStorage(path);
    const bert = modelConfig({ preset: "bert", vocab: tokenizer.size, layers: 1, width: 8, heads: 2, hidden: 12 });
    const [parameters, firstMoment, secondMoment] = [1, 2, 3].map((seed) => initialValues(bert, seed)) as [
      ReturnType<typeof initialValues>,
      ReturnType<typeof initialValues>,
      ReturnType<typeof initialValues>,
    ];
    const saved = { ...checkpoint(1).state, parameters, firstMoment, secondMoment };
    const name = await saveCheckpoint(storage, { config: bert, tokenizer, state: saved });
    const file = `${path}/${name}/optimizer.safetensors`;
    const { tensors } = decodeSafetensors(await Deno.readFile(file), file);
    const former = [...tensors].map(([key, tensor]) => [key.replace("tokenType", "segment"), tensor] as const);
    assert(former.some(([key]) => key === "first.embeddings.segment"));
    await Deno.writeFile(file, await new Blob(encodeSafetensors(new Map(former))).bytes());
    await Deno.remove(`${path}/${name}/${CHECKSUMS}`);
    assertEquals((await loadCheckpoint(storage, name)).state, saved);
  }));

Deno.test("saveCheckpoint() keeps the latest two", () =>
  inTemporaryFolder(async (path) => {
    const storage = folderStorage(path);
    for (const step of [1, 2, 3, 10]) await saveCheckpoint(storage, checkpoint(step));
    assertEquals(await storage.list(), ["step-00000003", "step-00000010"]);
  }));

Deno.test("saveCheckpoint() keeps as many as are wanted, and the best beside them", () =>
  inTemporaryFolder(async (path) => {
    const storage = folderStorage(path);
    const best = (names: readonly string[]) => names.find((name) => name === "step-00000002");
    for (const step of [1, 2, 3, 4]) await saveCheckpoint(storage, checkpoint(step), { keep: 1, best });
    assertEquals(await storage.list(), ["step-00000002", "step-00000004"]);
    for (const step of [5, 6, 7]) await saveCheckpoint(storage, checkpoint(step), { keep: 3 });
    assertEquals(await storage.list(), ["step-00000005", "step-00000006", "step-00000007"]);
  }));

Deno.test("folderStorage() takes foreign and empty folders for no checkpoints, leaves them alone, and sorts by step", () =>
  inTemporaryFolder(async (path) => {
    const storage = folderStorage(path);
    const foreign = ["backup", "step-00000001-copy", "step-", ".hidden", "step-00000003", "step-00000004", "stepx-5"];
    for (const name of foreign) await Deno.mkdir(`${path}/${name}`);
    for (const name of ["backup", "step-00000001-copy"]) {
      await Deno.writeTextFile(`${path}/${name}/training.json`, "{}");
    }
    await Deno.writeTextFile(`${path}/step-00000004/notes.txt`, "mine");
    await Deno.writeTextFile(`${path}/step-7`, "a file");
    assertEquals(await storage.list(), []);
    for (const step of [1, 2, 3, 4]) await saveCheckpoint(storage, checkpoint(step));
    await saveCheckpoint(storage, checkpoint(100_000_000));
    assertEquals(await storage.list(), ["step-00000004", "step-100000000"]);
    assertEquals(await Deno.readTextFile(`${path}/other-step-00000004/notes.txt`), "mine");
    for (const name of ["backup", "step-00000001-copy", "step-", ".hidden"]) await Deno.stat(`${path}/${name}`);
  }));

Deno.test("folderStorage() writes checksums that sha256sum reads", () =>
  inTemporaryFolder(async (path) => {
    const name = await saveCheckpoint(folderStorage(path), checkpoint(1));
    const sums = await Deno.readTextFile(`${path}/${name}/${CHECKSUMS}`);
    const lines = [];
    for (const line of sums.trimEnd().split("\n")) {
      const file = line.slice(66);
      const digest = await crypto.subtle.digest("SHA-256", await Deno.readFile(`${path}/${name}/${file}`));
      lines.push(`${new Uint8Array(digest).toHex()}  ${file}`);
    }
    assertEquals(lines.join("\n"), sums.trimEnd());
    const names = (await Array.fromAsync(Deno.readDir(`${path}/${name}`), ({ name }) => name)).sort();
    assertEquals([...lines.map((line) => line.slice(66)), CHECKSUMS].sort(), names);
  }));

Deno.test("folderStorage() never lists what was not written to its end, and clears it away", () =>
  inTemporaryFolder(async (path) => {
    const storage = folderStorage(path);
    await Deno.mkdir(`${path}/.unfinished-step-00000001`);
    await Deno.writeTextFile(`${path}/.unfinished-step-00000001/rubbish`, "half");
    assertEquals(await storage.list(), []);
    await saveCheckpoint(storage, checkpoint(1));
    assertEquals((await Array.fromAsync(Deno.readDir(path))).map(({ name }) => name), ["step-00000001"]);
    const files = (await Array.fromAsync(Deno.readDir(`${path}/step-00000001`))).map(({ name }) => name).sort();
    assertEquals(files, [
      CHECKSUMS,
      "config.json",
      "model.safetensors",
      "optimizer.safetensors",
      "special_tokens_map.json",
      "tokenizer.json",
      "tokenizer_config.json",
      "training.json",
    ]);
  }));

Deno.test("loadModel() and loadCheckpoint() name the file that is damaged, also where there are no checksums", () =>
  inTemporaryFolder(async (path) => {
    const storage = folderStorage(path);
    const name = await saveCheckpoint(storage, checkpoint(1));
    await Deno.remove(`${path}/${name}/${CHECKSUMS}`);
    const damage = async (file: string, text: string) => {
      const original = await Deno.readFile(`${path}/${name}/${file}`);
      await Deno.writeTextFile(`${path}/${name}/${file}`, text);
      return () => Deno.writeFile(`${path}/${name}/${file}`, original);
    };
    for (
      const [file, text, message] of [
        ["config.json", "{", "config.json: it is no JSON"],
        ["config.json", '{"model_type":"gpt2"}', 'its model_type is "gpt2"'],
        ["model.safetensors", "short", "model.safetensors"],
        ["tokenizer.json", "{}", "it has no vocabulary"],
        ["training.json", "{}", '"step" is missing; wanted a whole number of at least 0'],
        ["optimizer.safetensors", "12345678", "optimizer.safetensors"],
      ] as const
    ) {
      const repair = await damage(file, text);
      await assertRejects(() => loadCheckpoint(storage, name), SyntaxError, message);
      await repair();
    }
    assertEquals((await loadModel(storage, name)).config, config);
  }));

Deno.test("loadCheckpoint() names a tensor that is not finite, of the weights and of the moments", () =>
  inTemporaryFolder(async (path) => {
    const storage = folderStorage(path);
    const kinds = {
      parameters: 'model.safetensors: tensor "head.dense.weight" holds numbers that are not finite, 1 of 64',
      firstMoment: 'optimizer.safetensors: tensor "first.head.dense.weight" holds numbers that are not finite, 1 of 64',
      secondMoment:
        'optimizer.safetensors: tensor "second.head.dense.weight" holds numbers that are not finite, 1 of 64',
    };
    for (const [step, [kind, message]] of Object.entries(kinds).entries()) {
      const broken = checkpoint(step + 1);
      (broken.state[kind as keyof typeof kinds] as Map<string, Float32Array>).get("head.dense.weight")![5] = NaN;
      const name = await saveCheckpoint(storage, broken);
      await assertRejects(() => loadCheckpoint(storage, name), SyntaxError, message);
    }
  }));
