/**
 * Comma-separated values (RFC 4180).
 *
 * @module
 */

import { decodeLine, linesOf, LONGEST_RECORD } from "./lines.ts";
import { type ByteSource, type ReadOptions, strict, type TextSource } from "./source.ts";

/** Comma-separated values (RFC 4180) with a heading: a column is the documents. */
export function commaSeparated(source: ByteSource, { field = "text" }: { field?: string } = {}): TextSource {
  let heading: Promise<number> | undefined;
  return {
    name: source.name,
    size: source.size,
    async *read({ start, end, bad }) {
      const column = await (heading ??= findColumn(source, field));
      for await (const { cells, next, place } of csvRecords(source, { start, end, bad })) {
        if (place === FIRST_LINE) continue;
        const text = cells[column];
        if (text === undefined) {
          bad.skip(
            `Cannot use ${source.name}, ${place}: it has ${cells.length} cells, the text is in number ${column + 1}`,
            `${source.name} ${next}`,
          );
        } else yield { text, after: "document", next };
      }
    },
  };
}

const FIRST_LINE = "line 1";

async function findColumn(source: ByteSource, field: string): Promise<number> {
  for await (const { cells } of csvRecords(source, { start: 0, end: undefined, bad: strict })) {
    const column = cells.indexOf(field);
    if (column >= 0) return column;
    throw new SyntaxError(
      `Cannot use ${source.name}: it has no column "${field}" (--field); its columns are ${
        cells.slice(0, 20).join(", ")
      }`,
    );
  }
  throw new SyntaxError(`Cannot use ${source.name}: it is empty`);
}

/** Records; quoted cells may hold line breaks. */
async function* csvRecords(
  source: ByteSource,
  { start, end, bad }: ReadOptions,
): AsyncGenerator<{ cells: string[]; next: number; place: string }> {
  let lines: string[] = [];
  let size = 0;
  let isOpen = false;
  let place = "";
  const unclosed = () => new SyntaxError(`Cannot use ${source.name}, ${place}: a quote is never closed`);
  for await (const line of linesOf(source, { start, end, longest: LONGEST_RECORD })) {
    const text = decodeLine(line, source.name, bad);
    if (lines.length === 0) place = line.place;
    if (text === undefined) {
      // the record is lost with the line
      lines = [];
      size = 0;
      isOpen = false;
      continue;
    }
    lines.push(text);
    size += text.length;
    if (size > LONGEST_RECORD) throw unclosed();
    // an odd number of quotes: the record goes on behind the line break, or ends with it
    if ((text.split('"').length - 1) % 2 === 1) isOpen = !isOpen;
    if (isOpen) continue;
    const record = lines.join("\n");
    if (record !== "") yield { cells: csvCells(record), next: line.next, place };
    lines = [];
    size = 0;
  }
  if (lines.length > 0) throw unclosed();
}

function csvCells(record: string): string[] {
  const cells: string[] = [];
  for (let at = 0; at <= record.length;) {
    if (record[at] === '"') {
      let text = "";
      let close = at + 1;
      while (true) {
        const quote = record.indexOf('"', close);
        text += record.slice(close, quote < 0 ? record.length : quote);
        if (quote < 0) {
          at = record.length;
          break;
        }
        at = quote + 1;
        if (record[at] !== '"') break;
        text += '"';
        close = at + 1;
      }
      const comma = record.indexOf(",", at);
      cells.push(text + record.slice(at, comma < 0 ? record.length : comma));
      at = comma < 0 ? record.length + 1 : comma + 1;
    } else {
      const comma = record.indexOf(",", at);
      cells.push(record.slice(at, comma < 0 ? record.length : comma));
      at = comma < 0 ? record.length + 1 : comma + 1;
    }
  }
  return cells;
}
