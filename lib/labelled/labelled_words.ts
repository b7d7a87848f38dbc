/**
 * Sentences with a label on each word: CoNLL's columns, word/TAG lines, and JSON with two lists.
 *
 * @module
 */

import { listed, quoted } from "../sentences/safe_text.ts";
import { compressionOf } from "../text/decompress.ts";
import { BadRecords, type Beside, type ByteSource, type Passage, strict } from "../text/source.ts";
import { textSource } from "../text/text_source.ts";
import { cellsOf, columnReader } from "./columns.ts";
import { listIn, looksLikeList } from "./list_cell.ts";
import type { LabelledOptions } from "./labelled_texts.ts";
import { are, have, places } from "./places.ts";
import type { LabelledWords, TaggedSentence } from "./sentence.ts";
import { isSlashed, slashedWords } from "./slashed.ts";

/** Formats of labelled words: columns, word/TAG, and records with a list or a text of words and one of tags. */
export const labelledWordFormats = ["conll", "slashes", "json", "jsonl", "csv", "tsv"] as const;
/** A format of labelled words. */
export type LabelledWordFormat = typeof labelledWordFormats[number];

/** How labelled words are read. */
export interface LabelledWordsOptions extends Omit<LabelledOptions, "field" | "label" | "format"> {
  /** Of records the field of the words, of columns the number of theirs. Default: tokens; the first, of CoNLL-U the second. */
  field?: string | undefined;
  /** Of records the field of the tags, of columns the number of theirs. Default: tags; the last, of CoNLL-U the fourth. */
  label?: string | undefined;
  /** What the data is. Default: by the name's ending, and by what the first lines look like. */
  format?: LabelledWordFormat | undefined;
}

/**
 * The sentences of a file, one after the other.
 *
 * Columns: a word a line, what belongs to it beside it after a tab or spaces, a blank line after each sentence; comments and
 * `-DOCSTART-` are passed over, of CoNLL-U also words that stand for several. Slashes: a sentence a line, `The/DT dog/NN`; the last
 * slash counts. Records: lists, or texts that are cut at spaces.
 *
 * @throws {SyntaxError} at the end, with all their places, where tags and words do not match.
 *
 * @example
 * ```ts
 * import { labelledWords, stringSource } from "@cloze/mlm/text";
 *
 * const source = stringSource("a.txt", "The/DT dog/NN barks/VB\nIt/PRP sleeps/VB\n");
 * for await (const { words, tags } of labelledWords(source)) console.log(words, tags);
 * ```
 */
export async function* labelledWords(
  source: ByteSource,
  { bad = new BadRecords(), note, ...options }: LabelledWordsOptions = {},
): AsyncGenerator<LabelledWords> {
  const { name } = source;
  const faults = places();
  let problem: string | undefined;
  let sentences = 0;
  let fields: readonly string[] | undefined;
  const empty = places();
  for await (const sentence of sentencesOf(source, { ...options, bad })) {
    sentences++;
    if ("problem" in sentence) {
      if (sentences === 1) fields = sentence.fields;
      const message = `Cannot use ${name}, ${sentence.place}: ${sentence.problem}`;
      if (bad.allowed > 0) bad.skip(message, `${name} ${sentence.place}`);
      else faults.add(sentence.place);
      problem ??= sentence.problem;
    } else if (sentence.words.length === 0) empty.add(sentence.source.slice(name.length + 2));
    else yield sentence;
  }
  if (sentences === 0) throw new SyntaxError(`Cannot use ${name}: it holds no words with tags`);
  if (faults.count === sentences && fields) {
    throw new SyntaxError(
      `Cannot use ${name}: it has no field ${quoted(options.label ?? "tags")} (--label); its fields are ${
        listed(fields, { most: 20 })
      }`,
    );
  }
  if (faults.count > 0) {
    throw new SyntaxError(
      `Cannot use ${name}: the tags of ${
        have(faults.count, "sentence").replace(/ (has|have)$/, "")
      } do not match the words ` +
        `(${faults.text()}); of the first, ${problem}; --skip-bad ${faults.count} leaves them out`,
    );
  }
  if (empty.count > 0) {
    note?.(`${have(empty.count, "sentence")} no words and ${are(empty.count)} left out: ${name}, ${empty.text()}`);
  }
}

/** Whether a file holds sentences in columns, by its ending. */
export function hasColumns(name: string): boolean {
  return formatByEnding(name) === "conll";
}

/**
 * The words of sentences in columns, with tags beside them or without any; `field`: the number of the words' column.
 *
 * @throws {SyntaxError} that says where there is no word.
 */
export async function* columnWords(
  source: ByteSource,
  { field }: { field?: string | undefined } = {},
): AsyncGenerator<readonly string[]> {
  for await (const sentence of inColumns(source, { field, label: undefined, bad: strict, isUntagged: true })) {
    if ("problem" in sentence) {
      throw new SyntaxError(`Cannot use ${source.name}, ${sentence.place}: ${sentence.problem}`);
    }
    yield sentence.words;
  }
}

type Reading = Omit<LabelledWordsOptions, "note" | "bad"> & { readonly bad: BadRecords };

async function* sentencesOf(source: ByteSource, options: Reading): AsyncGenerator<TaggedSentence> {
  const format = options.format ?? await formatOf(source);
  if (format !== "conll" && format !== "slashes") return yield* recordsOf(source, { ...options, format });
  if (format === "conll") return yield* inColumns(source, options);
  const given = options.field === undefined ? options.label === undefined ? undefined : "label" : "field";
  if (given !== undefined) {
    throw new RangeError(
      `Cannot take ${
        quoted(options[given]!)
      } (--${given}): ${source.name} has lines of word/TAG, which have no columns`,
    );
  }
  for await (const { text, place } of numberedLines(source, options.bad)) {
    if (text.trim() !== "") yield slashedWords(text, { name: source.name, place });
  }
}

