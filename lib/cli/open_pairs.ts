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
import { counted } from "../sentences/counted.ts";
import { quoted } from "../sentences/safe_text.ts";
import { UsageError } from "./flags.ts";
import { type FilePrint, printOf } from "./file_print.ts";
import { type CorpusChoice, openCorpus, type OpenedCorpus } from "./open_corpus.ts";
import { checkPermissions, readingOf } from "./permissions.ts";
import { filesOf, sayAside } from "./standard_streams.ts";

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

/** Columns that say how alike the texts of a pair are, by the names that such data sets have. */
const GRADES = ["label", "labels", "score", "similarity", "similarity_score", "relatedness_score", "is_duplicate"];
/** Columns of texts that belong to no pair. */
const NEGATIVES = /^(hard_)?neg(ative)?s?([._]?\d+)?$/i;

/**
 * What is said of columns that are not read beside the pairs.
 *
 * @throws {SyntaxError} if some pairs may be no pairs, for a column grades them.
 */
function checkColumns(path: string, names: readonly string[]): void {
  const grade = names.find((name) => GRADES.includes(name.toLowerCase()));
  if (grade !== undefined) {
    throw new SyntaxError(
      `Cannot learn from the pairs of ${path}: its column ${
        quoted(grade)
      } tells which belong together, and all pairs are taken to; ` +
        "keep those that do, and name the two columns by --field FIRST,SECOND",
    );
  }
  const negative = names.find((name) => NEGATIVES.test(name));
  if (negative === undefined) return;
  sayAside(
    `note: the column ${
      quoted(negative)
    } of ${path} is not read: the other texts of a batch are what does not belong to a text`,
  );
}

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
  const { fields, format } = pairOptions(choice);
  if (fields && fields.length !== 2) {
    throw new UsageError(
      `Option --field names ${counted(fields.length, "column")}; wanted two, as in --field FIRST,SECOND`,
    );
  }
  const bad = new BadRecords(choice.skipBad);
  const other = typeof validation === "string" ? validation : undefined;
  checkPermissions(readingOf(filesOf([path, other])));
  const files: FilePrint[] = [];
  const read = async (path: string): Promise<TextPair[]> => {
    const source = await fileSource(path);
    files.push(await printOf(source));
    const seen = (names: readonly string[]) => checkColumns(source.name, names);
    return await Array.fromAsync(textPairs(source, { fields, format, usual: [...usual], bad, seen }));
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
