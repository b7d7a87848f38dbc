/**
 * The structure of JSON as it streams by: where values begin and end, without keeping them.
 *
 * @module
 */

import { type Bytes, concatenated } from "./byte_reader.ts";

/** What is told of JSON, with offsets in bytes. A string is told with its quotes. */
export interface JsonHandlers {
  /** An object or array begins: the byte is `{` or `[`. */
  open(byte: number, offset: number): void;
  /** It ends in front of the offset. */
  close(end: number): void;
  /** A string begins. */
  string(offset: number): void;
  /** It ends in front of the offset. */
  stringEnd(end: number): void;
  /** A number or word begins. */
  scalar(offset: number): void;
  /** It ends in front of the offset. */
  scalarEnd(end: number): void;
  /** A comma. */
  comma(): void;
  /** A colon. */
  colon(): void;
}

/** JSON whose brackets do not match. */
export class JsonStructureError extends Error {
  /** Which byte it shows at. */
  readonly offset: number;

  /** What is wrong at a byte. */
  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** A scanner that is given JSON in chunks. */
export interface JsonScanner {
  /** Line that the scanner is in, from 1. */
  readonly line: number;
  /** Keeps what follows from an offset on. */
  mark(offset: number): void;
  /** What was kept, up to an offset; undefined if it was longer than allowed. */
  take(end: number): Bytes | undefined;
  /** Looks through the next chunk. */
  feed(chunk: Bytes): void;
  /** Says that nothing follows. */
  end(): void;
}

const QUOTE = 34;
const BACKSLASH = 92;
const OPEN_BRACE = 123;
const OPEN_BRACKET = 91;
const CLOSE_BRACE = 125;
const CLOSE_BRACKET = 93;

/** Deepest nesting. */
const DEEPEST = 10_000;

/**
 * Scans JSON from an offset on, which lies within containers given by their first bytes.
 *
 * @throws {JsonStructureError} where brackets do not match.
 */
export function jsonScanner(
  handlers: JsonHandlers,
  { start = 0, within = [], longest }: { start?: number; within?: readonly number[]; longest: number },
): JsonScanner {
  const stack = [...within];
  let base = start;
  let line = 1;
  let inString = false;
  let isEscaped = false;
  let inScalar = false;
  let marked = -1;
  let pieces: Bytes[] = [];
  let kept = 0;
  let chunk: Bytes = new Uint8Array(0);

  const fail = (what: string, offset: number) => new JsonStructureError(what, offset);
  const close = (byte: number, offset: number) => {
    const opened = stack.pop();
    if (opened === undefined) throw fail(`there is a ${String.fromCharCode(byte)} too many`, offset);
    if ((opened === OPEN_BRACE) !== (byte === CLOSE_BRACE)) {
      const [is, wanted] = byte === CLOSE_BRACE ? ["}", "]"] : ["]", "}"];
      throw fail(`there is a ${is} where a ${wanted} should be`, offset);
    }
    handlers.close(offset + 1);
  };
  const keep = (piece: Bytes) => {
    kept += piece.length;
    if (kept > longest) pieces = [];
    else pieces.push(piece.slice());
  };
  return {
    get line() {
      return line;
    },
    mark(offset) {
      marked = offset;
      pieces = [];
      kept = 0;
    },
    take(end) {
      const last = chunk.subarray(Math.max(0, marked - base), end - base);
      const all = kept + last.length > longest
        ? undefined
        : pieces.length === 0
        ? last
        : concatenated([...pieces, last]);
      marked = -1;
      pieces = [];
      kept = 0;
      return all;
    },
    feed(next) {
      chunk = next;
      const length = chunk.length;
      for (let at = 0; at < length; at++) {
        if (inString) {
          if (isEscaped) {
            isEscaped = false;
            continue;
          }
          while (at < length && chunk[at] !== QUOTE && chunk[at] !== BACKSLASH) at++;
          if (at === length) break;
          if (chunk[at] === BACKSLASH) isEscaped = true;
          else {
            inString = false;
            handlers.stringEnd(base + at + 1);
          }
          continue;
        }
        const byte = chunk[at]!;
        // whitespace, and the record separator of JSON text sequences (RFC 7464)
        const isSpace = byte === 32 || byte === 10 || byte === 13 || byte === 9 || byte === 30;
        if (!isSpace && byte !== 44 && byte !== 58 && byte !== CLOSE_BRACE && byte !== CLOSE_BRACKET) {
          if (byte === QUOTE || byte === OPEN_BRACE || byte === OPEN_BRACKET) {
            if (inScalar) handlers.scalarEnd(base + at);
            inScalar = false;
            if (byte === QUOTE) {
              inString = true;
              handlers.string(base + at);
            } else {
              if (stack.length === DEEPEST) throw fail(`it is nested more than ${DEEPEST} deep`, base + at);
              handlers.open(byte, base + at);
              stack.push(byte);
            }
          } else if (!inScalar) {
            inScalar = true;
            handlers.scalar(base + at);
          }
          continue;
        }
        if (inScalar) handlers.scalarEnd(base + at);
        inScalar = false;
        if (byte === 10) line++;
        else if (byte === 44) handlers.comma();
        else if (byte === 58) handlers.colon();
        else if (!isSpace) close(byte, base + at);
      }
      if (marked >= 0) keep(chunk.subarray(Math.max(0, marked - base)));
      base += length;
      chunk = chunk.subarray(length);
    },
    end() {
      if (inScalar) handlers.scalarEnd(base);
      inScalar = false;
      if (inString) throw fail("it ends within a string", base);
      if (stack.length > 0) throw fail(`it ends before its last ${stack.at(-1) === OPEN_BRACE ? "}" : "]"}`, base);
    },
  };
}
