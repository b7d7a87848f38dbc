/**
 * Pairs of texts from tables and JSON: a sentence and a wrong one, a question and its answer, two ways to say the same.
 *
 * @module
 */

import { listed } from "../sentences/safe_text.ts";
import { tableRecords } from "./csv.ts";
import { compressionOf, decompressed } from "./decompress.ts";
import { isObject, parseLoosely, textAt } from "./json_record.ts";
import { decodeLine, linesOf, LONGEST_RECORD } from "./lines.ts";
import { BadRecords, type ByteSource } from "./source.ts";

/** Two texts that belong together. */
export interface TextPair {
  /** The first one. */
  readonly first: string;
  /** The second one. */
  readonly second: string;
  /** What kind of pair it is, where that is told. */
  readonly group?: string | undefined;
  /** Where it stands: `line 3`. */
  readonly place: string;
}

/** Formats of pairs. */
export const pairFormats = ["csv", "tsv", "jsonl", "json"] as const;
/** A format of pairs. */
export type PairFormat = typeof pairFormats[number];

/** Options of {@linkcode textPairs}. */
export interface TextPairOptions {
  /** Names of the fields or columns: of the first text, of the second one, and perhaps of the group. */
  fields?: readonly string[] | undefined;
  /** Fields that are looked for where none are named, in this order. */
  usual: readonly (readonly [first: string, second: string])[];
  /** Fields that may tell the group where none are named. Default: there are no groups. */
  usualGroups?: readonly string[] | undefined;
  /** Hears the names of all fields or columns, those of the first record, where none to read are named. */
  seen?: ((names: readonly string[]) => void) | undefined;
  /** What the file is, whatever its name. Default: by its ending, or else by its first character. */
  format?: PairFormat | undefined;
  /** Counts records that cannot be used. Default: none may be skipped. */
  bad?: BadRecords | undefined;
}

const formatOfEnding: Readonly<Record<string, PairFormat>> = {
  csv: "csv",
  tsv: "tsv",
  tab: "tsv",
  jsonl: "jsonl",
  ndjson: "jsonl",
  json: "json",
};

/** Longest JSON file that is no JSON lines, in bytes: it is read as a whole. */
const LONGEST_JSON = 1 << 28;

/**
 * The pairs in a file: CSV or a table with tabs, with a heading, JSON lines, or a list in JSON; compressed or not. Texts that are
 * empty are bad records.
 *
 * @throws {SyntaxError} with the fields that there are, where the wanted ones are not.
 *
 * @example
 * ```ts
 * import { stringSource, textPairs } from "@cloze/mlm/text";
 *
 * const file = stringSource("pairs.csv", "good,bad\nThe cat sleeps.,The cat sleep.\n");
 * for await (const { first, second } of textPairs(file, { usual: [["good", "bad"]] })) console.log(first, second);
 * ```
 */
export async function* textPairs(source: ByteSource, options: TextPairOptions): AsyncGenerator<TextPair> {
  const { bad = new BadRecords() } = options;
  const { inner, compression } = compressionOf(source.name);
  const bytes = compression ? decompressed(source, compression) : source;
  const ending = /\.(\w+)$/.exec(inner)?.[1]?.toLowerCase() ?? "";
  const format = options.format ?? formatOfEnding[ending] ?? await formatOf(bytes);
  const names = fieldsOf(options);
  let isFirst = options.fields === undefined;
  const seen = (all: readonly string[]) => {
    if (isFirst) options.seen?.(all);
    isFirst = false;
  };
  const rows = format === "csv" || format === "tsv"
    ? tableRows(bytes, { names, delimiter: format === "tsv" ? "\t" : ",", bad, seen })
    : jsonRows(bytes, { names, format, bad, seen });
  for await (const { first, second, group, place } of rows) {
    if (first.trim() !== "" && second.trim() !== "") yield { first, second, group: group || undefined, place };
    else bad.skip(`Cannot use ${source.name}, ${place}: a text of the pair is empty`, `${source.name} ${place}`);
  }
}

/** Which fields are read. */
interface Fields {
  /** The fields that are read, by which there are; undefined where they are not there. */
  find(has: (name: string) => boolean): readonly string[] | undefined;
  /** What would be right, as the end of a sentence. */
  readonly wish: string;
}

