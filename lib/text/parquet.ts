/**
 * Parquet files, some rows at a time.
 *
 * @module
 */

import { isOfEngine } from "../sentences/reasons.ts";
import { skipBroken } from "./lines.ts";
import { decodeParquet } from "./parquet_decoder.ts";
import { type ParquetAnswer, parquetProblem, type RowGroup, type Rows } from "./parquet_rows.ts";
import { BrokenDataError, type ByteSource, type TextSource } from "./source.ts";

/** Rows that are decoded at once, at least and at most. */
const [FEWEST_ROWS, MOST_ROWS] = [1000, 100_000];
/** Bytes that are decoded at once, unless so few rows have more. */
const MOST_BYTES = 1 << 25;

/**
 * A column of a parquet file as documents: strings, bytes that are UTF-8, or JSON that is a string; of lists the strings are lines.
 * A path such as `doc.text` leads into structures. Places are rows.
 */
export function parquet(source: ByteSource, { field = "text" }: { field?: string | undefined } = {}): TextSource {
  const { name, size } = source;
  const slice = async (start: number, end: number) => await new Response(source.stream(start, end)).arrayBuffer();
  return {
    name,
    // positions are rows, so bytes would mislead
    size: undefined,
    async *read({ start, end = Infinity, bad }) {
      if (size === undefined) throw new SyntaxError(`Cannot read ${name}: parquet needs its size`);
      const reading = ++readings;
      const decode = async (rows?: Rows) => await decodeParquet({ reading, name, size, field, rows }, slice);
      for (const rows of windowsOf(await groupsOf(decode, name), { start, end })) {
        const { first, last } = rows;
        let answer: ParquetAnswer;
        try {
          answer = await decode(rows);
        } catch (error) {
          if (isSentence(error)) throw error;
          const message = `Cannot read ${name}, rows ${first} to ${last}: ${parquetProblem(error)}`;
          return skipBroken(new BrokenDataError(message, { source: name, offset: first }), bad);
        }
        const texts = "texts" in answer ? answer.texts : [];
        for (const [i, text] of texts.entries()) {
          const row = first + i;
          if (typeof text === "string") yield { text, after: "document", next: row + 1 };
          else {
            const message = `Cannot use ${name}, row ${row}: column "${field}" holds ${text.holds}`;
            bad.skip(message, `${name} ${row}`);
          }
        }
      }
    },
  };
}

/** Readings so far. */
let readings = 0;

/** Whether an error says all that is to be said, as that of a file that has changed does. */
const isSentence = (error: unknown) =>
  (error instanceof SyntaxError || error instanceof RangeError) && error.message.startsWith("Cannot ") &&
  !isOfEngine(error);

/** Groups of rows, as the end of the file says. */
async function groupsOf(decode: () => Promise<ParquetAnswer>, name: string): Promise<readonly RowGroup[]> {
  try {
    const answer = await decode();
    return "groups" in answer ? answer.groups : [];
  } catch (error) {
    if (isSentence(error)) throw error;
    throw new SyntaxError(`Cannot read ${name}: it is no parquet file (${parquetProblem(error)})`);
  }
}

/** Rows from `first` to `last` - 1 that are read together, within their groups. */
function* windowsOf(
  groups: readonly RowGroup[],
  { start, end }: { start: number; end: number },
): Generator<Rows> {
  let groupStart = 0;
  for (const { count, bytes } of groups) {
    const groupEnd = groupStart + count;
    const fitting = Math.floor(count * MOST_BYTES / Math.max(1, bytes));
    const step = Math.min(MOST_ROWS, Math.max(FEWEST_ROWS, fitting));
    const last = Math.min(groupEnd, end);
    for (let first = Math.max(groupStart, start); first < last; first += step) {
      yield { first, last: Math.min(first + step, last), unpacked: bytes };
    }
    groupStart = groupEnd;
  }
}
