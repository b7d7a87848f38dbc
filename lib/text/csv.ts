/**
 * Tables of text: values separated by commas (RFC 4180), tabs, semicolons or bars, as Python's csv and pandas read them.
 *
 * @module
 */

import { counted } from "../sentences/counted.ts";
import { listed } from "../sentences/safe_text.ts";
import { decodeLine, type Line, linesOf, LONGEST_RECORD } from "./lines.ts";
import { BadRecords, type Beside, type ByteSource, type ReadOptions, type TextSource } from "./source.ts";
import { type CsvShape, emptyRecord, extendRecord, splitAtReturns } from "./csv_record.ts";

/** What may separate cells. */
const delimiters = [",", ";", "\t", "|"] as const;

/** Options of {@linkcode commaSeparated}. */
export interface TableOptions {
  /**
   * Column of the text; of several with a name, the first is `name.0` and the second `name.1`.
   *
   * @default {"text"}
   */
  field?: string | undefined;
  /** Column that is read beside the text, such as its label's. Default: none. */
  beside?: string | undefined;
  /**
   * What separates cells, where the heading leaves it open.
   *
   * @default {","}
   */
  delimiter?: string | undefined;
}

/**
 * A table with a heading, of which a column is the documents. What separates cells is told by the heading, or by a first line
 * such as `sep=;`. A record with more cells than the heading, or without an end of its quotes, is a bad record; the next line
 * begins a new one. By tabs, a quote without an end is text.
 */
export function commaSeparated(
  source: ByteSource,
  { field = "text", beside, delimiter = "," }: TableOptions = {},
): TextSource {
  let heading: Promise<Heading> | undefined;
  return {
    name: source.name,
    size: source.size,
    async *read({ start, end, bad }) {
      heading ??= readHeading(source, { field, beside, delimiter });
      const { column, second, shape, next: first } = await heading;
      for await (const record of recordsOf(source, { start, end, bad, shape })) {
        if (record.start < first) continue;
        const problem = problemOf(record.cells, { column, columns: shape.columns });
        if (problem === undefined) {
          const text = record.cells[column]!.toWellFormed();
          const passage = { text, after: "document" as const, next: record.next };
          yield second === undefined ? passage : { ...passage, beside: besideOf(record, second) };
        } else bad.skip(`Cannot use ${source.name}, ${record.place}: ${problem}`, `${source.name} ${record.next}`);
      }
    },
  };
}

/** What stands beside a text; an empty cell is none. */
function besideOf({ cells, place }: Record, column: number): Beside {
  return { value: cells[column]?.trim().toWellFormed() || undefined, place };
}

interface Heading {
  readonly column: number;
  /** Column that is read beside. */
  readonly second: number | undefined;
  readonly shape: CsvShape;
  /** Offset after it. */
  readonly next: number;
}

interface Record {
  readonly cells: readonly string[];
  readonly start: number;
  readonly next: number;
  readonly place: string;
}

/**
 * Finds the column of the text, and what separates cells.
 *
 * @throws {SyntaxError} that lists the columns if it is not there.
 */
async function readHeading(
  source: ByteSource,
  { field, beside, delimiter }: { field: string; beside: string | undefined; delimiter: string },
): Promise<Heading> {
  let seen: readonly string[] = [];
  for (const candidate of [delimiter, ...delimiters.filter((other) => other !== delimiter)]) {
    const found = await headingBy(source, candidate);
    if (!found) throw new SyntaxError(`Cannot use ${source.name}: it is empty`);
    const names = columnNames(found.cells);
    const column = indexOf(names, field);
    if (column >= 0) {
      const second = beside === undefined ? undefined : indexOf(names, beside);
      if (second === -1) throw missingColumn(source, { column: beside!, flag: "label", names });
      return { ...found, column, second, shape: { ...found.shape, columns: names.length } };
    }
    if (names.length > seen.length) seen = names;
  }
  throw missingColumn(source, { column: field, flag: "field", names: seen });
}

/** Where a name stands, spaces around it or not; -1 where it does not. */
function indexOf(names: readonly string[], name: string): number {
  const exact = names.indexOf(name);
  return exact >= 0 ? exact : names.findIndex((other) => other.trim() === name);
}

