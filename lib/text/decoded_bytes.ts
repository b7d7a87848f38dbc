/**
 * Bytes of a stream as text, at once: what is no UTF-8 is refused in the sentence that files get.
 *
 * @module
 */

import { latinAdvice } from "./encoding_advice.ts";
import { firstInvalid } from "./lines.ts";

/**
 * Text of bytes that come in chunks, whose characters may be parted anywhere.
 *
 * @param name Where they come from, for people.
 * @throws {SyntaxError} that names the first byte that is no UTF-8.
 */
export async function* decodedBytes(
  chunks: AsyncIterable<Uint8Array<ArrayBuffer>>,
  name: string,
): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  // the beginning of a character that a chunk ended in
  let held = new Uint8Array(0);
  let [offset, line] = [0, 1];
  const decode = (bytes: Uint8Array<ArrayBuffer>) => {
    try {
      return decoder.decode(bytes);
    } catch {
      const at = firstInvalid(bytes);
      const [begin, end] = [bytes.lastIndexOf(10, at) + 1, bytes.indexOf(10, at)];
      const place = `line ${(line + linesIn(bytes.subarray(0, at))).toLocaleString("en")}`;
      const advice = latinAdvice(bytes.subarray(begin, end < 0 ? bytes.length : end));
      throw new SyntaxError(`Cannot read ${name} as UTF-8: invalid byte at offset ${offset + at} (${place})${advice}`);
    }
  };
  for await (const chunk of chunks) {
    const bytes = held.length === 0 ? chunk : joined(held, chunk);
    const end = wholeCharacters(bytes);
    yield decode(bytes.subarray(0, end));
    [held, offset] = [bytes.slice(end), offset + end];
    line += linesIn(bytes.subarray(0, end));
  }
  if (held.length > 0) yield decode(held);
}

function linesIn(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) count++;
  return count;
}

/** Bytes of what is left without a character that is not whole at the end. */
function wholeCharacters(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!;
    if ((byte & 0xc0) === 0x80) continue;
    const size = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return size > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}