async function* inColumns(
  source: ByteSource,
  { field, label, bad, isUntagged }: Pick<Reading, "field" | "label" | "bad"> & { isUntagged?: boolean },
): AsyncGenerator<TaggedSentence> {
  const { name } = source;
  const columns = columnReader({ word: columnOf(field, "field"), tag: columnOf(label, "label"), name, isUntagged });
  for await (const { text, place } of numberedLines(source, bad)) yield* columns.line(text, place);
  yield* columns.end();
}

/** Lines with their places. */
async function* numberedLines(source: ByteSource, bad: BadRecords): AsyncGenerator<{ text: string; place: string }> {
  const lines = await textSource(source, { format: "text" });
  let number = 1;
  let held = "";
  for await (const { text, after } of lines.read({ start: 0, end: lines.size, bad })) {
    held += text;
    if (after === "nothing") continue;
    yield { text: held, place: `line ${number++}` };
    held = "";
  }
}

/** The number of a column, from 1; undefined where none is given. */
function columnOf(given: string | undefined, flag: string): number | undefined {
  if (given === undefined) return undefined;
  if (/^[1-9]\d{0,3}$/.test(given)) return Number(given);
  throw new RangeError(
    `Cannot take column ${quoted(given)} (--${flag}): columns of words and tags go by numbers, from 1`,
  );
}

const endings: Readonly<Record<string, LabelledWordFormat>> = {
  json: "json",
  jsonl: "jsonl",
  ndjson: "jsonl",
  csv: "csv",
  conll: "conll",
  conllu: "conll",
  iob: "conll",
  bio: "conll",
};

/** Lines by which slashes are told from columns. */
const MOST_LINES = 50;

function formatByEnding(name: string): LabelledWordFormat | undefined {
  const ending = /\.(\w+)$/.exec(compressionOf(name).inner)?.[1]?.toLowerCase() ?? "";
  return Object.hasOwn(endings, ending) ? endings[ending] : undefined;
}

/** What a file holds, by its ending or by its first lines. */
async function formatOf(source: ByteSource): Promise<LabelledWordFormat> {
  const known = formatByEnding(source.name);
  if (known) return known;
  const lines: string[] = [];
  const text = await textSource(source, { format: "text" });
  for await (const { text: line } of text.read({ start: 0, end: text.size, bad: new BadRecords(Infinity) })) {
    if (line.trim() !== "") lines.push(line);
    if (lines.length === MOST_LINES) break;
  }
  if (lines[0]?.trimStart().startsWith("{")) return "jsonl";
  if (isSlashed(lines)) return "slashes";
  if (isProse(lines)) {
    throw new SyntaxError(
      `Cannot use ${source.name}: it looks like text without tags; wanted columns as CoNLL's, word/TAG lines, or records with tags`,
    );
  }
  return "conll";
}

/** Lines that are enough to see that they have no columns. */
const FEWEST_LINES = 5;

/** Whether lines have as many words as it happens, which columns never do. */
function isProse(lines: readonly string[]): boolean {
  const rows = lines.filter((line) => !line.startsWith("#")).map((line) => cellsOf(line).length);
  const counts = [...Map.groupBy(rows, (count) => count).values()].map(({ length }) => length);
  return rows.length >= FEWEST_LINES && Math.max(...counts) < rows.length / 2;
}

/** Sentences that are records: a field with the words, a field with the tags. */
async function* recordsOf(
  source: ByteSource,
  { field = "tokens", label = "tags", format, bad }: Reading & { format: "json" | "jsonl" | "csv" | "tsv" },
): AsyncGenerator<TaggedSentence> {
  const text = await textSource(source, { field, beside: label, format });
  for await (const passage of text.read({ start: 0, end: text.size, bad: bad.allowed > 0 ? bad : strict })) {
    yield sentenceOf(passage, { name: source.name, label });
  }
}

/** Words and tags that both stand in their cells as lists; undefined where they do not. */
function cellLists(text: string, value: string): { words: string[]; tags: string[] } | "damaged" | undefined {
  const [words, tags] = [listIn(text), listIn(value)];
  if (words && tags) return { words, tags };
  // one that is a list shows that the other is to be one
  return (words || looksLikeList(text)) && (tags || looksLikeList(value)) ? "damaged" : undefined;
}

function sentenceOf(
  { text, beside }: Passage<number>,
  { name, label }: { name: string; label: string },
): TaggedSentence {
  const { value, place, fields } = beside as Beside;
  if (value === undefined && text.trim() !== "") {
    return { problem: `there are none in "${label}" (--label)`, place, fields };
  }
  // a list of words comes as lines
  const isList = Array.isArray(value);
  const cells = isList ? undefined : cellLists(text, (value ?? "") as string);
  if (cells === "damaged") {
    return { problem: "a list in a cell cannot be read; JSON lines hold lists as they are", place };
  }
  const words = cells?.words ?? (text === "" ? [] : isList ? text.split("\n") : text.trim().split(/\s+/));
  const tags = cells?.tags ??
    (isList ? value as readonly string[] : ((value ?? "") as string).split(/\s+/).filter((tag) => tag !== ""));
  if (words.length !== tags.length) return { problem: `${tags.length} tags stand for ${words.length} words`, place };
  const empty = words.findIndex((word, i) => word.trim() === "" || tags[i] === "");
  if (empty >= 0) {
    return { problem: `${words[empty]!.trim() === "" ? "word" : "the tag of word"} ${empty + 1} is empty`, place };
  }
  return { words, tags, source: `${name}, ${place}` };
}