function missingColumn(
  { name }: ByteSource,
  { column, flag, names }: { column: string; flag: string; names: readonly string[] },
): SyntaxError {
  const columns = listed(names, { most: 20 });
  const same = names.filter((other) => other.startsWith(`${column}.`) && /^\d+$/.test(other.slice(column.length + 1)));
  if (same[0] === `${column}.0`) {
    return new SyntaxError(
      `Cannot use ${name}: it has ${same.length} columns "${column}" (--${flag}); name one of them: ${listed(same)}`,
    );
  }
  return new SyntaxError(
    `Cannot use ${name}: it has no column "${column}" (--${flag}); its columns are ${columns}`,
  );
}

async function headingBy(
  source: ByteSource,
  delimiter: string,
): Promise<{ cells: readonly string[]; shape: CsvShape; next: number } | undefined> {
  // what is wrong with the heading is told by its columns
  const bad = new BadRecords(Infinity);
  const shape = { delimiter, skipsSpaces: false, columns: undefined };
  for await (const { cells, next } of recordsOf(source, { start: 0, end: undefined, bad, shape })) {
    const named = /^sep=(.)$/i.exec(cells.join(delimiter));
    if (named && shape.delimiter === delimiter) {
      shape.delimiter = named[1]!;
      continue;
    }
    const skipsSpaces = cells.length > 1 && cells.slice(1).every((cell) => cell.startsWith(" "));
    return {
      cells: skipsSpaces ? cells.map((cell) => cell.trimStart()) : cells,
      shape: { ...shape, skipsSpaces },
      next,
    };
  }
  return undefined;
}

/** Names; of several equal ones, `a`, the first is `a.0`, so that none is read for another. Empty ones at the end are no columns. */
function columnNames(cells: readonly string[]): string[] {
  const last = cells.findLastIndex((cell) => cell.trim() !== "");
  const names = cells.slice(0, last + 1).map((cell) => cell.trim());
  const totals = new Map([...Map.groupBy(names, (name) => name)].map(([name, same]) => [name, same.length]));
  const counts = new Map<string, number>();
  return names.map((name) => {
    const count = counts.get(name) ?? 0;
    counts.set(name, count + 1);
    return totals.get(name) === 1 || name === "" ? name : `${name}.${count}`;
  });
}

/** Why a record's text cannot be trusted; undefined if it can. */
function problemOf(
  cells: readonly string[],
  { column, columns = 0 }: { column: number; columns: number | undefined },
): string | undefined {
  if (cells.length > columns && cells.slice(columns).some((cell) => cell !== "")) {
    return `it has ${
      counted(cells.length, "cell")
    }, the heading ${columns}; a text that the separator occurs in must stand in quotes`;
  }
  if (column >= cells.length) return `it has ${counted(cells.length, "cell")}, the text is in number ${column + 1}`;
  // a line break in a text without quotes looks like this
  if (cells.length < columns && column === cells.length - 1) {
    return `it has ${
      counted(cells.length, "cell")
    }, the heading ${columns}, and none behind the text: it may be cut off`;
  }
  return undefined;
}

interface CsvLine {
  readonly text: string;
  readonly isBad: boolean;
  readonly start: number;
  readonly next: number;
  readonly place: string;
}

