/**
 * Parquet files, some rows at a time.
 *
 * @module
 */

import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetRead, parquetSchema } from "hyparquet";
import { checkPages } from "./parquet_pages.ts";
import { isOfEngine } from "../sentences/reasons.ts";
import { listed, shortened } from "../sentences/safe_text.ts";
import { checkedMetadata } from "./parquet_fields.ts";
import { textAt } from "./json_record.ts";
import { skipBroken } from "./lines.ts";
import { BrokenDataError, type ByteSource, type TextSource } from "./source.ts";

/** Rows that are decoded at once, at least and at most. */
const [FEWEST_ROWS, MOST_ROWS] = [1000, 100_000];
/** Bytes that are decoded at once, unless so few rows have more. */
const MOST_BYTES = 1 << 25;

/** Codecs that need no other package. */
const simpleCodecs = new Set(["UNCOMPRESSED", "SNAPPY"]);

/**
 * A column of a parquet file as documents: strings, bytes that are UTF-8, or JSON that is a string; of lists the strings are lines.
 * A path such as `doc.text` leads into structures. Places are rows.
 */
export function parquet(source: ByteSource, { field = "text" }: { field?: string | undefined } = {}): TextSource {
  const file: AsyncBuffer = {
    byteLength: source.size!,
    slice: async (start: number, end = source.size!) => await new Response(source.stream(start, end)).arrayBuffer(),
  };
  return {
    name: source.name,
    // positions are rows, so bytes would mislead
    size: undefined,
    async *read({ start, end = Infinity, bad }) {
      if (source.size === undefined) throw new SyntaxError(`Cannot read ${source.name}: parquet needs its size`);
      const { metadata, column, compressors } = await planOf(file, { field, name: source.name });
      const checked = checkedPages(file, chunksOf(metadata, column));
      for (const { first, last } of windowsOf(metadata, { column, start, end })) {
        let rows: unknown[][] = [];
        try {
          await parquetRead({
            file: checked,
            metadata,
            columns: [column],
            rowStart: first,
            rowEnd: last,
            parsers,
            ...(compressors ? { compressors } : {}),
            onComplete: (data) => rows = data as unknown[][],
          });
          if (rows.length !== last - first) throw new Error(`there are ${rows.length}`);
        } catch (error) {
          const message = `Cannot read ${source.name}, rows ${first} to ${last}: ${whatFails(error)}`;
          return skipBroken(new BrokenDataError(message, { source: source.name, offset: first }), bad);
        }
        for (const [i, [cell]] of rows.entries()) {
          const row = first + i;
          const text = textOfCell(cell, { field, column });
          if (text !== undefined) yield { text, after: "document", next: row + 1 };
          else {
            bad.skip(
              `Cannot use ${source.name}, row ${row}: column "${field}" holds ${what(cell)}`,
              `${source.name} ${row}`,
            );
          }
        }
      }
    },
  };
}

/** What the end of the file says, and which column is read. */
async function planOf(file: AsyncBuffer, { field, name }: { field: string; name: string }) {
  try {
    const metadata = checkedMetadata(await parquetMetadataAsync(file), name);
    const column = columnOf(metadata, { field, name });
    return { metadata, column, compressors: await compressorsFor(metadata, { column, name }) };
  } catch (error) {
    if (error instanceof SyntaxError) throw error;
    throw new SyntaxError(`Cannot read ${name}: it is no parquet file (${whatFails(error)})`);
  }
}

/** What the library says; where it only stumbles, that numbers of the file contradict one another. */
function whatFails(error: unknown): string {
  if (isOfEngine(error) || /offset|out of bounds/i.test((error as Error).message)) {
    return "its numbers contradict one another";
  }
  return shortened((error as Error).message);
}

/** The column that a field is, or is in; a column that is called so with its dots wins. */
function columnOf(metadata: FileMetaData, { field, name }: { field: string; name: string }): string {
  const columns = parquetSchema(metadata).children.map(({ element }) => element.name);
  if (columns.includes(field)) return field;
  for (let dot = field.lastIndexOf("."); dot > 0; dot = field.lastIndexOf(".", dot - 1)) {
    if (columns.includes(field.slice(0, dot))) return field.slice(0, dot);
  }
  throw new SyntaxError(
    `Cannot use ${name}: it has no column "${field}" (--field); its columns are ${listed(columns, { most: 20 })}`,
  );
}

type Compressors = Parameters<typeof parquetRead>[0]["compressors"];

