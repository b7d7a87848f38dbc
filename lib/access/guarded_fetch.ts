/**
 * Fetching with limits: of time without progress, of size, and of redirects, so that no server can hold a program for ever.
 *
 * @module
 */

import { networkReason } from "../sentences/reasons.ts";

/** What a server may take. */
export interface FetchLimits {
  /**
   * Milliseconds of waiting after which a server that has sent too little is given up.
   *
   * @default {30_000}
   */
  patience?: number | undefined;
  /**
   * Bytes that must come in this time, unless they are the last.
   *
   * @default {32_768}
   */
  leastBytes?: number | undefined;
  /**
   * Redirects that are followed.
   *
   * @default {10}
   */
  redirects?: number | undefined;
  /**
   * Most bytes of an answer that does not tell its size.
   *
   * @default {2 ** 32}
   */
  mostBytes?: number | undefined;
}

type Limits = { readonly [Name in keyof FetchLimits]-?: number };

/** Limits where nothing else is said. */
const usual: Limits = { patience: 30_000, leastBytes: 1 << 15, redirects: 10, mostBytes: 2 ** 32 };

/** Options of {@linkcode guardedFetch}. */
export interface GuardedFetchOptions {
  /** Default: GET. */
  method?: "GET" | "HEAD";
  /** Headers to send. */
  headers?: Record<string, string>;
  /** What the server may take. */
  limits?: FetchLimits | undefined;
  /** Makes an error of what is wrong, which is part of a sentence. */
  fail: (what: string) => Error;
}

/** What a server answers. */
export interface Answer {
  /** The status. */
  readonly status: number;
  /** Whether the status says that all is well. */
  readonly ok: boolean;
  /** The headers. */
  readonly headers: Headers;
  /** Bytes of the body, where the server says so and sends them as they are. */
  readonly size: number | undefined;
  /** The body; reading fails where a limit is exceeded. */
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** Lets go of the body. */
  close(): Promise<void>;
}

/** Fetches what an address answers, within limits. */
export async function guardedFetch(
  address: string,
  { method = "GET", headers = {}, limits: given = {}, fail }: GuardedFetchOptions,
): Promise<Answer> {
  const limits = limitsOf(given);
  const abort = new AbortController();
  const late = () => {
    abort.abort();
    return fail(`the server does not answer within ${seconds(limits.patience)}`);
  };
  const init = { method, headers, signal: abort.signal };
  const answered = followed(address, { init, redirects: limits.redirects, fail });
  const response = await inTime(answered, limits.patience, late);
  const length = response.headers.get("content-length");
  const isPlain = !response.headers.get("content-encoding") && length !== null && /^\d+$/.test(length);
  const size = isPlain ? Number(length) : undefined;
  const body = guardedBody(response, { limits, size, abort, fail });
  return {
    status: response.status,
    ok: response.ok,
    headers: response.headers,
    size,
    body,
    close: () => body.cancel(),
  };
}

function limitsOf(given: FetchLimits): Limits {
  const { patience, leastBytes, redirects, mostBytes } = usual;
  return {
    patience: given.patience ?? patience,
    leastBytes: given.leastBytes ?? leastBytes,
    redirects: given.redirects ?? redirects,
    mostBytes: given.mostBytes ?? mostBytes,
  };
}

const redirections = new Set([301, 302, 303, 307, 308]);

/** The answer at the end of all redirects. */
async function followed(
  address: string,
  { init, redirects, fail }: { init: RequestInit; redirects: number; fail: (what: string) => Error },
): Promise<Response> {
  let url = address;
  for (let count = 0;; count++) {
    const fetched = async (redirect: RequestRedirect) => {
      try {
        return await fetch(url, { ...init, redirect });
      } catch (error) {
        throw fail(networkReason(error));
      }
    };
    const response = await fetched("manual");
    // a browser does not show where to, and follows by itself at most twenty times
    if (response.type === "opaqueredirect") return await fetched("follow");
    const location = response.headers.get("location");
    if (!redirections.has(response.status) || location === null) return response;
    await response.body?.cancel();
    if (count === redirects) throw fail(`it redirects more than ${redirects} times`);
    if (!URL.canParse(location, url)) throw fail("it redirects to what is no address");
    const next = new URL(location, url);
    if (!/^https?:$/.test(next.protocol)) throw fail(`it redirects to an address of ${next.protocol}`);
    url = next.href;
  }
}

/** The body, with the time that is spent waiting for it and the bytes that come counted. */
function guardedBody(
  response: Response,
  { limits, size, abort, fail }: {
    limits: Limits;
    size: number | undefined;
    abort: AbortController;
    fail: (what: string) => Error;
  },
): Answer["body"] {
  const reader = response.body?.getReader();
  const range = response.status === 206 ? /^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "") : null;
  let total = Number(range?.[1] ?? 0);
  // since so many bytes came that count as progress
  let [waited, came] = [0, 0];
  const giveUp = (what: string) => {
    abort.abort();
    return fail(what);
  };
  return new ReadableStream({
    async pull(controller) {
      if (!reader) return controller.close();
      const start = performance.now();
      const reading = reader.read().catch(() => {
        throw giveUp(`the connection broke at byte ${total}`);
      });
      const late = () => giveUp(`the server sent only ${came} bytes in ${seconds(limits.patience)}, at byte ${total}`);
      const { done, value } = await inTime(reading, limits.patience - waited, late);
      if (done) return controller.close();
      waited += performance.now() - start;
      came += value.length;
      total += value.length;
      if (came >= limits.leastBytes) [waited, came] = [0, 0];
      if (size === undefined && total > limits.mostBytes) {
        throw giveUp(`it has more than ${limits.mostBytes.toLocaleString("en")} bytes, and does not say how many`);
      }
      controller.enqueue(value as Uint8Array<ArrayBuffer>);
    },
    async cancel() {
      // what has failed has nothing to let go of
      await reader?.cancel().catch(() => {});
      abort.abort();
    },
  }, { highWaterMark: 0 });
}

/** What comes in time; otherwise the error is thrown, and what comes later is dropped. */
async function inTime<T>(promise: Promise<T>, milliseconds: number, late: () => Error): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timedOut = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), Math.max(0, milliseconds));
  });
  promise.catch(() => {});
  try {
    return await Promise.race([promise, timedOut]);
  } finally {
    clearTimeout(timer);
  }
}

const seconds = (milliseconds: number) => `${Number((milliseconds / 1000).toPrecision(2))} seconds`;
