/**
 * The tokenizer of a folder, whatever files it is in.
 *
 * @module
 */

import type { Component } from "../tokenizer/components.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { type ModelFolder, pathIn, readJson, readText } from "./model_folder.ts";
import {
  bertClass,
  bertNames,
  classForModel,
  classRefusal,
  foreignFiles,
  plainClassName,
  robertaClass,
  type TokenizerClass,
  tokenizerClass,
  unknownClass,
} from "./tokenizer_class.ts";
import { vocabJsonJson, vocabTxtJson } from "./tokenizer_layouts.ts";
import { type FolderNames, folderNames, isObject, type JsonObject } from "./tokenizer_names.ts";
import { fromTokenizerJson } from "./tokenizer_reader.ts";

/** Files that a tokenizer may be in, with those that are kept beside it. */
const files = [
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "vocab.txt",
  "vocab.json",
  "merges.txt",
] as const;

/** Files that a tokenizer is read from: the first that is there. */
export const vocabularyFiles = ["tokenizer.json", "vocab.txt", "vocab.json"] as const;

/** Options of {@linkcode readTokenizer}. */
export interface ReadTokenizerOptions {
  /** The file to read it from. Default: the first of {@linkcode vocabularyFiles} that is there. */
  from?: typeof vocabularyFiles[number] | undefined;
  /**
   * Keep the folder's files, to write them again as they are.
   *
   * @default {false}
   */
  keepFiles?: boolean | undefined;
}

/**
 * Reads a folder's tokenizer from tokenizer.json, or else vocab.txt, or else vocab.json with merges.txt, and what
 * tokenizer_config.json, special_tokens_map.json and added_tokens.json say beside it.
 *
 * @throws {RangeError} if there is none.
 * @throws {SyntaxError} that names the file and its part if it cannot be used, or its class is one whose words other software
 * cuts.
 */
export async function readTokenizer(
  folder: ModelFolder,
  { from, keepFiles = false }: ReadTokenizerOptions = {},
): Promise<Tokenizer> {
  for (const name of from === undefined ? vocabularyFiles : [from]) {
    const text = await readText(folder, name);
    if (text === undefined) continue;
    const tokenizer = await parse(folder, { name, text });
    if (!keepFiles) return tokenizer;
    const kept = new Map([[name as string, text]]);
    for (const other of files) {
      const content = other === name ? undefined : await readText(folder, other);
      if (content !== undefined) kept.set(other, content);
    }
    return kept.has("tokenizer.json") && kept.has("tokenizer_config.json") ? { ...tokenizer, files: kept } : tokenizer;
  }
  const foreign = await foreignTokenizer(folder);
  if (foreign !== undefined) throw new RangeError(`Cannot use ${folder.place}: ${foreign}`);
  throw new RangeError(`Cannot use ${folder.place}: no ${vocabularyFiles.join(", ")} is in it`);
}

/** What other software's tokenizer is in a folder, and what would do instead; undefined if there is none. */
export async function foreignTokenizer(folder: ModelFolder): Promise<string | undefined> {
  for (const [name, what] of foreignFiles) {
    const reader = await folder.open(name);
    await reader?.close();
    if (reader) {
      return `its tokenizer is ${what}, ${name}; a tokenizer.json, as a class whose name ends in Fast saves it, would do`;
    }
  }
  return undefined;
}

async function parse(folder: ModelFolder, { name, text }: { name: string; text: string }): Promise<Tokenizer> {
  const path = pathIn(folder, name);
  const config = await readObject(folder, "tokenizer_config.json");
  const names = folderNames({
    config,
    map: await readObject(folder, "special_tokens_map.json"),
    added: await readObject(folder, "added_tokens.json"),
  });
  const className = await classOf(folder, config);
  const fail = (what: string) => new SyntaxError(`Cannot use ${path}: ${what}`);
  const refusal = className === undefined
    ? undefined
    : classRefusal(className, { config, hasJson: name === "tokenizer.json" });
  if (refusal !== undefined) throw fail(refusal);
  if (name === "vocab.txt") {
    const kind = layoutClass(className, "vocab.txt", fail);
    return fromTokenizerJson(
      vocabTxtJson(text, { kind, config, spelling: names.spelling }),
      path,
      completed(names, kind),
    );
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new SyntaxError(`Cannot read ${path}: it is no JSON`);
  }
  const known = className === undefined ? undefined : tokenizerClass(className);
  if (name === "tokenizer.json") {
    const spelled = { ...names, spelling: { ...presentNames(json, known), ...names.spelling } };
    return fromTokenizerJson(overridden(json, { config, className }), path, spelled);
  }
  const merges = await readText(folder, "merges.txt");
  if (merges === undefined) throw fail("there is no merges.txt beside it");
  const kind = layoutClass(className, "vocab.json", fail);
  const own = className === undefined && isObject(json) && Object.hasOwn(json, "[MASK]")
    ? { ...kind, names: bertNames, spacedMask: false }
    : kind;
  try {
    json = vocabJsonJson(json, merges, { kind: own, config, spelling: names.spelling });
  } catch (error) {
    throw error instanceof RangeError ? fail(error.message) : error;
  }
  return fromTokenizerJson(json, path, completed(names, own));
}

