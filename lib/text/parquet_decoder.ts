/**
 * Decoding parquet files in a thread of its own, which is given up where it takes too long or too much memory: broken files may keep
 * a decoder busy for ever. Those that are known to do so are found before, for an engine ends a thread only where it comes up for air.
 *
 * @module
 */

import { mayLoad } from "../access/may_load.ts";
import { answerParquet, type ParquetAnswer, type ParquetRequest, type Rows, type Slice } from "./parquet_rows.ts";
import type { FromDecoder, ToDecoder } from "./parquet_worker.ts";

/** What a decoder may take. */
export interface DecoderLimits {
  /** Milliseconds of computing. */
  readonly patience: number;
  /** Bytes of memory. */
  readonly memory: number;
}

/** How many times their size bytes are believed to unpack to: gzip's most. */
const MOST_UNPACKED = 1032;

/** Memory that any decoding may take: collecting garbage lags behind, and the rest of the program works on. */
const ALWAYS = 1 << 30;
/** Bytes that a row may take beside its text. */
const ROW = 400;

/** Limits for so many bytes that were handed out, for rows of which a column may be one piece. */
function limitsFor(bytes: number, rows: Rows | undefined): DecoderLimits {
  const text = Math.max(bytes, Math.min(rows?.unpacked ?? 0, MOST_UNPACKED * bytes));
  const memory = ALWAYS + 12 * bytes + 8 * text + ROW * (rows ? rows.last - rows.first : 0);
  return { patience: 6000 + text / 2000, memory };
}

/** Milliseconds between two looks at time and memory. */
const LOOK = 20;
/** Milliseconds that an idle thread waits for more. */
const IDLE = 500;

let idle: { worker: Worker; timer: ReturnType<typeof setTimeout> } | undefined;

/**
 * Answers a request, in a thread where there are any.
 *
 * @throws {SyntaxError} if the file has no such column, or cannot be read at all.
 * @throws {Error} with what is wrong with the rows.
 */
export async function decodeParquet(
  request: ParquetRequest,
  slice: Slice,
  limits: typeof limitsFor = limitsFor,
): Promise<ParquetAnswer> {
  const worker = await takeWorker();
  if (!worker) return await answerParquet(request, slice);
  let isGood = false;
  try {
    const result = await asked(worker, { request, slice, limits });
    isGood = true;
    if ("answer" in result) return result.answer;
    throw result.isSyntax ? new SyntaxError(result.problem) : new Error(result.problem);
  } finally {
    if (isGood) giveBack(worker);
    else worker.terminate();
  }
}

type Result = Extract<FromDecoder, { answer: ParquetAnswer } | { problem: string }>;

/** Asks the thread, hands out bytes, and looks after it. */
function asked(
  worker: Worker,
  { request, slice, limits }: { request: ParquetRequest; slice: Slice; limits: typeof limitsFor },
): Promise<Result> {
  const { promise, resolve, reject } = Promise.withResolvers<Result>();
  const before = memoryInUse();
  let bytes = 0;
  let reading = 0;
  // only the time counts in which the thread has all that it asked for
  let busy = 0;
  const post = (message: ToDecoder) => worker.postMessage(message);
  // wishes are answered in their order
  let order = Promise.resolve();
  worker.onmessage = ({ data }: MessageEvent<FromDecoder>) => {
    if ("answer" in data || "problem" in data) return resolve(data);
    if (!("slice" in data)) return;
    const [start, end] = data.slice;
    reading++;
    order = order.then(() => slice(start, end)).then((part) => {
      bytes += part.byteLength;
      reading--;
      worker.postMessage({ bytes: part } satisfies ToDecoder, [part]);
    }).catch((error) => {
      // what is wrong with the file's place is told as it is
      reject(error);
      post({ failed: true });
    });
  };
  worker.onerror = (event) => {
    event.preventDefault();
    reject(new Error("its decoder failed"));
  };
  const timer = setInterval(() => {
    const { patience, memory } = limits(bytes, request.rows);
    if (reading === 0) busy += LOOK;
    const rows = request.rows ? "these rows take" : "what it says of its rows takes";
    if (busy > patience) reject(new Error(`${rows} more than ${Math.round(patience / 100) / 10} seconds to decode`));
    if (memoryInUse() - before > memory) {
      reject(new Error(`${rows} more than ${Math.round(memory / 1e6)} MB to decode`));
    }
  }, LOOK);
  post({ request });
  return promise.finally(() => {
    clearInterval(timer);
    worker.onmessage = worker.onerror = null;
  });
}

/** Bytes that the program has in memory; 0 where that cannot be asked. */
function memoryInUse(): number {
  return typeof Deno === "undefined" ? 0 : Deno.memoryUsage().rss;
}

/** An idle thread or a new one; undefined where there are none. */
function takeWorker(): Promise<Worker | undefined> {
  if (idle) {
    const { worker, timer } = idle;
    clearTimeout(timer);
    idle = undefined;
    return Promise.resolve(worker);
  }
  const module = new URL("./parquet_worker.ts", import.meta.url);
  if (typeof Worker === "undefined" || !mayLoad(module)) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    let worker: Worker;
    try {
      worker = new Worker(module, { type: "module" });
    } catch {
      return resolve(undefined);
    }
    worker.onmessage = () => resolve(worker);
    worker.onerror = (event) => {
      event.preventDefault();
      worker.terminate();
      resolve(undefined);
    };
  });
}

function giveBack(worker: Worker): void {
  if (idle) return worker.terminate();
  const timer = setTimeout(() => {
    idle = undefined;
    worker.terminate();
  }, IDLE);
  idle = { worker, timer };
}
