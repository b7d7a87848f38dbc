/**
 * Sources of text: bytes that can be read from any place, and what makes passages of them: plain text, JSON lines, CSV.
 *
 * @module
 */

/** Bytes that can be read from any place; a `Blob` or `File` is nearly one. */
export interface ByteSource {
  /** For error messages. */
  readonly name: string;
  /** Number of bytes; undefined where it is not known before the end. */
  readonly size: number | undefined;
  /** Bytes start ... end - 1, or to the end. */
  stream(start: number, end?: number): ReadableStream<Uint8Array<ArrayBuffer>>;
}

/** A string as bytes, UTF-8. */
export function stringSource(name: string, text: string): ByteSource & { readonly size: number } {
  const blob = new Blob([text]);
  return { name, size: blob.size, stream: (start, end) => blob.slice(start, end ?? blob.size).stream() };
}

/** A piece of text. */
export interface Passage<Position> {
  /** The text, without the line break behind it. */
  readonly text: string;
  /** What follows: more of the same line, a line break, or another document. */
  readonly after: "nothing" | "line" | "document";
  /** Place behind it. */
  readonly next: Position;
}

/** What {@linkcode TextSource.read} reads. */
export interface ReadOptions {
  /** First byte (of parquet files: row). */
  start: number;
  /** Byte behind the last; undefined: to the end. */
  end: number | undefined;
  /** Counts records that cannot be read. */
  bad: BadRecords;
}

/** Something that passages can be read from. */
export interface TextSource {
  /** For people and error messages. */
  readonly name: string;
  /** Number of bytes, where it is known. */
  readonly size: number | undefined;
  /** Passages from a place on, with places in bytes (of parquet files: rows). */
  read(options: ReadOptions): AsyncIterable<Passage<number>>;
  /** A place near the wanted one where the source can be cut in two; absent where it cannot. */
  cut?(wanted: number): Promise<number>;
}

/** How many records may be skipped because they cannot be read, and which were. */
export class BadRecords {
  /** How many may be skipped. */
  readonly allowed: number;
  /** Messages of those that were, the first ones in full. */
  readonly messages: string[] = [];
  #places = new Set<string>();

  /** None may be skipped, or some. */
  constructor(allowed = 0) {
    this.allowed = allowed;
  }

  /** How many were. */
  get count(): number {
    return this.#places.size;
  }

