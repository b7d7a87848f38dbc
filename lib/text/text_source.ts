/**
 * Text of any kind: what a file is, is told by its first bytes together with its ending.
 *
 * @module
 */

import type { Bytes } from "./byte_reader.ts";
import { commaSeparated } from "./csv.ts";
import { type Compression, compressionOf, decompressed } from "./decompress.ts";
import { fromReturns, fromUtf16, wideEncodingOf } from "./encoding.ts";
import { encodingAdvice } from "./encoding_advice.ts";
import { jsonSource } from "./json.ts";
import { jsonLines } from "./json_lines.ts";
import { looksLike } from "./looks.ts";
import { parquet } from "./parquet.ts";
import { type DocumentKind, plainText } from "./plain_text.ts";
import { noTextIn } from "./signatures.ts";
import { BrokenDataError, type ByteSource, type TextSource } from "./source.ts";

/** Formats of text. */
export const textFormats = ["text", "jsonl", "json", "csv", "tsv", "parquet"] as const;
/** A format of text. */
export type TextFormat = typeof textFormats[number];

/** How text is read. */
export interface TextOptions {
  /**
   * What a document of plain text is.
   *
   * @default {"line"}
   */
  document?: DocumentKind | undefined;
  /**
   * Field or column of the text in JSON, tables and parquet; a path such as `doc.text` leads into records.
   *
   * @default {"text"}
   */
  field?: string | undefined;
  /** Field or column that is read beside the text, such as its label's, from JSON and tables. Default: none. */
  beside?: string | undefined;
  /** What the text is, whatever its name and content say. By default its name's ending says that, and its content is checked. */
  format?: TextFormat | undefined;
}

/** Formats by ending; everything else is plain text. */
const formats: Readonly<Record<string, TextFormat>> = {
  jsonl: "jsonl",
  ndjson: "jsonl",
  json: "json",
  csv: "csv",
  tsv: "tsv",
  tab: "tsv",
  parquet: "parquet",
};

/** Endings of what is taken from folders, compressed or not. */
export const textEndings: readonly string[] = ["txt", "text", "md", ...Object.keys(formats)];

/** Endings that say nothing of markup in a file. */
const withoutMarkup = new Set(["", "txt", "text", "log", "dat", "out"]);

/** Bytes by which a file is known. */
const HEAD = 1 << 16;
/** Bytes of UTF-8 that are hardly anything else. */
const SHORTEST_TEXT = 32;
/** Compressions within one another that are undone. */
const MOST_LAYERS = 3;

/**
 * The text in a source of bytes. Gzip and zstd are known by their first bytes, brotli by the ending .br. What is in it is told
 * by the ending (.jsonl and .ndjson, .json, .csv, .tsv and .tab, .parquet; all else is plain text) and checked by its first
 * bytes. UTF-16 is read as text too.
 *
 * @throws {SyntaxError} that says what the bytes are and what to do, where they hold no text that can be read, or look like another
 * format than the name says; with `format` the latter is taken as said.
 */
export async function textSource(source: ByteSource, options: TextOptions = {}): Promise<TextSource> {
  let bytes = source;
  let { inner } = compressionOf(source.name);
  let head = await headOf(bytes);
  for (let layer = 0; layer < MOST_LAYERS; layer++) {
    const compression = compressionIn(head, layer === 0 ? source.name : inner);
    if (!compression) break;
    const unpacked = decompressed(bytes, compression);
    const next = await headOf(unpacked);
    // any bytes may be brotli: text that is not stays as it is
    const mayBeText = head.bytes.length >= SHORTEST_TEXT && isUtf8(head.bytes);
    if (compression === "brotli" && next.isBroken && next.bytes.length === 0 && mayBeText) break;
    if (layer > 0) inner = compressionOf(inner).inner;
    bytes = unpacked;
    head = next;
  }
  if (bytes === source && compressionOf(source.name).compression === "gzip") checkUnpacked(source, head.bytes);
  if (bytes === source && compressionOf(source.name).compression === "zstd") checkUnpacked(source, head.bytes);
  return await unpackedText({ source: bytes, head: head.bytes, inner, isPacked: bytes !== source }, options);
}

