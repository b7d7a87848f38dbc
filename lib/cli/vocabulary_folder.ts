/**
 * Tokenizers in folders.
 *
 * @module
 */

import { foreignTokenizer, readTokenizer as readIn, vocabularyFiles } from "../format/tokenizer_folder.ts";
import { fromTokenizerJson, fromVocabTxt } from "../format/tokenizer_reader.ts";
import { tokenizerFiles } from "../format/tokenizer_writer.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { fileFolder } from "../files/file_folder.ts";
import { findModels } from "../files/find_models.ts";
import { writeError, writeFile } from "../files/write_files.ts";
import { checkModelPath } from "./model_path.ts";
import { exists } from "../files/paths.ts";

/** Said where --cased is given to a kind of vocabulary that always tells upper from lower case. */
export const CASED_ELSEWHERE = "Option --cased is for wordpiece: the other kinds always are";

/**
 * Checks that a folder holds no vocabulary yet.
 *
 * @throws {RangeError} if it does.
 */
export async function checkNoTokenizer(folder: string): Promise<void> {
  for (const name of vocabularyFiles) {
    if (await exists(`${folder}/${name}`)) {
      throw new RangeError(
        `Cannot write a vocabulary to "${folder}": there is one in it already; choose another --out`,
      );
    }
  }
}

/** Writes a tokenizer's files. */
export async function writeTokenizer(folder: string, tokenizer: Tokenizer, maxLength: number): Promise<void> {
  await Deno.mkdir(folder, { recursive: true }).catch((error) => {
    throw writeError(error, { what: "the vocabulary", place: folder });
  });
  const written: string[] = [];
  try {
    for (const [name, text] of tokenizerFiles(tokenizer, maxLength)) {
      await writeFile(`${folder}/${name}`, text, "the vocabulary");
      written.push(`${folder}/${name}`);
    }
  } catch (error) {
    for (const path of written) await Deno.remove(path).catch(() => {});
    throw error;
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
  const file = /^(.*?)[\\/]?([^\\/]+\.(?:json|txt))$/.exec(trimmed);
  if (file) return await readFile(file[1]! || ".", file[2]!, trimmed);
  const checkpoint = await findModels(trimmed).then((folders) => folders.at(-1)?.place, () => undefined);
  for (const folder of [trimmed, checkpoint]) {
    for (const name of vocabularyFiles) {
      if (folder !== undefined && await exists(`${folder}/${name}`)) {
        return await readIn(fileFolder(folder), { from: name, keepFiles: true });
      }
    }
  }
  await checkModelPath(trimmed, "read a tokenizer from");
  const what = await foreignTokenizer(fileFolder(trimmed)) ?? "no tokenizer.json, vocab.txt or vocab.json is in it";
  throw new RangeError(`Cannot read a tokenizer from "${path}": ${what}`);
}

/** A file of another name is what its ending says. */
async function readFile(folder: string, name: string, path: string): Promise<Tokenizer> {
  const known = vocabularyFiles.find((file) => file === name);
  if (!await exists(path)) throw new RangeError(`Cannot read "${path}": there is no such file`);
  if (known) return await readIn(fileFolder(folder), { from: known, keepFiles: true });
  const text = await Deno.readTextFile(path);
  if (name.endsWith(".txt")) return fromVocabTxt(text, {}, path);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new SyntaxError(`Cannot read ${path}: it is no JSON`);
  }
  return fromTokenizerJson(json, path);
}