function fieldsOf({ fields, usual, usualGroups = [] }: TextPairOptions): Fields {
  if (fields && (fields.length < 2 || fields.length > 3)) {
    throw new RangeError(
      `Cannot read pairs from the fields ${fields.join(", ")}: name two, and perhaps that of a group`,
    );
  }
  const wish = fields
    ? `wanted ${fields.join(", ")}`
    : `wanted ${usual.map((couple) => couple.join(" and ")).join(", or ")}, or others named by --field FIRST,SECOND`;
  return {
    wish,
    find(has) {
      if (fields) return fields.every(has) ? fields : undefined;
      const couple = usual.find((couple) => couple.every(has));
      if (!couple) return undefined;
      const group = usualGroups.find(has);
      return group === undefined ? couple : [...couple, group];
    },
  };
}

/** Tables by default, JSON where the first character says so. */
async function formatOf(source: ByteSource): Promise<PairFormat> {
  for await (const chunk of source.stream(0)) {
    const first = new TextDecoder().decode(chunk).replace(/^\ufeff/, "").trimStart()[0];
    if (first !== undefined) return first === "{" ? "jsonl" : first === "[" ? "json" : "csv";
  }
  return "csv";
}

type Seen = (names: readonly string[]) => void;

async function* tableRows(
  source: ByteSource,
  { names, delimiter, bad, seen }: { names: Fields; delimiter: string; bad: BadRecords; seen: Seen },
): AsyncGenerator<TextPair> {
  const find = (present: readonly string[]) => {
    const found = names.find((name) => present.includes(name));
    if (found) seen(present);
    return found?.map((name) => present.indexOf(name));
  };
  for await (const { cells, place } of tableRecords(source, { find, delimiter, bad, wish: names.wish })) {
    const [first, second, group] = cells as [string, string, string?];
    yield { first, second, group: group?.trim(), place };
  }
}

async function* jsonRows(
  source: ByteSource,
  { names, format, bad, seen }: { names: Fields; format: "jsonl" | "json"; bad: BadRecords; seen: Seen },
): AsyncGenerator<TextPair> {
  let count = 0;
  for await (const { value, place } of jsonRecords(source, { format, bad })) {
    const found = pairIn(value, names);
    if (typeof found !== "string") {
      if (isObject(value)) seen(Object.keys(value));
      yield { ...found, place };
    } else if (count === 0) throw new SyntaxError(`Cannot use ${source.name}: ${found}`);
    else bad.skip(`Cannot use ${source.name}, ${place}: ${found}`, `${source.name} ${place}`);
    count++;
  }
  if (count === 0) throw new SyntaxError(`Cannot use ${source.name}: it is empty`);
}

/** The pair in a record, or what is wrong with it; a list of two texts is one too. */
function pairIn(record: unknown, { find, wish }: Fields): Omit<TextPair, "place"> | string {
  if (Array.isArray(record) && record.length === 2 && record.every((text) => typeof text === "string")) {
    return { first: record[0] as string, second: record[1] as string };
  }
  if (!isObject(record)) return `it is no object; ${wish}`;
  const at = (name: string) => {
    const text = textAt(record, name, { lists: false });
    return text ?? (typeof record[name] === "number" ? String(record[name]) : undefined);
  };
  const fields = find((name) => at(name) !== undefined);
  if (!fields) return `its fields are ${listed(Object.keys(record), { most: 20 })}; ${wish}`;
  const [first, second, group] = fields.map((name) => at(name)?.toWellFormed());
  return { first: first!, second: second!, group };
}

async function* jsonRecords(
  source: ByteSource,
  { format, bad }: { format: "jsonl" | "json"; bad: BadRecords },
): AsyncGenerator<{ value: unknown; place: string }> {
  if (format === "json" && await formatOf(source) === "json") {
    const text = await wholeText(source);
    const list = parsed(text);
    if (!Array.isArray(list)) throw new SyntaxError(`Cannot use ${source.name}: it is no list in JSON`);
    for (const [i, value] of list.entries()) yield { value, place: `record ${i + 1}` };
    return;
  }
  for await (const line of linesOf(source, { start: 0, end: undefined, longest: LONGEST_RECORD, bad })) {
    const text = decodeLine(line, source, bad);
    if (text === undefined || text.trim() === "") continue;
    const value = parsed(text);
    if (value !== undefined) yield { value, place: line.place };
    else bad.skip(`Cannot use ${source.name}, ${line.place}: it is no JSON`, `${source.name} ${line.start}`);
  }
}

async function wholeText(source: ByteSource): Promise<string> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const chunk of source.stream(0)) {
    pieces.push(chunk);
    size += chunk.length;
    if (size > LONGEST_JSON) {
      throw new RangeError(`Cannot use ${source.name}: it is too long for a list; write JSON lines`);
    }
  }
  return (await new Blob(pieces).text()).replace(/^\ufeff/, "");
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return parseLoosely(json);
  }
}