interface Head {
  readonly bytes: Bytes;
  readonly isBroken: boolean;
}

/** The first bytes; of data that is broken those before. */
async function headOf(source: ByteSource): Promise<Head> {
  const pieces: Bytes[] = [];
  let isBroken = false;
  let length = 0;
  try {
    for await (const chunk of source.stream(0, Math.min(HEAD, source.size ?? HEAD))) {
      pieces.push(chunk);
      length += chunk.length;
      if (length >= HEAD) break;
    }
  } catch (error) {
    if (!(error instanceof BrokenDataError)) throw error;
    isBroken = true;
  }
  return { bytes: await new Blob(pieces).slice(0, HEAD).bytes(), isBroken };
}

const beginsWith = (bytes: Bytes, ...first: number[]) => first.every((byte, i) => bytes[i] === byte);

/** By its first bytes, of brotli by its name. */
function compressionIn({ bytes }: Head, name: string): Compression | undefined {
  if (beginsWith(bytes, 0x1f, 0x8b, 8)) return "gzip";
  if (beginsWith(bytes, 0x28, 0xb5, 0x2f, 0xfd)) return "zstd";
  // frames to be skipped, which lz4 has as well
  const isSkippable = (bytes[0]! & 0xf0) === 0x50 && bytes[1] === 0x2a && bytes[2] === 0x4d && bytes[3] === 0x18;
  if (isSkippable && !/\.lz4$/i.test(name)) return "zstd";
  const { compression } = compressionOf(name);
  if (compression === "brotli") return bytes.length > 0 ? "brotli" : undefined;
  // the beginning of a file that was cut off
  if (compression === "gzip" && bytes.length < 3 && bytes[0] === 0x1f) return "gzip";
  return compression === "zstd" && bytes.length < 4 && bytes[0] === 0x28 ? "zstd" : undefined;
}

/** A file that is called compressed and is not may be text that was unpacked already; other bytes are an error. */
function checkUnpacked(source: ByteSource, head: Bytes): void {
  if (isUtf8(head) || wideEncodingOf(head) !== undefined || noTextIn(head, source) !== undefined) return;
  const { compression } = compressionOf(source.name);
  throw new SyntaxError(`Cannot read ${source.name}: it is no ${compression} file, though it is called one`);
}

function isUtf8(bytes: Bytes): boolean {
  try {
    return !hasControls(new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true }));
  } catch {
    return false;
  }
}

// deno-lint-ignore no-control-regex
const controls = /[\0-\x08\x0e-\x1a\x1c\x1d\x1f\x7f]/g;
/** Share of control characters that no text has. */
const MOST_CONTROLS = 0.002;

function hasControls(text: string): boolean {
  return (text.match(controls)?.length ?? 0) > text.length * MOST_CONTROLS;
}

async function unpackedText(
  { source, head, inner, isPacked }: { source: ByteSource; head: Bytes; inner: string; isPacked: boolean },
  { document, field, beside, format }: TextOptions,
): Promise<TextSource> {
  const ending = /\.(\w+)$/.exec(inner)?.[1]?.toLowerCase() ?? "";
  const isParquet = beginsWith(head, 0x50, 0x41, 0x52, 0x31);
  const kind = format ?? (isParquet ? "parquet" : Object.hasOwn(formats, ending) ? formats[ending]! : "text");
  if (kind === "parquet") {
    if (isPacked) {
      throw new SyntaxError(`Cannot read ${source.name}: parquet files are compressed within, unpack it first`);
    }
    const other = isParquet ? undefined : noTextIn(head, source);
    if (other !== undefined) throw new SyntaxError(`Cannot read ${source.name}: it is ${other}`);
    if (beside !== undefined) throw withoutRecords(source, "parquet");
    return parquet(source, { field });
  }
  const text = await asUtf8(source, head, format !== undefined);
  if (beside !== undefined && kind === "text") throw withoutRecords(source, "plain text");
  if (format === undefined && kind === "text") checkPlain(text, { ending, field: field ?? "text" });
  switch (kind) {
    case "jsonl":
      return format === "jsonl"
        ? jsonLines(text.source, { field, beside })
        : await jsonSource(text.source, { field, beside, isLines: true });
    case "json":
      return await jsonSource(text.source, { field, beside });
    case "csv":
      return commaSeparated(text.source, { field, beside });
    case "tsv":
      return commaSeparated(text.source, { field, beside, delimiter: "\t" });
    case "text":
      return plainText(text.source, { document });
  }
}

