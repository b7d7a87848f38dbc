/**
 * Sources of text: bytes that can be read from any offset, and the passages that are read from them.
 *
 * @module
 */

/** Bytes that can be read from any offset; a `Blob` or `File` is nearly one. */
export interface ByteSource {
  /** For error messages. */
  readonly name: string;
  /** Number of bytes; undefined where it is not known before the end. */
  readonly size: number | undefined;
  /** What to do where bytes are no UTF-8, as the end of a sentence; empty where that is not known. */
  readonly encodingAdvice?: string | undefined;
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
  /** The text, without the line break after it. */
  readonly text: string;
  /** What follows: more of the same line, a line break, or another document. */
  readonly after: "nothing" | "line" | "document";
  /** Position after it, where reading can go on. */
  readonly next: Position;
  /** What its record holds beside it, where that was asked for. */
  readonly beside?: Beside | undefined;
}

/** A second field of a text's record. */
export interface Beside {
  /** Its value, numbers and truths as text; of a list one for each element. Undefined where there is none. */
  readonly value: string | readonly string[] | undefined;
  /** Names of the record's fields, where it has none of this name. */
  readonly fields?: readonly string[] | undefined;
  /** Where the record is, for people: `line 3`. */
  readonly place: string;
}

/** What {@linkcode TextSource.read} reads. */
export interface ReadOptions {
  /** First byte (of parquet files: row). */
  start: number;
  /** End, exclusive; undefined: that of the source. */
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
  /** Passages from an offset on, with positions in bytes (of parquet files: rows). */
  read(options: ReadOptions): AsyncIterable<Passage<number>>;
  /** An offset near the wanted one where the source can be cut in two; absent where it cannot. */
  readonly cut?: ((wanted: number) => Promise<number>) | undefined;
}

/** Data that breaks off or makes no sense from a byte on; what comes before it is whole. */
export class BrokenDataError extends SyntaxError {
  /** Its name. */
  override name = "BrokenDataError";
  /** Where, for counting it once. */
  readonly place: string;
  /** The byte of the file as it is stored. */
  readonly offset: number;

  /** The message, with the offset in the file as it is stored. */
  constructor(message: string, { source, offset }: { source: string; offset: number }) {
    super(message);
    this.offset = offset;
    this.place = `${source} broken at ${offset}`;
  }
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
      throw new SyntaxError(
        this.allowed === 0
          ? message
          : `${message} (after ${this.count} ${this.count === 1 ? "other that was" : "others that were"} skipped)`,
      );
    }
    this.#places.add(place);
    if (this.messages.length < MOST_MESSAGES) this.messages.push(message);
  }
}

/** Messages that are kept. */
const MOST_MESSAGES = 100;

/** Nothing may be skipped. */
export const strict: BadRecords = new BadRecords();
