/**
 * Tokenizers in folders.
 *
 * @module
 */

import { fromTokenizerJson, fromVocabJson, fromVocabTxt, tokenizerFiles } from "../format/tokenizer_json.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { exists, findCheckpoints } from "./run_folder.ts";

/** Writes a tokenizer's files. */
export async function writeTokenizer(folder: string, tokenizer: Tokenizer, maxLength: number): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  for (const [name, text] of tokenizerFiles(tokenizer, maxLength)) {
    const temporary = `${folder}/${name}.unfinished`;
    await Deno.writeTextFile(temporary, text);
    await Deno.rename(temporary, `${folder}/${name}`);
  }
}

/**
 * Reads the tokenizer of a folder: tokenizer.json, or vocab.txt, or vocab.json with merges.txt. A run's folder stands for
 * its latest checkpoint, and the path may be that of one of the files.
 *
 * @throws {RangeError} if there is none.
 * @throws {SyntaxError} if it cannot be used.
 */
export async function readTokenizer(path: string): Promise<Tokenizer> {
  const trimmed = path.replace(/[\\/]+$/, "");
  if (/\.(json|txt)$/.test(trimmed)) return await readFile(trimmed);
  const checkpoint = await findCheckpoints(trimmed).then(
    ({ storage, names }) => `${storage.place}/${names.at(-1)}`,
    () => undefined,
  );
  for (const folder of [trimmed, checkpoint]) {
    for (const name of ["tokenizer.json", "vocab.txt", "vocab.json"]) {
      if (folder !== undefined && await exists(`${folder}/${name}`)) return await readFile(`${folder}/${name}`);
    }
  }
  const what = await exists(trimmed)
    ? "no tokenizer.json, vocab.txt or vocab.json is in it"
    : "there is no such folder";
  throw new RangeError(`Cannot read a tokenizer from "${path}": ${what}`);
}

async function readFile(path: string): Promise<Tokenizer> {
  const folder = path.slice(0, Math.max(0, path.search(/[^\\/]*$/)));
  if (path.endsWith(".txt")) {
    const config = `${folder}tokenizer_config.json`;
    return fromVocabTxt(
      await Deno.readTextFile(path),
      await exists(config) ? await readJson(config) as Record<string, unknown> : {},
      path,
    );
  }
  const json = await readJson(path);
  if (!path.endsWith("vocab.json")) return fromTokenizerJson(json, path);
  const merges = `${folder}merges.txt`;
  if (!await exists(merges)) throw new SyntaxError(`Cannot use ${path}: there is no merges.txt beside it`);
  return fromVocabJson(json, await Deno.readTextFile(merges), path);
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new RangeError(`Cannot read "${path}": there is no such file`);
    throw new SyntaxError(`Cannot read ${path}: it is no JSON`);
  }
}
