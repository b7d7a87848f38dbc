/**
 * Sources of text for tests.
 */
import { type TextOptions, textSource } from "../../lib/text/text_source.ts";
import { BadRecords, type ByteSource, type TextSource } from "../../lib/text/source.ts";

/** Bytes as a source that hands them out in pieces of the given size. */
export function bytesSource(name: string, given: Uint8Array | string, piece = 1 << 16): ByteSource & { size: number } {
  const bytes = typeof given === "string" ? new TextEncoder().encode(given) : given;
  return {
    name,
    size: bytes.length,
    stream: (start, end = bytes.length) =>
      ReadableStream.from((function* () {
        for (let at = start; at < end; at += piece) yield new Uint8Array(bytes.slice(at, Math.min(end, at + piece)));
      })()),
  };
}

/** The texts of a file, from a place on; by default nothing may be skipped. */
export async function textsIn(
  name: string,
  bytes: Uint8Array | string,
  { start = 0, bad = new BadRecords(), piece, ...options }:
    & { start?: number; bad?: BadRecords; piece?: number }
    & TextOptions = {},
): Promise<string[]> {
  const source = await textSource(bytesSource(name, bytes, piece), options);
  return (await passagesOf(source, { start, bad })).map(({ text }) => text);
}

/** All passages of a source. */
export async function passagesOf(source: TextSource, { start = 0, bad = new BadRecords() } = {}) {
  return await Array.fromAsync(source.read({ start, end: source.size, bad }));
}

/** Runs a test while nothing may get past it: no rejection and no error that nobody catches. */
export async function withoutEscapes(run: () => Promise<void>): Promise<void> {
  const escaped: unknown[] = [];
  const note = (event: Event) => {
    event.preventDefault();
    escaped.push("reason" in event ? event.reason : (event as ErrorEvent).error);
  };
  globalThis.addEventListener("unhandledrejection", note);
  globalThis.addEventListener("error", note);
  try {
    await run();
    await new Promise((resolve) => setTimeout(resolve, 10));
  } finally {
    globalThis.removeEventListener("unhandledrejection", note);
    globalThis.removeEventListener("error", note);
  }
  if (escaped.length > 0) throw new Error(`${escaped.length} errors got past the caller, the first: ${escaped[0]}`);
}
