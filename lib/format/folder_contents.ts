/**
 * What a folder holds that lacks what belongs to a model, and the way from there to one.
 *
 * @module
 */

import { type ModelFolder, pathIn, readJson } from "./model_folder.ts";

/** The weights of a model, in one file, or the list of several. */
export const WEIGHTS = "model.safetensors";
/** Which of several files holds which tensor. */
export const WEIGHTS_INDEX = "model.safetensors.index.json";

/** How weights are converted by the library that wrote them. */
const convert = (option = "") => `load it in Python with transformers${option} and write it with save_pretrained`;

/** Other forms of weights: what they are called, and the way out. */
const otherWeights: readonly (readonly [files: RegExp, what: string, way: string])[] = [
  [/^pytorch_model|\.(bin|pt|pth|pkl)$/i, "a program's memory (pickle)", convert()],
  [/^tf_model.*\.h5$|\.ckpt(\.|$)|^saved_model\.pb$/i, "weights of TensorFlow", convert(" (from_tf=True)")],
  [/^flax_model.*\.msgpack/i, "weights of Flax", convert(" (from_flax=True)")],
  [/\.gguf$/i, "weights of llama.cpp", "take the model that they were made from"],
  [/\.onnx$|^onnx\/$/i, "a graph that can only be run", "take the model that it was exported from"],
  [/\.(tflite|mlmodel|mlpackage)\/?$|^openvino_model/i, "a graph that can only be run", "take the model behind it"],
];

/** Files that are looked for where a folder cannot be listed. */
const telling = [
  "config.json",
  "adapter_config.json",
  "pytorch_model.bin",
  "pytorch_model.bin.index.json",
  "tf_model.h5",
  "flax_model.msgpack",
  "onnx/model.onnx",
  "0_Transformer/config.json",
];

/**
 * What a folder is that lacks its config.json or its weights: a phrase that names what is there instead, and what to do.
 */
export async function whatIsThere(folder: ModelFolder, lacks: "config.json" | typeof WEIGHTS): Promise<string> {
  const names = await namesIn(folder);
  if (names.length === 0 && folder.list) return "it is empty";
  if (names.some((name) => name.startsWith("adapter_"))) return await adapter(folder);
  if (lacks === "config.json" && names.includes("bert_config.json")) {
    return 'there is no config.json in it, but a bert_config.json: copy it to config.json and add "model_type": "bert"';
  }
  const weights = names.includes(WEIGHTS) || names.includes(WEIGHTS_INDEX);
  if (!weights && names.includes("training.json")) return `it is a checkpoint that lacks its ${WEIGHTS}`;
  if (!weights) {
    for (const [files, what, way] of otherWeights) {
      const found = names.find((name) => files.test(name));
      if (found) return `its weights are in ${found}, ${what}; wanted ${WEIGHTS}: ${way}`;
    }
    const renamed = names.find((name) => /^[^/]*\.safetensors$/.test(name));
    if (renamed) return `its weights are in ${renamed}; wanted ${WEIGHTS}: rename it, if it is the whole model`;
    const inside = await modelsInside(folder, names);
    if (inside.length > 0) return `the model is in a folder within it: name ${inside.slice(0, 5).join(" or ")}`;
  }
  const some = names.filter((name) => !name.includes("/")).sort().slice(0, 5).join(", ");
  return `there is no ${lacks} in it${weights ? ", only weights" : some === "" ? "" : `, only ${some}`}`;
}

async function adapter(folder: ModelFolder): Promise<string> {
  const json = await readJson(folder, "adapter_config.json").catch(() => undefined) as
    | { base_model_name_or_path?: unknown }
    | undefined;
  const base = json?.base_model_name_or_path;
  return `it holds an adapter${typeof base === "string" ? ` of ${base}` : ""}, not a model: merge the two first, ` +
    "in Python by peft's merge_and_unload and save_pretrained";
}

/** Paths of the folders within that hold a model. */
async function modelsInside(folder: ModelFolder, names: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const name of [...names].sort()) {
    const inside = name.replace(/\/(config\.json)?$/, "");
    if (inside === name || found.length === 6) continue;
    const file = await folder.open(`${inside}/config.json`).catch(() => undefined);
    await file?.close();
    if (file) found.push(pathIn(folder, inside));
  }
  return found;
}

/** Names in a folder; of folders with a slash at the end. Where it cannot be listed, of the telling ones those that are there. */
async function namesIn(folder: ModelFolder): Promise<readonly string[]> {
  if (folder.list) return await folder.list();
  // all at once: a server may let each wait
  const found = await Promise.all(telling.map(async (name) => {
    const file = await folder.open(name).catch(() => undefined);
    await file?.close();
    return file ? [name] : [];
  }));
  return found.flat();
}
