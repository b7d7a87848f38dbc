/**
 * The command `export`.
 *
 * @module
 */

import { checkpoint, checkpointPath } from "../checkpoint_choice.ts";
import { toConfigJson } from "../../format/config_json.ts";
import { readText } from "../../format/model_folder.ts";
import { toHuggingFace } from "../../format/tensor_names.ts";
import type { OpenedModel } from "../../format/open_model.ts";
import { toOnnx } from "../../format/onnx_model.ts";
import { readPooling, sentenceFiles } from "../../format/sentence_folder.ts";
import { encodeSafetensors } from "../../format/safetensors.ts";
import { tokenizerFiles } from "../../format/tokenizer_writer.ts";
import { readWeights } from "../../format/weights.ts";
import { isFree, writeNewFolder } from "../../files/new_folder.ts";
import { trimmed } from "../../files/paths.ts";
import { totalBytes } from "../../files/write_files.ts";
import type { FileSet } from "../../files/write_folder.ts";
import { parseChoice } from "../flag_values.ts";
import { flag, flagHelp, flagSwitch, parseFlags, UsageError } from "../flags.ts";
import { grouped } from "../figures.ts";
import { progressAside, waitedFor } from "../long_work.ts";
import { folderHelp, modelPermissions, openNamed, readNamed, watchedModel } from "../opened_model.ts";
import { checkPermissions, permissionsHelp, readingOf } from "../permissions.ts";
import { program } from "../program.ts";
import { sayHelp, sayWrapped } from "../standard_streams.ts";

const types = ["f32", "f16", "bf16"] as const;
const out = flag("OUT", "folder to write; it must not exist yet", trimmed);
const onnx = flagSwitch("an ONNX graph, in a folder that transformers.js loads, instead of safetensors");
const embeddings = flagSwitch("with --onnx: hidden states and sentence vectors besides the logits");
const embeddingsOnly = flagSwitch("with --onnx: the same without logits and head: smaller and much faster");
const dtype = {
  ...flag("TYPE", "f32, f16 or, without --onnx, bf16", parseChoice(types)),
  default: types[0] as typeof types[number],
};
const groups = { Options: { out, onnx, embeddings, "embeddings-only": embeddingsOnly, dtype, checkpoint } };

/** Help of the command. */
const exportHelp = `Writes a model for other programs: a Hugging Face folder, or ONNX.

Usage: ${program} export DIR --out OUT [options]

${folderHelp}
Without --onnx, OUT gets config.json, model.safetensors and the tokenizer's files, which transformers loads. With --onnx the
graph is OUT/onnx/model.onnx (in 16 bits model_fp16.onnx), which transformers.js and ONNX Runtime load: opset 17, any batch
and length, inputs input_ids and attention_mask, output logits, of classifiers those of the classes; or with --embeddings-only last_hidden_state and
sentence_embedding, for the pipeline feature-extraction.

${flagHelp(groups)}

${
  permissionsHelp({
    ...modelPermissions,
    "--allow-write=OUT": "what is written, and --allow-read=OUT, for files get their names when they are whole",
  })
}

Examples:
  ${program} export runs/bert-law --out bert-law --checkpoint best
  ${program} export runs/bert-law --onnx --dtype f16 --out bert-law-onnx`;

