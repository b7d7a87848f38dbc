/**
 * Text by name: the ending says what it is and whether it is compressed.
 *
 * @module
 */

import { compressionOf, decompressed } from "./decompress.ts";
import { parquet } from "./parquet.ts";
import { commaSeparated } from "./csv.ts";
import { type ByteSource, type DocumentKind, jsonLines, plainText, type TextSource } from "./source.ts";

/** How text is read. */
export interface TextOptions {
  /** What a document of plain text is. Default: "line". */
  document?: DocumentKind | undefined;
  /** Field or column of the text in JSON lines, CSV and parquet. Default: "text". */
  field?: string | undefined;
}

/** Endings of what can be read, compressed or not. */
export const textEndings = ["txt", "text", "md", "jsonl", "ndjson", "csv", "parquet"] as const;

/**
 * The text in a source of bytes: .jsonl and .ndjson as JSON lines, .csv, .parquet, everything else as plain text; with .gz,
 * .br or .zst behind it, compressed.
 *
 * @throws {SyntaxError} for a compressed parquet file, which would have to be kept in memory.
 */
export function textOf(source: ByteSource, { document, field }: TextOptions = {}): TextSource {
  const { inner, compression } = compressionOf(source.name);
  const bytes = decompressed(source);
  const column = field === undefined ? {} : { field };
  switch (/\.(\w+)$/.exec(inner)?.[1]?.toLowerCase()) {
    case "jsonl":
    case "ndjson":
      return jsonLines(bytes, column);
    case "csv":
      return commaSeparated(bytes, column);
    case "parquet":
      if (compression) {
        throw new SyntaxError(`Cannot read ${source.name}: parquet files are compressed within, unpack it first`);
      }
      return parquet(source, column);
    default:
      return plainText(bytes, document === undefined ? {} : { document });
  }
}
