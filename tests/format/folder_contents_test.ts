import { assertEquals, assertRejects } from "@std/assert";
import { memoryFolder, type ModelFolder, readText } from "../../lib/format/model_folder.ts";
import { whatIsThere } from "../../lib/format/folder_contents.ts";
import { openModel } from "../../lib/format/open_model.ts";
import { openWeights } from "../../lib/format/weights.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { characterTokenizer } from "../../lib/tokenizer/character.ts";
import { modelFiles } from "../helpers/model_files.ts";

const tokenizer = characterTokenizer("abc ");
const config = modelConfig({ preset: "bert", vocab: tokenizer.size, layers: 1, width: 8, heads: 2, hidden: 8 });
const whole = modelFiles(config, tokenizer);

type Files = Record<string, string>;
const folderOf = (files: Files) =>
  memoryFolder("m", new Map(Object.entries(files).map(([name, text]) => [name, [text]])));
/** A folder that cannot be listed, as one at an address. */
const unlisted = ({ place, open }: ModelFolder): ModelFolder => ({ place, open });

const others: [Files, string][] = [
  [
    { "pytorch_model.bin": "" },
    "its weights are in pytorch_model.bin, a program's memory (pickle); wanted model.safetensors",
  ],
  [
    { "pytorch_model-00001-of-00002.bin": "" },
    "its weights are in pytorch_model-00001-of-00002.bin, a program's memory",
  ],
  [{ "model.pt": "" }, "its weights are in model.pt, a program's memory"],
  [{ "tf_model.h5": "" }, "its weights are in tf_model.h5, weights of TensorFlow"],
  [{ "bert_model.ckpt.index": "" }, "its weights are in bert_model.ckpt.index, weights of TensorFlow"],
  [{ "flax_model.msgpack": "" }, "its weights are in flax_model.msgpack, weights of Flax"],
  [{ "model-q8.gguf": "" }, "its weights are in model-q8.gguf, weights of llama.cpp"],
  [{ "onnx/model.onnx": "" }, "its weights are in onnx/model.onnx, a graph that can only be run"],
  [{ "bert.safetensors": "" }, "its weights are in bert.safetensors; wanted model.safetensors: rename it"],
  [{ "adapter_config.json": '{"base_model_name_or_path": "x/y"}' }, "it holds an adapter of x/y, not a model"],
  [{ "adapter_config.json": "{" }, "it holds an adapter, not a model"],
  [{ "0_Transformer/config.json": "{}" }, "the model is in a folder within it: name m/0_Transformer"],
];

for (const [files, expected] of others) {
  Deno.test(`openModel() names the way from ${Object.keys(files)[0]} to a model`, async () => {
    for (const json of [{}, { "config.json": JSON.stringify({ model_type: "bert" }) }]) {
      const folder = folderOf({ ...files, ...json });
      const said = await whatIsThere(folder, json["config.json"] ? "model.safetensors" : "config.json");
      assertEquals(said.slice(0, expected.length), expected);
    }
    if ("config.json" in files) return;
    await assertRejects(() => openModel(folderOf(files)), RangeError, `Cannot use m: ${expected}`);
    await assertRejects(() => openWeights(folderOf(files), config), RangeError, `Cannot use m: ${expected}`);
  });
}

Deno.test("openModel() names what lacks in folders at an address, which cannot be listed", async () => {
  for (const name of ["pytorch_model.bin", "tf_model.h5", "onnx/model.onnx", "0_Transformer/config.json"]) {
    const folder = unlisted(folderOf({ [name]: "" }));
    await assertRejects(() => openModel(folder), RangeError, name.replace("/config.json", ""));
  }
  await assertRejects(
    () => openModel(unlisted(folderOf({}))),
    RangeError,
    "Cannot use m: there is no config.json in it",
  );
});

Deno.test("openModel() says which part is missing of a folder, and what is there", async () => {
  await assertRejects(() => openModel(folderOf({})), RangeError, "Cannot use m: it is empty");
  const without = (name: string) => memoryFolder("m", new Map([...whole].filter(([other]) => other !== name)));
  await assertRejects(
    () => openModel(without("config.json")),
    RangeError,
    "there is no config.json in it, only weights",
  );
  await assertRejects(
    () => openModel(without("model.safetensors")),
    RangeError,
    "there is no model.safetensors in it, only config.json, ",
  );
  await assertRejects(
    () => openModel(folderOf({ "bert_config.json": "{}" })),
    RangeError,
    'a bert_config.json: copy it to config.json and add "model_type": "bert"',
  );
});

const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";

Deno.test("openModel() knows pointers of Git LFS by their first bytes", async () => {
  for (const name of ["model.safetensors", "tokenizer.json", "config.json"]) {
    const folder = memoryFolder("m", new Map(whole).set(name, [new TextEncoder().encode(pointer)]));
    await assertRejects(
      () => openModel(folder),
      SyntaxError,
      `Cannot read m/${name}: it is only a pointer of Git LFS to the file; "git lfs pull"`,
    );
  }
  assertEquals(await readText(folderOf({ a: "version 1", b: "vers", c: "" }), "a"), "version 1");
});

Deno.test("openModel() knows pickles under the name of weights", async () => {
  for (const start of [[0x50, 0x4b, 3, 4, 0, 0, 8, 8], [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46]]) {
    const folder = memoryFolder("m", new Map(whole).set("model.safetensors", [Uint8Array.from([...start, ...start])]));
    await assertRejects(
      () => openModel(folder),
      SyntaxError,
      "Cannot read m/model.safetensors: it is a pickle of torch.save",
    );
  }
});