/** Runs the command; returns the exit code. */
export async function exportCommand(args: readonly string[]): Promise<number> {
  const parsed = parseFlags(groups, args);
  if (parsed.help) {
    sayHelp(exportHelp);
    return 0;
  }
  const [given, ...rest] = parsed.positional;
  const target = parsed.get(out);
  if (given === undefined || target === undefined || rest.length > 0) {
    throw new UsageError("Usage: export DIR --out OUT");
  }
  const isOnnx = parsed.get(onnx) ?? false;
  const type = parsed.get(dtype);
  const wanted = parsed.get(embeddingsOnly) ? "only" : parsed.get(embeddings) ?? false;
  if (wanted && !isOnnx) {
    throw new UsageError(`Option --embeddings${wanted === "only" ? "-only" : ""} is for --onnx`);
  }
  if (isOnnx && type === "bf16") throw new UsageError("Cannot write ONNX in bf16: it must be f32 or f16");
  checkPermissions({ ...readingOf([given]), write: [target] });
  if (!await isFree(target)) throw new RangeError(`Cannot write to "${target}": it exists already`);
  const path = await checkpointPath(given, parsed.get(checkpoint));
  const classifier = wanted === "only" ? false : "any";
  const opened = await openNamed(path, { classifier });
  if (!isOnnx && opened.config.preset === "labml") {
    await opened.weights.close();
    throw new RangeError("labml.ai's model has no Hugging Face class, so it is exported as ONNX only: add --onnx");
  }
  if (isOnnx && !opened.weights.head && !opened.config.classification && wanted !== "only") {
    await opened.weights.close();
    throw new RangeError(
      `Cannot export ${opened.folder.place} with logits: it has no head for masked tokens; add --embeddings-only`,
    );
  }
  const { value: files } = await readNamed(
    path,
    opened,
    async (opened) =>
      isOnnx && type !== "bf16"
        ? await onnxFiles(watchedModel(opened), { type, embeddings: wanted })
        : await huggingFaceFiles(watchedModel(opened), type),
    { classifier },
  );
  const bytes = grouped(totalBytes([...files.values()].flat()));
  await waitedFor(
    progressAside(),
    `writing ${bytes} bytes`,
    () => writeNewFolder(target, files, { what: "the model", last: "config.json" }),
  );
  for (const [name, parts] of files) sayWrapped(`${target}/${name}  ${totalBytes(parts).toLocaleString("en")} bytes`);
  return 0;
}

async function huggingFaceFiles(opened: OpenedModel, type: typeof types[number]): Promise<FileSet> {
  const { config, tokenizer, weights } = opened;
  const { head } = weights;
  const tensors = toHuggingFace(config, await readWeights(weights, config), { head });
  const dtype = { f32: "float32", f16: "float16", bf16: "bfloat16" }[type];
  return new Map([
    ...await describing(opened, { ...toConfigJson(config, tokenizer.special, { head }), dtype }),
    [
      "model.safetensors",
      encodeSafetensors(tensors, { type: ({ f32: "F32", f16: "F16", bf16: "BF16" } as const)[type] }),
    ],
  ]);
}

async function onnxFiles(
  opened: OpenedModel,
  { type, embeddings }: { type: "f32" | "f16"; embeddings: boolean | "only" },
): Promise<FileSet> {
  const { tokenizer, weights } = opened;
  // a graph predicts masked tokens; there is no task of its own for pairs of texts
  const config = { ...opened.config, nextSentence: false };
  // what would give other vectors than the folder says is not written
  const pooling = embeddings ? await readPooling(opened.folder) : undefined;
  const parts = toOnnx(config, await readWeights(weights, opened.config), { type, embeddings, pooling });
  const head = embeddings !== "only";
  const json = toConfigJson(config, tokenizer.special, { head });
  // transformers.js knows no labml.ai; what the graph computes is in the graph, the class only says how it is used
  const loadable = config.preset === "labml"
    ? { ...json, model_type: "bert", architectures: [head ? "BertForMaskedLM" : "BertModel"], cloze_preset: "labml" }
    : json;
  const dtype = type === "f16" ? "fp16" : "fp32";
  return new Map([
    ...await describing(opened, { ...loadable, "transformers.js_config": { dtype } }),
    [type === "f16" ? "onnx/model_fp16.onnx" : "onnx/model.onnx", parts],
  ]);
}

/** config.json, the tokenizer's files and, where there is one, the model card. */
async function describing(
  { folder, config, tokenizer }: OpenedModel,
  json: Record<string, unknown>,
): Promise<[string, Uint8Array<ArrayBuffer>[]][]> {
  const encode = (text: string) => [new TextEncoder().encode(text)];
  const files = [...tokenizerFiles(tokenizer, config.maxLength)];
  // vectors that are made in another way cannot be described
  const pooling = await readPooling(folder).catch(() => undefined);
  if (pooling) files.push(...sentenceFiles(config, pooling));
  const card = await readText(folder, "README.md");
  if (card !== undefined) files.push(["README.md", card]);
  return [
    ["config.json", encode(JSON.stringify(json, null, 2) + "\n")],
    ...files.map(([name, text]): [string, Uint8Array<ArrayBuffer>[]] => [name, encode(text)]),
  ];
}
