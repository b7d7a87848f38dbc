/**
 * The corpus of a run that compares the texts of pairs.
 *
 * @module
 */

import { absolute, baseName } from "../files/paths.ts";
import { pairCorpus } from "../text/pair_corpus.ts";
import { type PairFormat, pairFormats, type TextPair, type TextPairOptions, textPairs } from "../text/pairs.ts";
import { BadRecords } from "../text/source.ts";
import { fileSource } from "../text/file_source.ts";
import { UsageError } from "./flags.ts";
import { type FilePrint, printOf } from "./file_print.ts";
import { type CorpusChoice, openCorpus, type OpenedCorpus } from "./open_corpus.ts";
import { checkPermissions, readingOf } from "./permissions.ts";
import { filesOf } from "./standard_streams.ts";

/** Fields of texts that belong together, where none are named: what data sets of sentence-transformers call them. */
const usual = [
  ["anchor", "positive"],
  ["query", "positive"],
  ["question", "answer"],
  ["query", "answer"],
  ["query", "passage"],
  ["query", "document"],
  ["title", "text"],
  ["title", "body"],
  ["sentence1", "sentence2"],
  ["sentence_1", "sentence_2"],
  ["sentence_A", "sentence_B"],
  ["text1", "text2"],
  ["first", "second"],
] as const;

/** What --field and --format say of pairs. */
export function pairOptions(
  { field, format }: Pick<CorpusChoice, "field" | "format">,
): Pick<TextPairOptions, "fields" | "format"> {
  const known = pairFormats.find((name): name is PairFormat => name === format);
  if (format !== undefined && !known) {
    throw new UsageError(`Pairs are no ${format}: --format is one of ${pairFormats.join(", ")}`);
  }
  return { fields: field?.split(",").map((name) => name.trim()), format: known };
}

/** Opens the text of a run: the pairs that --pairs names, or else what --data does. */
export async function openRunCorpus(
  choice: CorpusChoice,
  options: { seed: number; keep?: string | undefined },
): Promise<OpenedCorpus> {
  const { pairs } = choice;
  return pairs === undefined ? await openCorpus(choice, options) : await openPairs({ ...choice, pairs });
}

/**
 * Reads pairs into memory, with others to validate on, or the last of them.
 *
 * @throws {SyntaxError} if there are no such fields in a file.
 * @throws {RangeError} if there are too few pairs.
 */
async function openPairs(choice: CorpusChoice & { readonly pairs: string }): Promise<OpenedCorpus> {
  const { pairs: path, validation } = choice;
  const bad = new BadRecords(choice.skipBad);
  const other = typeof validation === "string" ? validation : undefined;
  checkPermissions(readingOf(filesOf([path, other])));
  const files: FilePrint[] = [];
  const read = async (path: string): Promise<TextPair[]> => {
    const source = await fileSource(path);
    files.push(await printOf(source));
    return await Array.fromAsync(textPairs(source, { ...pairOptions(choice), usual: [...usual], bad }));
  };
  const pairs = await read(path);
  const corpus = pairCorpus(pairs, {
    name: path,
    validationShare: typeof validation === "number" ? validation : undefined,
    validation: other === undefined ? undefined : { name: other, pairs: await read(other) },
  });
  const again = { ...choice, data: [], pairs: absolute(path) };
  return {
    corpus,
    choice: other === undefined ? again : { ...again, validation: absolute(other) },
    label: baseName(path).replace(/\..*$/, "") || "pairs",
    files,
    bad,
    close: () => Promise.resolve(),
  };
}
