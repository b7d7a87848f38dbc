/**
 * One record of a table, line by line.
 *
 * @module
 */

import type { Line } from "./lines.ts";

/** How records of a table are written. */
export interface CsvShape {
  /** What separates cells. */
  readonly delimiter: string;
  /** Whether spaces after a delimiter mean nothing. */
  readonly skipsSpaces: boolean;
  /** Cells of a record, once the heading is known. */
  readonly columns: number | undefined;
}

/** A record that may go on after a line break. */
export interface CsvRecord {
  /** The cells that have ended. */
  readonly cells: string[];
  /** The quoted cell that goes on. */
  cell: string;
  /** Whether a quoted cell goes on. */
  isOpen: boolean;
  /** Whether text stands between the end of a quote and that of its cell. */
  hasTail: boolean;
}

/** A record of which nothing was read. */
export function emptyRecord(): CsvRecord {
  return { cells: [], cell: "", isOpen: false, hasTail: false };
}

/**
 * Reads another line of a record. Quotes within a cell that does not begin with one are text; what follows the end of a
 * quoted cell belongs to it.
 */
export function extendRecord(record: CsvRecord, line: string, { delimiter, skipsSpaces }: CsvShape): CsvRecord {
  let at = 0;
  if (record.isOpen) record.cell += "\n";
  while (true) {
    if (!record.isOpen) {
      if (skipsSpaces) { while (line[at] === " ") at++; }
      if (line[at] !== '"') {
        const end = line.indexOf(delimiter, at);
        record.cells.push(line.slice(at, end < 0 ? undefined : end));
        if (end < 0) return record;
        at = end + 1;
        continue;
      }
      record.isOpen = true;
      record.cell = "";
      at++;
    }
    const close = quotedUntil(record, line, at);
    if (close < 0) return record;
    record.isOpen = false;
    const end = line.indexOf(delimiter, close);
    const tail = line.slice(close, end < 0 ? undefined : end);
    if (tail !== "") record.hasTail = true;
    record.cells.push(record.cell + tail);
    if (end < 0) return record;
    at = end + 1;
  }
}

/** Reads a quoted cell; returns the index after its closing quote, or -1 where it goes on in the next line. */
function quotedUntil(record: CsvRecord, line: string, begin: number): number {
  let at = begin;
  while (true) {
    const quote = line.indexOf('"', at);
    if (quote < 0) {
      record.cell += line.slice(at);
      return -1;
    }
    record.cell += line.slice(at, quote);
    at = quote + 1;
    if (line[at] !== '"') return at;
    record.cell += '"';
    at++;
  }
}

/** The lines within a line, cut at the carriage returns within it, which end lines in some files; undefined if there are none. */
export function splitAtReturns(line: Line): readonly Line[] | undefined {
  const { bytes } = line;
  const first = bytes.indexOf(13);
  if (first < 0 || first >= bytes.length - 1) return undefined;
  const lines: Line[] = [];
  let begin = 0;
  while (begin <= bytes.length) {
    const found = bytes.indexOf(13, begin);
    const end = found < 0 || found === bytes.length - 1 ? bytes.length : found;
    const next = end === bytes.length ? line.next : line.start + end + 1;
    const place = begin === 0 ? line.place : `${line.place}, byte ${line.start + begin}`;
    lines.push({ ...line, bytes: bytes.subarray(begin, end), start: line.start + begin, next, place });
    begin = end + 1;
  }
  return lines;
}
