/**
 * Addresses as byte sources.
 *
 * @module
 */

import { type Answer, type FetchLimits, guardedFetch } from "../access/guarded_fetch.ts";
import { byteReader, type Bytes } from "./byte_reader.ts";
import type { ByteSource } from "./source.ts";

/** What is known of an address from the first answer on. */
interface Resource {
  readonly address: string;
  readonly size: number | undefined;
  /** What tells this version of it; undefined where the server does not say. */
  readonly version: string | undefined;
  readonly limits: FetchLimits | undefined;
}

const failing = (address: string) => (what: string) => new RangeError(`Cannot read ${address}: ${what}`);

/**
 * What an http or https address answers. An offset within it is asked for by a range; where the server has none,
 * everything before it is read and left. A server that sends nothing, too slowly, without an end or something else than before is
 * given up.
 *
 * @throws {RangeError} if the server does not answer with it.
 */
export async function urlSource(
  address: string,
  { limits }: { limits?: FetchLimits | undefined } = {},
): Promise<ByteSource> {
  const head = await answerOf(address, { method: "HEAD", limits });
  await head.close();
  const resource = { address, limits, size: head.size, version: versionIn(head) };
  return {
    // what follows the path does not tell what it is
    name: address.replace(/[?#].*$/, ""),
    size: head.size,
    stream: (start, end) => ReadableStream.from(rangeOf(resource, start, end)),
  };
}

async function answerOf(
  address: string,
  options: { method?: "HEAD"; headers?: Record<string, string>; limits: FetchLimits | undefined },
): Promise<Answer> {
  const fail = failing(address);
  const answer = await guardedFetch(address, { ...options, fail });
  if (answer.ok) return answer;
  await answer.close();
  throw fail(`the server answers with status ${answer.status}`);
}

/** A tag that means the same bytes; weak ones mean the same for people. */
function versionIn({ headers }: Answer): string | undefined {
  const tag = headers.get("etag");
  return tag?.startsWith('"') ? tag : undefined;
}

async function* rangeOf(
  resource: Resource,
  start: number,
  end: number | undefined,
): AsyncGenerator<Bytes> {
  if (end !== undefined && start >= end) return;
  const { address, size, limits } = resource;
  const range = `bytes=${start}-${end === undefined ? "" : end - 1}`;
  const answer = await answerOf(address, {
    limits,
    ...(start === 0 && end === undefined ? {} : { headers: { range } }),
  });
  const reader = byteReader(answer.body);
  let at = answer.status === 206 ? start : 0;
  try {
    checkSame(answer, { resource, start });
    while (end === undefined || at < end) {
      const bytes = await reader.some();
      if (bytes === undefined) {
        const wanted = Math.min(end ?? Infinity, size ?? 0);
        if (at < wanted) throw failing(address)(`it ends at byte ${at}, though it has ${size}`);
        return;
      }
      const most = (end ?? Infinity) - at;
      const piece = bytes.subarray(Math.max(0, start - at), Math.max(0, Math.min(bytes.length, most)));
      at += bytes.length;
      if (piece.length > 0) yield piece;
    }
  } finally {
    await reader.close();
  }
}

/**
 * Compares an answer with the first one.
 *
 * @throws {RangeError} if it is of something else, or of other bytes than were asked for.
 */
function checkSame(answer: Answer, { resource, start }: { resource: Resource; start: number }): void {
  const { address, size, version } = resource;
  const fail = failing(address);
  const [, first, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(answer.headers.get("content-range") ?? "") ?? [];
  const isPart = answer.status === 206;
  if (isPart && first !== undefined && Number(first) !== start) {
    throw fail(`the server answers with byte ${first} on, not with byte ${start}`);
  }
  const now = !isPart ? answer.size : total === undefined || total === "*" ? undefined : Number(total);
  if (size !== undefined && now !== undefined && now !== size) {
    throw fail(`it has changed since it was opened: it had ${size} bytes, now it has ${now}`);
  }
  const other = versionIn(answer);
  if (version !== undefined && other !== undefined && other !== version) {
    throw fail("it has changed since it was opened");
  }
}