/** A JSON file's object; without the file, or where it is none, one without entries. */
async function readObject(folder: ModelFolder, name: string): Promise<JsonObject> {
  const value = await readJson(folder, name);
  return isObject(value) ? value : {};
}

/** The class that a folder names, as transformers looks for it. */
async function classOf(folder: ModelFolder, config: JsonObject): Promise<string | undefined> {
  if (typeof config.tokenizer_class === "string") return config.tokenizer_class;
  const model = await readText(folder, "config.json");
  if (model === undefined) return undefined;
  try {
    const { tokenizer_class, model_type } = JSON.parse(model);
    return typeof tokenizer_class === "string" ? tokenizer_class : classForModel(model_type);
  } catch {
    // that a model's configuration is broken is said where it is read
    return undefined;
  }
}

/** What is done with a vocabulary that has no tokenizer.json. */
function layoutClass(
  name: string | undefined,
  layout: TokenizerClass["layout"],
  fail: (what: string) => SyntaxError,
): TokenizerClass {
  const usual = layout === "vocab.txt" ? bertClass : robertaClass;
  if (name === undefined) return usual;
  if (plainClassName(name) === "BertJapaneseTokenizer" && layout === "vocab.txt") return bertClass;
  const kind = tokenizerClass(name);
  if (kind === undefined) throw fail(unknownClass(name));
  if (kind.layout !== layout) throw fail(`its class ${name} reads ${kind.layout}, which is not in the folder`);
  return kind;
}

/** The class's names where no file gives others. */
function completed(names: FolderNames, { names: usual }: TokenizerClass): FolderNames {
  return { ...names, spelling: { ...usual, ...names.spelling } };
}

/** The class's names that a tokenizer.json's added tokens or vocabulary have. */
function presentNames(json: unknown, known: TokenizerClass | undefined): FolderNames["spelling"] {
  if (!known || !isObject(json)) return {};
  const contents = new Set(
    Array.isArray(json.added_tokens)
      ? json.added_tokens.map((token) => isObject(token) ? token.content : undefined)
      : [],
  );
  return Object.fromEntries(Object.entries(known.names).filter(([, name]) => contents.has(name)));
}

/** A tokenizer.json as its class reads it: what tokenizer_config.json says of these options counts more. */
function overridden(
  json: unknown,
  { config, className }: { config: JsonObject; className: string | undefined },
): unknown {
  const kind = className === undefined ? undefined : tokenizerClass(className);
  if (!kind || !isObject(json)) return json;
  const { normalizer, pre_tokenizer } = json as { normalizer?: Component | null; pre_tokenizer?: Component | null };
  if (kind.layout === "vocab.txt" && normalizer?.type === "BertNormalizer") {
    const { do_lower_case, strip_accents, tokenize_chinese_chars } = config;
    const said = {
      ...(typeof do_lower_case === "boolean" ? { lowercase: do_lower_case } : {}),
      ...(typeof strip_accents === "boolean" || strip_accents === null ? { strip_accents } : {}),
      ...(typeof tokenize_chinese_chars === "boolean" ? { handle_chinese_chars: tokenize_chinese_chars } : {}),
    };
    return { ...json, normalizer: { ...normalizer, ...said } };
  }
  if (
    kind.layout === "vocab.json" && pre_tokenizer?.type === "ByteLevel" && typeof config.add_prefix_space === "boolean"
  ) {
    return { ...json, pre_tokenizer: { ...pre_tokenizer, add_prefix_space: config.add_prefix_space } };
  }
  return json;
}