function withoutRecords({ name }: ByteSource, what: string): SyntaxError {
  return new SyntaxError(
    `Cannot read texts with their labels from ${name}: it is ${what}; wanted CSV, TSV, JSON or JSON lines ` +
      "(--format says which, whatever its name; --tokens reads words with a tag on each)",
  );
}

interface Utf8 {
  readonly source: ByteSource;
  /** The first characters. */
  readonly head: string;
  /** Whether they are all. */
  readonly isWhole: boolean;
}

/**
 * The bytes as UTF-8.
 *
 * @throws {SyntaxError} if they are no text; insisted on, only where that can be no text in any case.
 */
async function asUtf8(source: ByteSource, head: Bytes, isInsisted: boolean): Promise<Utf8> {
  const encoding = wideEncodingOf(head);
  if (encoding === "utf-32") {
    throw new SyntaxError(`Cannot read ${source.name}: it is UTF-32; convert it first, with iconv -f utf-32 -t utf-8`);
  }
  if (encoding !== undefined) {
    const utf8 = fromUtf16(source, encoding);
    const { bytes } = await headOf(utf8);
    return finished(utf8, bytes);
  }
  if (!isInsisted) {
    const other = noTextIn(head, source);
    if (other !== undefined) throw new SyntaxError(`Cannot read ${source.name}: it is ${other}`);
  }
  let advice: string | undefined;
  if (!isUtf8(head)) {
    const text = new TextDecoder("latin1").decode(head);
    if (hasControls(text) && !isInsisted) {
      throw new SyntaxError(`Cannot read ${source.name}: it is a binary file, not text`);
    }
    advice = hasControls(text) ? "" : await encodingAdvice(head);
  } else if (!isInsisted) {
    // deno-lint-ignore no-control-regex
    const japanese = /\x1b\$[@B]/.test(new TextDecoder().decode(head));
    if (japanese) {
      throw new SyntaxError(
        `Cannot read ${source.name}: it looks like ISO-2022-JP; convert it first, with iconv -f iso-2022-jp -t utf-8`,
      );
    }
  }
  const named = advice === undefined ? source : {
    name: source.name,
    size: source.size,
    encodingAdvice: advice,
    stream: (start: number, end?: number) => source.stream(start, end),
  };
  return finished(named, head);
}

function finished(source: ByteSource, head: Bytes): Utf8 {
  const hasReturns = head.includes(13) && !head.includes(10);
  return {
    source: hasReturns ? fromReturns(source) : source,
    head: new TextDecoder().decode(head, { stream: true }),
    isWhole: head.length < HEAD,
  };
}

/** @throws {SyntaxError} if text looks like another format. */
function checkPlain({ source, head, isWhole }: Utf8, { ending, field }: { ending: string; field: string }): void {
  const looks = looksLike(head, { isWhole, field, markup: withoutMarkup.has(ending) });
  if (!looks) return;
  const read = looks.format
    ? `--format ${looks.format} reads it as such (--field names the text), --format text as it is`
    : "take the text out of it first, or insist on it as it is by --format text";
  throw new SyntaxError(`Cannot use ${source.name} as plain text: it looks like ${looks.what}; ${read}`);
}