  /**
   * Skips the record at a place; one that is met again in a later pass counts once.
   *
   * @throws {SyntaxError} with the message if there are too many.
   */
  skip(message: string, place: string): void {
    if (this.#places.has(place)) return;
    if (this.count >= this.allowed) {
      throw new SyntaxError(this.allowed === 0 ? message : `${message} (after ${this.count} others that were skipped)`);
    }
    this.#places.add(place);
    if (this.messages.length < MOST_MESSAGES) this.messages.push(message);
  }
}

/** Messages that are kept. */
const MOST_MESSAGES = 100;

/** Nothing may be skipped. */
export const strict: BadRecords = new BadRecords();

/** Longest piece of a line that is held in memory, in bytes; longer lines come in several. */
const LONGEST_PIECE = 1 << 20;

/** Longest record of JSON lines or CSV, in bytes. */
const LONGEST_RECORD = 1 << 26;

/** Bytes that are looked through at once. */
const CHUNK = 1 << 16;

/** How far behind a wanted cut a line break is looked for, in bytes. */
const LONGEST_SEARCH = 1 << 20;

/** What a document of plain text is. */
export const documentKinds = ["line", "paragraph", "file"] as const;
/** What a document of plain text is: a line, what stands between blank lines, or the whole file. */
export type DocumentKind = typeof documentKinds[number];

/**
 * Plain text, UTF-8. Lines that are longer than a mebibyte come in several passages, cut at a space where there is one. A
 * byte-order mark at the beginning and carriage returns before line breaks are dropped.
 */
export function plainText(source: ByteSource, { document = "line" }: { document?: DocumentKind } = {}): TextSource {
  return {
    name: source.name,
    size: source.size,
    // a file that is one document cannot be cut
    ...(document === "file" ? {} : { cut: (wanted) => cutAtLine(source, wanted, document === "paragraph") }),
    async *read({ start, end, bad }) {
      // whether a document ends shows one line later
      let held: Passage<number> | undefined;
      for await (const line of linesOf(source, { start, end, longest: LONGEST_PIECE })) {
        const text = decodeLine(line, source.name, bad);
        if (text === undefined) continue;
        const passage = { text, after: line.isWhole ? "line" as const : "nothing" as const, next: line.next };
        if (document === "line") {
          yield line.isWhole ? { ...passage, after: "document" } : passage;
          continue;
        }
        if (document === "paragraph" && line.isWhole && line.isFirst && text.trim() === "") {
          if (held) yield { ...held, after: "document", next: line.next };
          held = undefined;
          continue;
        }
        if (held) yield held;
        held = passage;
      }
      if (held) yield { ...held, after: "document" };
    },
  };
}

/** JSON lines: each an object whose field is a document. */
export function jsonLines(source: ByteSource, { field = "text" }: { field?: string } = {}): TextSource {
  return {
    name: source.name,
    size: source.size,
    cut: (wanted) => cutAtLine(source, wanted),
    async *read({ start, end, bad }) {
      for await (const line of linesOf(source, { start, end, longest: LONGEST_RECORD })) {
        const json = decodeLine(line, source.name, bad);
        if (json === undefined || json.trim() === "") continue;
        const text = jsonField(json, field);
        if (typeof text === "string") yield { text, after: "document", next: line.next };
        else bad.skip(`Cannot use ${source.name}, ${line.place}: ${text.problem}`, `${source.name} ${line.start}`);
      }
    },
  };
}

function jsonField(json: string, field: string): string | { problem: string } {
  let record: unknown;
  try {
    record = JSON.parse(json);
  } catch {
    return { problem: "it is no JSON" };
  }
  const value = (record as Record<string, unknown> | null)?.[field];
  if (typeof value === "string") return value;
  const fields = record && typeof record === "object" ? Object.keys(record).slice(0, 8).join(", ") : "none";
  return { problem: `it has no text in field "${field}" (--field); its fields are ${fields || "none"}` };
}

/** Comma-separated values (RFC 4180) with a heading: a column is the documents. */
export function commaSeparated(source: ByteSource, { field = "text" }: { field?: string } = {}): TextSource {
  let heading: Promise<number> | undefined;
  return {
    name: source.name,
    size: source.size,
    async *read({ start, end, bad }) {
      const column = await (heading ??= findColumn(source, field));
      for await (const { cells, next, place } of csvRecords(source, { start, end })) {
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
  for await (const { cells } of csvRecords(source, { start: 0, end: undefined })) {
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
  { start, end }: { start: number; end: number | undefined },
): AsyncGenerator<{ cells: string[]; next: number; place: string }> {
  let waiting = "";
  let place = "";
  for await (const line of linesOf(source, { start, end, longest: LONGEST_RECORD })) {
    const text = decodeLine(line, source.name, strict)!;
    if (waiting === "") place = line.place;
    waiting = waiting === "" ? text : `${waiting}\n${text}`;
    if (waiting.length > LONGEST_RECORD) {
      throw new SyntaxError(`Cannot use ${source.name}, ${place}: a quote is never closed`);
    }
    // an odd number of quotes: the record goes on behind the line break
    if ((waiting.split('"').length - 1) % 2 === 1) continue;
    if (waiting !== "") yield { cells: csvCells(waiting), next: line.next, place };
    waiting = "";
  }
  if (waiting !== "") throw new SyntaxError(`Cannot use ${source.name}, ${place}: a quote is never closed`);
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

/** A line, or a part of a long one. */
interface Line {
  readonly bytes: Uint8Array;
  /** First byte in the source. */
  readonly start: number;
  /** Byte behind it and its line break. */
  readonly next: number;
  /** Whether the line begins here. */
  readonly isFirst: boolean;
  /** Whether the line ends here. */
  readonly isWhole: boolean;
  /** For error messages. */
  readonly place: string;
}

/** Lines of bytes in bounded memory, with their places. */
async function* linesOf(
  source: ByteSource,
  { start, end, longest }: { start: number; end: number | undefined; longest: number },
): AsyncGenerator<Line> {
  let rest: Uint8Array<ArrayBufferLike> = new Uint8Array(0);
  let offset = start;
  let number = 1;
  let isFirst = true;
  const line = (bytes: Uint8Array, breaks: number): Line => {
    const place = start === 0 ? `line ${number}` : `byte ${offset}`;
    const made = { bytes, start: offset, next: offset + bytes.length + breaks, isFirst, isWhole: breaks > 0, place };
    offset = made.next;
    isFirst = breaks > 0;
    if (breaks > 0) number++;
    return made;
  };
  for await (const chunk of chunksOf(source.stream(start, end))) {
    let at = 0;
    for (let newline = chunk.indexOf(10); newline >= 0; newline = chunk.indexOf(10, at)) {
      const part = chunk.subarray(at, newline);
      yield line(rest.length === 0 ? part : concat(rest, part), 1);
      rest = rest.subarray(0, 0);
      at = newline + 1;
    }
    if (at < chunk.length) rest = rest.length === 0 ? chunk.slice(at) : concat(rest, chunk.subarray(at));
    while (rest.length > longest) {
      if (longest >= LONGEST_RECORD) {
        throw new SyntaxError(`Cannot use ${source.name}, line ${number}: it is longer than ${longest} bytes`);
      }
      const cut = cutWithin(rest, longest);
      yield line(rest.subarray(0, cut), 0);
      rest = rest.slice(cut);
    }
  }
  // the last line may lack its break; that of an empty one is no line
  if (rest.length > 0) yield { ...line(rest, 0), isWhole: true };
}

/** Bytes in chunks of at most 64 KiB: some streams hand out everything at once. */
async function* chunksOf(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) {
    for (let at = 0; at < chunk.length; at += CHUNK) yield chunk.subarray(at, at + CHUNK);
  }
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/** A place up to `most` behind a space, or else between two characters. */
function cutWithin(bytes: Uint8Array, most: number): number {
  const space = bytes.lastIndexOf(32, most - 1);
  if (space > most / 2) return space + 1;
  let cut = most;
  while (cut > 0 && (bytes[cut]! & 0xc0) === 0x80) cut--;
  return cut > 0 ? cut : most;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text of a line; undefined if it is no UTF-8 and may be skipped. */
function decodeLine({ bytes, start, place }: Line, name: string, bad: BadRecords): string | undefined {
  let length = bytes.length;
  if (length > 0 && bytes[length - 1] === 13) length--;
  const begin = start === 0 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  try {
    return decoder.decode(bytes.subarray(begin, length));
  } catch {
    const offset = start + begin + firstInvalid(bytes.subarray(begin, length));
    bad.skip(
      `Cannot read ${name} as UTF-8: invalid byte at offset ${offset} (${place})${latinAdvice(bytes)}`,
      `${name} ${start}`,
    );
    return undefined;
  }
}

/** Letters of Western European encodings stand alone between ASCII letters, which UTF-8 never does. */
function latinAdvice(bytes: Uint8Array): string {
  const isLone = (byte: number, i: number) => byte >= 0xc0 && (bytes[i + 1] ?? 0) < 0x80;
  return bytes.some(isLone) ? "; it looks like Latin-1: convert it first, with iconv -f latin1 -t utf-8" : "";
}

/** Index of the first byte that belongs to no character. */
function firstInvalid(bytes: Uint8Array): number {
  let low = 0;
  let high = bytes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    try {
      new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, middle + 1), { stream: true });
      low = middle + 1;
    } catch {
      high = middle;
    }
  }
  // what shows first is the byte behind an unfinished character
  let start = low;
  while (start > 0 && !isText(bytes.subarray(0, start))) start--;
  return start;
}

function isText(bytes: Uint8Array): boolean {
  try {
    decoder.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/**
 * The byte behind the first line break (or blank line) after the wanted place, or a place between two characters if the line
 * is long.
 */
async function cutAtLine(source: ByteSource, wanted: number, wantsBlank = false): Promise<number> {
  let offset = wanted;
  let boundary = -1;
  let firstLine = -1;
  for await (const chunk of source.stream(wanted, Math.min(source.size ?? Infinity, wanted + LONGEST_SEARCH))) {
    for (let newline = chunk.indexOf(10); newline >= 0; newline = chunk.indexOf(10, newline + 1)) {
      if (!wantsBlank) return offset + newline + 1;
      if (firstLine < 0) firstLine = offset + newline + 1;
      const blank = chunk[newline + 1] === 13 ? newline + 2 : newline + 1;
      if (chunk[blank] === 10) return offset + blank + 1;
    }
    if (boundary < 0) {
      const first = chunk.findIndex((byte) => (byte & 0xc0) !== 0x80);
      if (first >= 0) boundary = offset + first;
    }
    offset += chunk.length;
  }
  if (firstLine >= 0) return firstLine;
  return boundary < 0 ? offset : boundary;
}