/** What unpacks a column, imported where it is needed. */
async function compressorsFor(
  metadata: FileMetaData,
  { column, name }: { column: string; name: string },
): Promise<Compressors> {
  const codecs = new Set(chunksOf(metadata, column).map(({ codec }) => String(codec)));
  if ([...codecs].every((codec) => simpleCodecs.has(codec))) return undefined;
  const { compressors } = await import("hyparquet-compressors");
  const unknown = [...codecs].find((codec) => !simpleCodecs.has(codec) && !Object.hasOwn(compressors, codec));
  if (unknown !== undefined) {
    throw new SyntaxError(
      `Cannot read ${name}: column "${column}" is compressed with ${unknown}; write the file with snappy, gzip or zstd`,
    );
  }
  return compressors;
}

const chunksOf = ({ row_groups }: FileMetaData, column: string) =>
  row_groups.flatMap(({ columns }) =>
    columns.flatMap(({ meta_data }) => meta_data?.path_in_schema[0] === column ? [meta_data] : [])
  );

type Chunk = ReturnType<typeof chunksOf>[number];

/** A file whose pages are looked at before anything else does. */
function checkedPages(file: AsyncBuffer, chunks: readonly Chunk[]): AsyncBuffer {
  return {
    byteLength: file.byteLength,
    async slice(start, end) {
      const buffer = await file.slice(start, end);
      const chunk = chunks.find(({ data_page_offset, dictionary_page_offset, total_compressed_size }) => {
        const first = Number(dictionary_page_offset || data_page_offset);
        return start >= first && start < first + Number(total_compressed_size);
      });
      if (chunk) checkPages(new Uint8Array(buffer), Number(chunk.num_values));
      return buffer;
    },
  };
}

/** Rows from `first` to `last` - 1 that are read together, within their groups. */
function* windowsOf(
  metadata: FileMetaData,
  { column, start, end }: { column: string; start: number; end: number },
): Generator<{ first: number; last: number }> {
  let groupStart = 0;
  for (const group of metadata.row_groups) {
    const count = Number(group.num_rows);
    const groupEnd = groupStart + count;
    const bytes = group.columns.reduce(
      (sum, { meta_data }) =>
        meta_data?.path_in_schema[0] === column ? sum + Number(meta_data.total_uncompressed_size) : sum,
      0,
    );
    const fitting = Math.floor(count * MOST_BYTES / Math.max(1, bytes));
    const step = Math.min(MOST_ROWS, Math.max(FEWEST_ROWS, fitting));
    const last = Math.min(groupEnd, end);
    for (let first = Math.max(groupStart, start); first < last; first += step) {
      yield { first, last: Math.min(first + step, last) };
    }
    groupStart = groupEnd;
  }
}

/** Bytes that are no UTF-8, or another kind of value that is no text. */
class NoText {
  constructor(readonly what: string) {}
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decoded(bytes: Uint8Array): string | NoText {
  try {
    return decoder.decode(bytes);
  } catch {
    return new NoText("bytes that are no UTF-8");
  }
}

/** How cells are read; the types say strings, but every value goes through. */
const parsers = {
  stringFromBytes: (bytes: Uint8Array) => bytes && decoded(bytes) as unknown as string,
  jsonFromBytes(bytes: Uint8Array) {
    const text = bytes && decoded(bytes);
    if (typeof text !== "string") return text;
    try {
      return JSON.parse(text);
    } catch {
      return new NoText("JSON that cannot be read");
    }
  },
  uuidFromBytes: () => new NoText("identifiers, no text") as unknown as string,
  geometryFromBytes: () => new NoText("shapes, no text") as never,
  geographyFromBytes: () => new NoText("shapes, no text") as never,
};

function textOfCell(cell: unknown, { field, column }: { field: string; column: string }): string | undefined {
  if (typeof cell === "string" && field === column) return cell.toWellFormed();
  if (cell instanceof Uint8Array) {
    // of a fixed length, short strings are filled up with zeros
    const text = decoded(cell.subarray(0, cell.findLastIndex((byte) => byte !== 0) + 1));
    return typeof text === "string" && field === column ? text : undefined;
  }
  return textAt(cell, field === column ? "" : field.slice(column.length + 1))?.toWellFormed();
}

/** What a cell holds instead of text. */
function what(cell: unknown): string {
  if (cell instanceof NoText) return cell.what;
  if (cell === null || cell === undefined) return "no text (null)";
  if (cell instanceof Uint8Array) return "bytes that are no UTF-8";
  return "no text";
}
