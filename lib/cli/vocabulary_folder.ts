/**
 * Tokenizers in folders.
 *
 * @module
 */

import { readJson, readText } from "../format/model_folder.ts";
import { foreignTokenizer, readTokenizer as readIn, vocabularyFiles } from "../format/tokenizer_folder.ts";
import { fromTokenizerJson, fromVocabTxt } from "../format/tokenizer_reader.ts";
import { tokenizerFiles } from "../format/tokenizer_writer.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { checkedFolder } from "../files/checksums.ts";
import { fileFolder } from "../files/file_folder.ts";
import { findModels } from "../files/find_models.ts";
import { baseName, exists, parentOf, trimmed } from "../files/paths.ts";
import { makeFolder, writeFile } from "../files/write_files.ts";
import { checkModelPath } from "./model_path.ts";

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
  const what = "the vocabulary";
  await makeFolder(folder, { what });
  const written: string[] = [];
  try {
    for (const [name, text] of tokenizerFiles(tokenizer, maxLength)) {
      await writeFile(`${folder}/${name}`, text, { what });
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
  const place = trimmed(path);
  if (/\.(json|txt)$/.test(place)) return await readFile(place);
  const checkpoint = await findModels(place).then((folders) => folders.at(-1)?.place, () => undefined);
  for (const folder of [place, checkpoint]) {
    for (const name of vocabularyFiles) {
      if (folder !== undefined && await exists(`${folder}/${name}`)) {
        return await readIn(checkedFolder(fileFolder(folder)), { from: name, keepFiles: true });
      }
    }
  }
  await checkModelPath(place, "read a tokenizer from");
  const what = await foreignTokenizer(fileFolder(place)) ?? "no tokenizer.json, vocab.txt or vocab.json is in it";
  throw new RangeError(`Cannot read a tokenizer from "${path}": ${what}`);
}

/** A file of another name is what its ending says. */
async function readFile(path: string): Promise<Tokenizer> {
  const [folder, name] = [checkedFolder(fileFolder(parentOf(path))), baseName(path)];
  const known = vocabularyFiles.find((file) => file === name);
  if (!await exists(path)) throw new RangeError(`Cannot read "${path}": there is no such file`);
  if (known) return await readIn(folder, { from: known, keepFiles: true });
  if (name.endsWith(".txt")) return fromVocabTxt((await readText(folder, name))!, {}, path);
  return fromTokenizerJson(await readJson(folder, name), path);
}
