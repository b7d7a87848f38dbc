/**
 * A classifier as the files of a Hugging Face folder.
 *
 * @module
 */

import type { TextModel } from "../evaluate/text_model.ts";
import { toConfigJson } from "../format/config_json.ts";
import { encodeSafetensors } from "../format/safetensors.ts";
import { toHuggingFace } from "../format/tensor_names.ts";
import { tokenizerFiles } from "../format/tokenizer_writer.ts";

/** Files by name, each in pieces to be written one after the other; {@linkcode memoryFolder} takes them too. */
export type ClassifierFiles = ReadonlyMap<string, readonly Uint8Array<ArrayBuffer>[]>;

/** The files of a classifier, and its card where there is one. */
export async function classifierFiles(
  { model, tokenizer }: TextModel,
  { card }: { card?: string | undefined } = {},
): Promise<ClassifierFiles> {
  const { config } = model;
  const text = (value: string) => [new TextEncoder().encode(value)];
  return new Map([
    ["config.json", text(JSON.stringify(toConfigJson(config, tokenizer.special), null, 2) + "\n")],
    ["model.safetensors", [...encodeSafetensors(toHuggingFace(config, await model.readParameters()))]],
    ...[...tokenizerFiles(tokenizer, config.maxLength)].map(([name, value]) => [name, text(value)] as const),
    ...(card === undefined ? [] : [["README.md", text(card)] as const]),
  ]);
}
