/**
 * Rows of a column of a parquet file. What is asked for and what is answered are plain values, so that another thread can do it.
 *
 * @module
 */

import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetRead, parquetSchema } from "hyparquet";
import { listed, shortened } from "../sentences/safe_text.ts";
import { textAt } from "./json_record.ts";
import { checkedMetadata } from "./parquet_fields.ts";
import { checkPages } from "./parquet_pages.ts";

/** Codecs that need no other package. */
const simpleCodecs = new Set(["UNCOMPRESSED", "SNAPPY"]);

/** A file, and which column of it is wanted. */
export interface ParquetRequest {
  /** Number of the reading, within which what the file says of itself stays the same. */
  readonly reading: number;
  /** Its name, for messages. */
  readonly name: string;
  /** Its bytes. */
  readonly size: number;
  /** Column of the text, or a path into it. */
  readonly field: string;
  /** Rows to read; none: the groups of rows are asked for. */
  readonly rows?: Rows | undefined;
}

/** Rows of a file. */
export interface Rows {
  /** The first. */
  readonly first: number;
  /** End, exclusive. */
  readonly last: number;
  /** Bytes that their group unpacks to, as the file says. */
  readonly unpacked: number;
}

/** Rows that are stored together. */
export interface RowGroup {
  /** How many. */
  readonly count: number;
  /** Bytes of the column once it is unpacked, as the file says. */
  readonly bytes: number;
}

/** The groups of a file, or texts by row; an object says what a row holds instead. */
export type ParquetAnswer =
  | { readonly groups: readonly RowGroup[] }
  | { readonly texts: readonly (string | { readonly holds: string })[] };

/** Hands out bytes of the file. */
export type Slice = (start: number, end: number) => Promise<ArrayBuffer>;

type Plan = Awaited<ReturnType<typeof planOf>>;

/** What the latest file says of itself: many requests are for the same. */
let latest: { readonly reading: number; readonly name: string; readonly plan: Plan } | undefined;

/** What a library says is wrong, where it knows; it names what it does not find "undefined". */
export function parquetProblem(error: unknown): string {
  const { message } = error as Error;
  const isKnown = /^(a page|the header of a page|there are|these rows|what it says|its |parquet|thrift)/.test(message);
  return isKnown && !/undefined|NaN|\[object/.test(message) ? shortened(message) : "its data make no sense";
}

/**
 * Answers a request.
 *
 * @throws {SyntaxError} if the file has no such column, or cannot be read at all.
 * @throws {Error} with what is wrong with the rows.
 */
export async function answerParquet(request: ParquetRequest, slice: Slice): Promise<ParquetAnswer> {
  const { name, size, field, rows } = request;
  const file = { byteLength: size, slice: (start: number, end = size) => slice(start, end) };
  if (latest?.reading !== request.reading || latest.name !== name) {
    latest = undefined;
    latest = { reading: request.reading, name, plan: await planOf(file, { field, name }) };
  }
  const { metadata, column, compressors } = latest.plan;
  if (!rows) return { groups: metadata.row_groups.map((group) => groupOf(group, column)) };
  const { first, last } = rows;
  let cells: unknown[][] = [];
  await parquetRead({
    file: checkedPages(file, chunksOf(metadata, column)),
    metadata,
    columns: [column],
    rowStart: first,
    rowEnd: last,
    parsers,
    ...(compressors ? { compressors } : {}),
    onComplete: (data) => cells = data as unknown[][],
  });
  if (cells.length !== last - first) throw new Error(`there are ${cells.length}`);
  return { texts: cells.map(([cell]) => textOfCell(cell, { field, column }) ?? { holds: what(cell) }) };
}

function groupOf({ num_rows, columns }: FileMetaData["row_groups"][number], column: string): RowGroup {
  const own = columns.flatMap(({ meta_data }) => meta_data?.path_in_schema[0] === column ? [meta_data] : []);
  const bytes = own.reduce((sum, { total_uncompressed_size }) => sum + Number(total_uncompressed_size), 0);
  return { count: Number(num_rows), bytes };
}

/** What the end of the file says, and which column is read. */
async function planOf(file: AsyncBuffer, { field, name }: { field: string; name: string }) {
  try {
    const metadata = checkedMetadata(await parquetMetadataAsync(file), name);
    const column = columnOf(metadata, { field, name });
    return { metadata, column, compressors: await compressorsFor(metadata, { column, name }) };
  } catch (error) {
    if (error instanceof SyntaxError) throw error;
    throw new SyntaxError(`Cannot read ${name}: it is no parquet file (${parquetProblem(error)})`);
  }
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