/** Records; quoted cells may hold line breaks. */
async function* recordsOf(
  source: ByteSource,
  { start, end, bad, shape }: ReadOptions & { shape: CsvShape },
): AsyncGenerator<Record> {
  // lines of an unfinished record
  let lines: CsvLine[] = [];
  let size = 0;
  let record = emptyRecord();
  let isBad = false;
  const ready: Record[] = [];
  const begin = () => {
    lines = [];
    size = 0;
    record = emptyRecord();
    isBad = false;
  };
  /** The first line is the fault: the others are read anew. */
  const giveUp = () => {
    const [first, ...others] = lines as [CsvLine, ...CsvLine[]];
    begin();
    if (shape.delimiter === "\t") ready.push({ ...first, cells: first.text.split("\t") });
    else {
      bad.skip(
        `Cannot use ${source.name}, ${first.place}: a quote is never closed`,
        `${source.name} ${first.next}`,
      );
    }
    for (const line of others) add(line);
  };
  const add = (line: CsvLine) => {
    if (lines.length === 0) {
      const { text, start, next, place } = line;
      if (text.trim() === "") return;
      if (!shape.skipsSpaces && !text.includes('"')) {
        if (!line.isBad) ready.push({ cells: text.split(shape.delimiter), start, next, place });
        return;
      }
    }
    lines.push(line);
    size += line.text.length;
    isBad ||= line.isBad;
    extendRecord(record, line.text, shape);
    if (record.isOpen) {
      if (size > LONGEST_RECORD) giveUp();
      return;
    }
    if (lines.length > 1 && isMisread(record, { lines, shape })) return giveUp();
    const [first] = lines;
    if (!isBad) ready.push({ cells: record.cells, start: first!.start, next: line.next, place: first!.place });
    begin();
  };
  for await (const whole of linesOf(source, { start, end, longest: LONGEST_RECORD, bad })) {
    const lines = splitAtReturns(whole);
    if (lines === undefined) add(decoded(whole, source, bad));
    else for (const line of lines) add(decoded(line, source, bad));
    if (ready.length === 0) continue;
    for (const record of ready) yield record;
    ready.length = 0;
  }
  while (lines.length > 0) giveUp();
  yield* ready;
}

/** Whether a record of several lines is none: a quote was left open, and the line after it is a record itself. */
function isMisread(
  { cells, hasTail }: { cells: readonly string[]; hasTail: boolean },
  { lines, shape }: { lines: readonly CsvLine[]; shape: CsvShape },
): boolean {
  const { columns } = shape;
  if (columns === undefined || columns === 1) return false;
  if (cells.length === columns && !hasTail) return false;
  const second = extendRecord(emptyRecord(), lines[1]!.text, shape);
  return !second.isOpen && second.cells.length === columns;
}

const lossy = new TextDecoder("utf-8", { ignoreBOM: true });

/** A line's text; of one that is no UTF-8 what is needed to find the end of its record. */
function decoded(line: Line, source: ByteSource, bad: BadRecords): CsvLine {
  const text = decodeLine(line, source, bad);
  const { start, next, place } = line;
  return { text: text ?? lossy.decode(line.bytes), isBad: text === undefined, start, next, place };
}

/** Some cells of a record. */
export interface TableRecord {
  /** The cells of the columns that were wanted, in that order. */
  readonly cells: readonly string[];
  /** Where it stands. */
  readonly place: string;
}

/** Options of {@linkcode tableRecords}. */
export interface TableRecordOptions {
  /** The columns that are wanted, by the names in the heading; undefined where they are not there. */
  readonly find: (names: readonly string[]) => readonly number[] | undefined;
  /** What separates cells, where the heading leaves it open. */
  readonly delimiter: string;
  /** Counts records that cannot be used. */
  readonly bad: BadRecords;
}

/**
 * Some columns of a table.
 *
 * @throws {SyntaxError} that lists the columns, and ends as `wish` does, if they are not there.
 */
export async function* tableRecords(
  source: ByteSource,
  { find, delimiter, bad, wish }: TableRecordOptions & { readonly wish: string },
): AsyncGenerator<TableRecord> {
  let seen: readonly string[] = [];
  for (const candidate of [delimiter, ...delimiters.filter((other) => other !== delimiter)]) {
    const found = await headingBy(source, candidate);
    if (!found) throw new SyntaxError(`Cannot use ${source.name}: it is empty`);
    const names = columnNames(found.cells);
    const columns = find(names.map((name) => name.trim()));
    if (names.length > seen.length) seen = names;
    if (columns === undefined) continue;
    const shape = { ...found.shape, columns: names.length };
    for await (const { cells, start, next, place } of recordsOf(source, { start: 0, end: undefined, bad, shape })) {
      if (start < found.next) continue;
      const problem = columns.map((column) => problemOf(cells, { column, columns: names.length })).find(Boolean);
      if (problem === undefined) yield { cells: columns.map((column) => cells[column]!.toWellFormed()), place };
      else bad.skip(`Cannot use ${source.name}, ${place}: ${problem}`, `${source.name} ${next}`);
    }
    return;
  }
  throw new SyntaxError(`Cannot use ${source.name}: its columns are ${listed(seen, { most: 20 })}; ${wish}`);
}
