import { toConfigJson } from "../../lib/format/config_json.ts";
import { toHuggingFace } from "../../lib/format/tensor_names.ts";
import { encodeSafetensors } from "../../lib/format/safetensors.ts";
import { tokenizerFiles } from "../../lib/format/tokenizer_writer.ts";
import type { ModelConfig } from "../../lib/model/config.ts";
import { initialValues } from "../../lib/model/parameters.ts";
import type { Tokenizer } from "../../lib/tokenizer/tokenizer.ts";
import { type FileSet, writeFiles } from "../../lib/files/write_folder.ts";
import { random } from "./random.ts";

/** The files of a model with random weights, large enough that every one of them shows in the logits, or as large as is said. */
export function modelFiles(
  config: ModelConfig,
  tokenizer: Tokenizer,
  seed = 1,
  { scale = 1 }: { scale?: number } = {},
): FileSet {
  const draw = random(seed);
  const parameters = initialValues(config, seed);
  for (const [name, values] of parameters) {
    const middle = /norm\.weight$|Norm\.weight$/.test(name) ? 1 : 0;
    for (let i = 0; i < values.length; i++) values[i] = middle + scale * 0.6 * (draw() - 0.5);
  }
  const text = (value: string) => [new TextEncoder().encode(value)];
  return new Map([
    ["config.json", text(JSON.stringify(toConfigJson(config, tokenizer.special)))],
    ["model.safetensors", encodeSafetensors(toHuggingFace(config, parameters))],
    ...[...tokenizerFiles(tokenizer, config.maxLength)].map(([name, content]) => [name, text(content)] as const),
  ]);
}

/** Writes such a model into a new folder. */
export async function writeModel(
  path: string,
  config: ModelConfig,
  tokenizer: Tokenizer,
  seed?: number,
): Promise<void> {
  await Deno.mkdir(path, { recursive: true });
  await writeFiles(path, modelFiles(config, tokenizer, seed));
}
