/**
 * Corpora: text as a stream of lines, cut into a part to train on and a part to validate on, in bounded memory.
 *
 * @module
 */

import { TextLineStream } from "@std/streams";

/** The two parts of a corpus. */
export type CorpusPart = "training" | "validation";

/** Text to train on. */
export interface Corpus {
  /** For people: where the text comes from. */
  readonly name: string;
  /** For people: how much there is. */
  readonly description: string;
  /** Whether the training part never ends. */
  readonly endless: boolean;
  /** Lines of a part, without their line breaks, from line number `from` on (0 is the first). */
  lines(part: CorpusPart, from?: number): AsyncIterable<string>;
}

/** Bytes that can be read from any place; a `Blob` or `File` is nearly one. */
export interface ByteSource {
  /** For error messages. */
  readonly name: string;
  /** Number of bytes. */
  readonly size: number;
  /** Bytes start ... end - 1. */
  stream(start: number, end: number): ReadableStream<Uint8Array<ArrayBuffer>>;
}

/** Share of a corpus that is trained on; the rest validates. */
const TRAINING_SHARE = 0.9;

/** How far behind the 90 % mark a line break is looked for. */
const LONGEST_SEARCH = 1 << 20;

/** A string as bytes, UTF-8. */
export function stringSource(name: string, text: string): ByteSource {
  const blob = new Blob([text]);
  return { name, size: blob.size, stream: (start, end) => blob.slice(start, end).stream() };
}

/**
 * A corpus of UTF-8 text, source after source. The first 90 % of the bytes, up to the next line break, are for
 * training, the rest for validation.
 *
 * @throws {RangeError} if there is no text.
 *
 * @example
 * ```ts
 * import { stringSource, textCorpus } from "@cloze/mlm";
 *
 * const corpus = await textCorpus([stringSource("poem", "one\ntwo\nthree\nfour\n")]);
 * for await (const line of corpus.lines("training")) console.log(line);
 * ```
 */
export async function textCorpus(sources: readonly ByteSource[]): Promise<Corpus> {
  const total = sources.reduce((sum, source) => sum + source.size, 0);
  const name = sources.length === 1 ? sources[0]!.name : `${sources.length} files`;
  if (total === 0) {
    const what = sources.length === 0 ? "no file was given" : `${name} ${sources.length === 1 ? "is" : "are"} empty`;
    throw new RangeError(`Cannot train without text: ${what}`);
  }
  const split = await splitPlace(sources, Math.floor(total * TRAINING_SHARE));
  const ranges: Record<CorpusPart, readonly Range[]> = { training: [], validation: [] };
  ranges.training = sources.slice(0, split.source + 1).map((source, i) => ({
    source,
    start: 0,
    end: i === split.source ? split.offset : source.size,
  }));
  ranges.validation = sources.slice(split.source).map((source, i) => ({
    source,
    start: i === 0 ? split.offset : 0,
    end: source.size,
  }));
  return {
    name,
    description: `${total.toLocaleString("en")} bytes`,
    endless: false,
    lines: (part, from = 0) => linesOf(ranges[part], from),
  };
}

interface Range {
  readonly source: ByteSource;
  readonly start: number;
  readonly end: number;
}

async function* linesOf(ranges: readonly Range[], from: number): AsyncGenerator<string> {
  let line = 0;
  for (const { source, start, end } of ranges) {
    if (start >= end) continue;
    const lines = source.stream(start, end).pipeThrough(utf8Decoder(source.name, start)).pipeThrough(
      new TextLineStream(),
    );
    for await (const text of lines) {
      if (line++ >= from) yield text;
    }
  }
}

/** Like TextDecoderStream, but an invalid byte is reported with its place. */
function utf8Decoder(name: string, start: number): TransformStream<Uint8Array<ArrayBuffer>, string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let offset = start;
  const fail = (at: number) => new SyntaxError(`Cannot read ${name} as UTF-8: invalid byte near offset ${at}`);
  return new TransformStream({
    transform(chunk, controller) {
      try {
        controller.enqueue(decoder.decode(chunk, { stream: true }));
      } catch {
        throw fail(offset + firstInvalid(chunk));
      }
      offset += chunk.length;
    },
    flush(controller) {
      try {
        controller.enqueue(decoder.decode());
      } catch {
        throw fail(offset);
      }
    },
  });
}

/** Index of the first byte that cannot be decoded, apart from a character that the chunk's beginning cuts. */
function firstInvalid(chunk: Uint8Array<ArrayBuffer>): number {
  const begin = chunk.findIndex((byte) => (byte & 0xc0) !== 0x80);
  let low = Math.max(0, begin);
  let high = chunk.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    try {
      new TextDecoder("utf-8", { fatal: true }).decode(chunk.subarray(Math.max(0, begin), middle + 1), {
        stream: true,
      });
      low = middle + 1;
    } catch {
      high = middle;
    }
  }
  return low;
}

/** Where to cut: behind the first line break after `target` bytes, or between two characters if the line is very long. */
async function splitPlace(
  sources: readonly ByteSource[],
  target: number,
): Promise<{ source: number; offset: number }> {
  let before = 0;
  for (const [index, source] of sources.entries()) {
    if (before + source.size <= target && index < sources.length - 1) {
      before += source.size;
      continue;
    }
    const start = Math.max(0, target - before);
    let offset = start;
    let boundary = -1;
    for await (const chunk of source.stream(start, Math.min(source.size, start + LONGEST_SEARCH))) {
      const newline = chunk.indexOf(10);
      if (newline >= 0) return { source: index, offset: offset + newline + 1 };
      if (boundary < 0) {
        const first = chunk.findIndex((byte) => (byte & 0xc0) !== 0x80);
        if (first >= 0) boundary = offset + first;
      }
      offset += chunk.length;
    }
    return { source: index, offset: boundary < 0 ? source.size : boundary };
  }
  throw new RangeError("Cannot split an empty list of sources");
}
