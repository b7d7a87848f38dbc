/**
 * Encodings other than UTF-8: UTF-16 is read, others are named where their bytes leave no doubt.
 *
 * @module
 */

import { byteRange, type Bytes } from "./byte_reader.ts";
import { BrokenDataError, type ByteSource } from "./source.ts";

/** The two orders of bytes in UTF-16. */
export type Utf16 = "utf-16le" | "utf-16be";

/** UTF-16 or UTF-32 by the first bytes: by a byte-order mark, or where nothing else can be meant. */
export function wideEncodingOf(head: Bytes): Utf16 | "utf-32" | undefined {
  const [a, b, c, d] = head;
  if (a === 0xff && b === 0xfe && c === 0 && d === 0 && head.length % 4 === 0) return "utf-32";
  if (a === 0 && b === 0 && c === 0xfe && d === 0xff) return "utf-32";
  if (a === 0xff && b === 0xfe) return "utf-16le";
  if (a === 0xfe && b === 0xff) return "utf-16be";
  if (!head.includes(0)) return undefined;
  if (head.length >= 8 && isUtf32(head)) return "utf-32";
  return (["utf-16le", "utf-16be"] as const).find((encoding) => isUtf16(head, encoding));
}

/** Most of what a text without a mark is looked at, in bytes. */
const SAMPLE = 1 << 14;

/** Characters that no text has: controls, halves of pairs, and what has no meaning. */
const noText = /[^\P{C}\t\n\r\f\p{Cf}]/u;

function isUtf16(head: Bytes, encoding: Utf16): boolean {
  const sample = head.subarray(0, Math.min(SAMPLE, head.length & ~1));
  if (sample.length < 4) return false;
  let text: string;
  try {
    text = new TextDecoder(encoding, { fatal: true }).decode(sample, { stream: true });
  } catch {
    return false;
  }
  if (noText.test(text)) return false;
  // the other order makes rare characters of letters, spaces and line breaks
  const common = text.match(/[\p{ASCII}\u3000-\u30ff]/gu)?.length ?? 0;
  return common >= text.length / 20 && common > 1;
}

function isUtf32(head: Bytes): boolean {
  const count = Math.min(SAMPLE, head.length) >> 2;
  const view = new DataView(head.buffer, head.byteOffset);
  return [true, false].some((isLittle) => {
    for (let i = 0; i < count; i++) {
      const code = view.getUint32(4 * i, isLittle);
      if (code === 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
    }
    return true;
  });
}

/** UTF-16 as UTF-8. Halves of surrogate pairs that stand alone become U+FFFD; a mark at the beginning is dropped. */
export function fromUtf16(source: ByteSource, encoding: Utf16): ByteSource {
  return {
    name: source.name,
    size: undefined,
    stream: (start, end) => ReadableStream.from(byteRange(transcoded(source, encoding), { start, end })),
  };
}

async function* transcoded(source: ByteSource, encoding: Utf16): AsyncGenerator<Bytes> {
  const decoder = new TextDecoder(encoding);
  const encoder = new TextEncoder();
  let length = 0;
  for await (const chunk of source.stream(0)) {
    length += chunk.length;
    const text = decoder.decode(chunk, { stream: true });
    if (text !== "") yield encoder.encode(text);
  }
  if (length % 2 === 1) {
    throw new BrokenDataError(`Cannot read ${source.name} as UTF-16: it ends within a character, at byte ${length}`, {
      source: source.name,
      offset: length,
    });
  }
  const rest = decoder.decode();
  if (rest !== "") yield encoder.encode(rest);
}

/** Old Mac line ends: carriage returns become line breaks, byte by byte. */
export function fromReturns(source: ByteSource): ByteSource {
  const mapped = (chunk: Bytes) => chunk.includes(13) ? chunk.map((byte) => byte === 13 ? 10 : byte) : chunk;
  return {
    name: source.name,
    size: source.size,
    stream: (start, end) =>
      ReadableStream.from((async function* () {
        for await (const chunk of source.stream(start, end)) yield mapped(chunk);
      })()),
  };
}
