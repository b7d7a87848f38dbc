/**
 * What the end of a parquet file must say before anything is done by it.
 *
 * @module
 */

import { checked, entries, type Field, list, optional, record, such, text } from "../sentences/fields.ts";

/** Numbers of 64 bits come as BigInt, of 32 bits as numbers. */
const count: Field = such(
  "a whole number of at least 0",
  (value) => typeof value === "bigint" ? value >= 0n : Number.isSafeInteger(value) && (value as number) >= 0,
);

const chunk = record({
  path_in_schema: list(text, { least: 1 }),
  codec: text,
  num_values: count,
  total_uncompressed_size: count,
  total_compressed_size: count,
  data_page_offset: count,
  dictionary_page_offset: optional(count),
  statistics: optional(entries(() => undefined)),
});

const metadataFields: Field = record({
  schema: list(record({ name: text, num_children: optional(count) }), { least: 1 }),
  num_rows: count,
  row_groups: list(record({ num_rows: count, columns: list(record({ meta_data: optional(chunk) })) })),
});

/**
 * Checks a parquet file's description of itself, field by field; returns it.
 *
 * @throws {SyntaxError} that says which field is wrong.
 */
export function checkedMetadata<T>(metadata: T, name: string): T {
  return checked<T>(metadata, metadataFields, `Cannot read ${name}: its description of itself is wrong`);
}
