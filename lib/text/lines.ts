/**
 * Lines of bytes in bounded memory, with their offsets.
 *
 * @module
 */

import { byteGatherer, concatenated } from "./byte_reader.ts";
import { latinAdvice } from "./encoding_advice.ts";
import { type BadRecords, BrokenDataError, type ByteSource } from "./source.ts";

/** Longest record of JSON lines or CSV, in bytes. */
export const LONGEST_RECORD = 1 << 26;

/** Bytes that are looked through at once. */
const CHUNK = 1 << 16;

/** How far after a wanted cut a line break is looked for, in bytes. */
const LONGEST_SEARCH = 1 << 20;

/** A line, or a piece of a long one. */
export interface Line {
  readonly bytes: Uint8Array;
  /** Offset of its first byte in the source. */
  readonly start: number;
  /** End, exclusive, of it and its line break. */
  readonly next: number;
  /** Whether the line begins here. */
  readonly isFirst: boolean;
  /** Whether the line ends here. */
  readonly isWhole: boolean;
  /** Where it is, for error messages. */
  readonly place: string;
}

/** Lines of bytes in bounded memory; broken data counts as one record, and nothing follows it. */
export async function* linesOf(
  source: ByteSource,
  { start, end, longest, bad }: { start: number; end: number | undefined; longest: number; bad: BadRecords },
): AsyncGenerator<Line> {
  // a line that goes on stays in pieces until it ends: joined at each of them, its bytes would be copied again and again
  const rest = byteGatherer();
  let offset = start;
  let number = 1;
  let isFirst = true;
  // bytes of a record that is too long to be one
  let dropped = 0;
  const place = () => start === 0 ? `line ${number}` : `byte ${offset}`;
  const line = (bytes: Uint8Array, breaks: number): Line => {
    const next = offset + bytes.length + breaks;
    const made = { bytes, start: offset, next, isFirst, isWhole: breaks > 0, place: place() };
    offset = next;
    isFirst = breaks > 0;
    if (breaks > 0) number++;
    return made;
  };
  const drop = () => {
    bad.skip(`Cannot use ${source.name}, ${place()}: it is longer than ${longest} bytes`, `${source.name} ${offset}`);
    dropped = rest.take().length;
  };
  try {
    for await (const chunk of chunksOf(source.stream(start, end))) {
      let at = 0;
      for (let newline = chunk.indexOf(10); newline >= 0; newline = chunk.indexOf(10, at)) {
        const piece = chunk.subarray(at, newline);
        at = newline + 1;
        if (dropped === 0) yield line(rest.length === 0 ? piece : rest.take(piece), 1);
        else {
          offset += dropped + piece.length + 1;
          number++;
          dropped = 0;
        }
      }
      if (dropped > 0) dropped += chunk.length - at;
      else rest.add(chunk.slice(at));
      while (rest.length > longest) {
        if (longest >= LONGEST_RECORD) drop();
        else {
          const bytes = rest.take();
          const cut = cutWithin(bytes, longest);
          yield line(bytes.subarray(0, cut), 0);
          rest.add(bytes.subarray(cut));
        }
      }
    }
  } catch (error) {
    // of a line that breaks off nothing is text
    return skipBroken(error, bad);
  }
  // the last line may lack its break; that of an empty one is no line
  if (rest.length > 0) yield { ...line(rest.take(), 0), isWhole: true };
}

/**
 * Counts what is left of broken data as one record that cannot be read; throws every other error again.
 *
 * @throws {SyntaxError} if there are too many such records.
 */
export function skipBroken(error: unknown, bad: BadRecords): void {
  if (!(error instanceof BrokenDataError)) throw error;
  bad.skip(error.message, error.place);
}

/** Bytes in chunks of at most 64 KiB: some streams hand out everything at once. */
async function* chunksOf(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) {
    for (let at = 0; at < chunk.length; at += CHUNK) yield chunk.subarray(at, at + CHUNK);
  }
}

/** An offset up to `most`: after a space, or else between two characters. */
function cutWithin(bytes: Uint8Array, most: number): number {
  const space = bytes.lastIndexOf(32, most - 1);
  if (space > most / 2) return space + 1;
  let cut = most;
  while (cut > 0 && (bytes[cut]! & 0xc0) === 0x80) cut--;
  return cut > 0 ? cut : most;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text of a line; undefined if it is no UTF-8 and may be skipped. */
export function decodeLine(
  { bytes, start, place, isWhole }: Line,
  source: ByteSource,
  bad: BadRecords,
): string | undefined {
  let length = bytes.length;
  if (isWhole && length > 0 && bytes[length - 1] === 13) length--;
  const begin = start === 0 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  try {
    return decoder.decode(bytes.subarray(begin, length));
  } catch {
    const offset = start + begin + firstInvalid(bytes.subarray(begin, length));
    const { name, encodingAdvice = latinAdvice(bytes) } = source;
    bad.skip(
      `Cannot read ${name} as UTF-8: invalid byte at offset ${offset} (${place})${encodingAdvice}`,
      `${name} ${start}`,
    );
    return undefined;
  }
}

/** Index of the first byte that belongs to no character. */
export function firstInvalid(bytes: Uint8Array): number {
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
  // what shows first is the byte after an unfinished character
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
 * The offset after the first line break from the wanted one on, however far that is; where the last record goes over it, the
 * offset of that record. The end where there is only one record.
 */
export async function cutAtRecord(source: ByteSource, wanted: number): Promise<number> {
  let offset = wanted;
  for await (const chunk of source.stream(wanted, source.size)) {
    const newline = chunk.indexOf(10);
    offset += newline < 0 ? chunk.length : newline + 1;
    if (newline >= 0 && offset !== source.size) return offset;
  }
  for (let end = wanted; end > 0;) {
    const start = Math.max(0, end - CHUNK);
    const newline = concatenated(await Array.fromAsync(source.stream(start, end))).lastIndexOf(10);
    if (newline >= 0) return start + newline + 1;
    end = start;
  }
  return offset;
}

/**
 * The offset after the first line break (or blank line) from the wanted one on, or one between two characters if the line is
 * long.
 */
export async function cutAtLine(source: ByteSource, wanted: number, wantsBlank = false): Promise<number> {
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
