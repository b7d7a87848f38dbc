/**
 * Parquet files, a group of rows at a time.
 *
 * @module
 */

import { parquetMetadataAsync, parquetRead, parquetSchema } from "hyparquet";
import type { ByteSource, TextSource } from "./source.ts";

/** Rows that are decoded at once. */
const ROWS = 1000;

/** A column of a parquet file as documents. Places are rows. */
export function parquet(source: ByteSource, { field = "text" }: { field?: string } = {}): TextSource {
  const file = {
    byteLength: source.size!,
    slice: async (start: number, end = source.size!) => await new Response(source.stream(start, end)).arrayBuffer(),
  };
  return {
    name: source.name,
    // rows are the places, so bytes would mislead
    size: undefined,
    async *read({ start, end = Infinity, bad }) {
      if (source.size === undefined) throw new SyntaxError(`Cannot read ${source.name}: parquet needs its size`);
      const metadata = await parquetMetadataAsync(file).catch((error: Error) => {
        throw new SyntaxError(`Cannot read ${source.name}: it is no parquet file (${error.message})`);
      });
      const columns = parquetSchema(metadata).children.map(({ element }) => element.name);
      if (!columns.includes(field)) {
        throw new SyntaxError(
          `Cannot use ${source.name}: it has no column "${field}" (--field); its columns are ${columns.join(", ")}`,
        );
      }
      const last = Math.min(end, Number(metadata.num_rows));
      for (let first = start; first < last; first += ROWS) {
        let rows: unknown[][] = [];
        const rowEnd = Math.min(first + ROWS, last);
        await parquetRead({
          file,
          metadata,
          columns: [field],
          rowStart: first,
          rowEnd,
          onComplete: (data) => rows = data as unknown[][],
        }).catch((error: Error) => {
          throw new SyntaxError(`Cannot read ${source.name}, rows ${first} to ${rowEnd}: ${error.message}`);
        });
        for (const [i, [text]] of rows.entries()) {
          const row = first + i;
          if (typeof text === "string") yield { text, after: "document", next: row + 1 };
          else {bad.skip(
              `Cannot use ${source.name}, row ${row}: column "${field}" holds no text`,
              `${source.name} ${row}`,
            );}
        }
      }
    },
  };
}
