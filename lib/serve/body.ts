/**
 * The body of a request, as far as it may be read: so many bytes, so long, of one kind of text.
 *
 * @module
 */

import { RequestError } from "./work.ts";

/** How much of a body is waited for. */
export interface BodyLimits {
  /** Most bytes. */
  readonly bytes: number;
  /** Milliseconds until its end. */
  readonly patience: number;
}

/** What is not read to its end is not followed by another request. */
const CLOSE = { connection: "close" };

/**
 * The body of a request as text.
 *
 * @throws {RequestError} with status 408, 413, 415 or 400.
 */
export async function readBody(request: Request, kind: string, limits: BodyLimits): Promise<string> {
  checkKind(request, kind);
  const declared = Number(request.headers.get("content-length") ?? 0);
  if (declared > limits.bytes) throw tooLarge(limits);
  const bytes = await bytesOf(request, limits);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new RequestError("The body is not UTF-8");
  }
}

const tooLarge = ({ bytes }: BodyLimits) =>
  new RequestError(`The body is larger than ${bytes} bytes: send fewer or shorter texts`, 413, CLOSE);

function checkKind({ headers }: Request, kind: string): void {
  const [found = "", ...parameters] = (headers.get("content-type") ?? "").toLowerCase().split(";").map((part) =>
    part.trim()
  );
  if (found !== kind) {
    const what = found === "" ? "no content-type" : "another content-type";
    throw new RequestError(`The request has ${what}: send ${kind}`, 415);
  }
  const [, charset = "utf-8"] = parameters.map((part) => /^charset="?([^"]*)"?$/.exec(part)).find((match) => match) ??
    [];
  if (!/^utf-?8$/.test(charset)) throw new RequestError("The body must be in UTF-8, and says that it is not", 415);
  const encoding = headers.get("content-encoding") ?? "identity";
  if (encoding.toLowerCase() !== "identity") {
    throw new RequestError("Compressed bodies are not read: send it without content-encoding", 415);
  }
}

async function bytesOf({ body }: Request, limits: BodyLimits): Promise<Uint8Array<ArrayBuffer>> {
  if (!body) return new Uint8Array();
  const reader = body.getReader();
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const seconds = limits.patience / 1000;
    late.reject(new RequestError(`The body did not come within ${seconds} seconds`, 408, CLOSE));
  }, limits.patience);
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    while (true) {
      const { value, done } = await Promise.race([reader.read(), late.promise]);
      if (done) break;
      size += value.length;
      if (size > limits.bytes) throw tooLarge(limits);
      parts.push(value);
    }
  } catch (error) {
    // what has not been read need not come
    reader.cancel().catch(() => {});
    if (error instanceof RequestError) throw error;
    throw new RequestError("The body broke off");
  } finally {
    clearTimeout(timer);
  }
  const bytes = new Uint8Array(size);
  parts.reduce((at, part) => (bytes.set(part, at), at + part.length), 0);
  return bytes;
}

/**
 * Text as JSON.
 *
 * @throws {RequestError} that says where it is none.
 */
export function parseJson(text: string): unknown {
  if (text.trim() === "") throw new RequestError("The body is empty: send a JSON object");
  try {
    return JSON.parse(text);
  } catch (error) {
    const { message } = error as Error;
    const place = Number(/at position (\d+)/.exec(message)?.[1] ?? NaN);
    const isEarly = /end of JSON|unterminated/i.test(message) || place >= text.trimEnd().length;
    const where = isEarly ? ": it ends too early" : Number.isNaN(place) ? "" : `, from character ${place + 1} on`;
    throw new RequestError(`The body is not JSON${where}`);
  }
}
