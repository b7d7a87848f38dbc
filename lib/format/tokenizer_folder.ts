/**
 * The tokenizer of a folder, whatever files it is in.
 *
 * @module
 */

import { type SpecialSpelling, type SpecialToken, specialTokens, type Tokenizer } from "../tokenizer/tokenizer.ts";
import { type ModelFolder, pathIn, readJson, readText } from "./folder.ts";
import { fromTokenizerJson, fromVocabJson, fromVocabTxt } from "./tokenizer_reader.ts";

/** Files that a tokenizer may be in, with those that are kept beside it. */
const files = [
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "vocab.txt",
  "vocab.json",
  "merges.txt",
] as const;

/** Files that a tokenizer is read from: the first that is there. */
export const vocabularyFiles = ["tokenizer.json", "vocab.txt", "vocab.json"] as const;

/** Options of {@linkcode readTokenizer}. */
export interface ReadTokenizerOptions {
  /** The file to read it from. Default: the first of {@linkcode vocabularyFiles} that is there. */
  from?: typeof vocabularyFiles[number];
  /** Keep the folder's files, to write them again as they are. Default: false. */
  keepFiles?: boolean;
}

/**
 * Reads a folder's tokenizer from tokenizer.json, or else vocab.txt, or else vocab.json with merges.txt, and what
 * tokenizer_config.json says beside it.
 *
 * @throws {RangeError} if there is none.
 * @throws {SyntaxError} that names the file if it cannot be used.
 */
export async function readTokenizer(
  folder: ModelFolder,
  { from, keepFiles = false }: ReadTokenizerOptions = {},
): Promise<Tokenizer> {
  for (const name of from === undefined ? vocabularyFiles : [from]) {
    const text = await readText(folder, name);
    if (text === undefined) continue;
    const config = (await readJson(folder, "tokenizer_config.json") ?? {}) as Record<string, unknown>;
    const tokenizer = await parse(folder, { name, text, config });
    if (!keepFiles) return tokenizer;
    const kept = new Map([[name as string, text]]);
    for (const other of files) {
      const content = other === name ? undefined : await readText(folder, other);
      if (content !== undefined) kept.set(other, content);
    }
    return kept.has("tokenizer.json") && kept.has("tokenizer_config.json") ? { ...tokenizer, files: kept } : tokenizer;
  }
  throw new RangeError(`Cannot use ${folder.place}: no ${vocabularyFiles.join(", ")} is in it`);
}

async function parse(
  folder: ModelFolder,
  { name, text, config }: { name: string; text: string; config: Readonly<Record<string, unknown>> },
): Promise<Tokenizer> {
  const path = pathIn(folder, name);
  if (name === "vocab.txt") return fromVocabTxt(text, config, path);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new SyntaxError(`Cannot read ${path}: it is no JSON`);
  }
  if (name === "tokenizer.json") return fromTokenizerJson(json, path, { spelling: spellingOf(config) });
  const merges = await readText(folder, "merges.txt");
  if (merges === undefined) throw new SyntaxError(`Cannot use ${path}: there is no merges.txt beside it`);
  return fromVocabJson(json, merges, path);
}

/** How tokenizer_config.json spells the special tokens, as strings or as objects. */
function spellingOf(config: Readonly<Record<string, unknown>>): SpecialSpelling {
  const spelling: Partial<Record<SpecialToken, string>> = {};
  for (const token of specialTokens) {
    const value = config[`${token.slice(1, -1).toLowerCase()}_token`];
    const content = typeof value === "string" ? value : (value as { content?: unknown } | null | undefined)?.content;
    if (typeof content === "string" && content !== token) spelling[token] = content;
  }
  return spelling;
}
