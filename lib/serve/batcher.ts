/**
 * A queue before a model: what arrives while the device is busy goes through it together.
 *
 * @module
 */

import { type BatchLimits, type Chosen, takeBatch, type Waiting } from "./batches.ts";
import { type Outcome, RequestError, type Task, type Work, type WorkWindow } from "./work.ts";

/** A batch for the device. */
export interface BatchRun {
  /** What is done. */
  readonly task: Task;
  /** Tokens of each sequence with its padding. */
  readonly length: number;
  /** The sequences. */
  readonly windows: readonly WorkWindow[];
}

/** What a batch came to. */
export interface BatchFigures extends BatchRun {
  /** Requests that had a part in it. */
  readonly requests: number;
  /** Seconds that it took. */
  readonly seconds: number;
}

/** What a queue is made of. */
export interface BatcherOptions {
  /** Runs a batch. */
  readonly run: (batch: BatchRun) => Promise<Outcome[]>;
  /** How large batches are. */
  readonly limits: BatchLimits;
  /** Most requests that wait or are under way. */
  readonly mostRequests: number;
  /** Most tokens that wait, unless there is one request alone. */
  readonly mostTokens: number;
  /** Is told of every batch. */
  readonly observe?: ((figures: BatchFigures) => void) | undefined;
}

/** A queue before a model. */
export interface Batcher {
  /**
   * Does work, its turn coming as often as that of others.
   *
   * @throws {RequestError} with status 429 if too much waits.
   */
  submit<Result>(work: Work<Result>, signal?: AbortSignal): Promise<Result[]>;
  /** What waits or is under way. */
  readonly load: { readonly requests: number; readonly tokens: number };
  /** Seconds after which there may be room again. */
  readonly retryAfter: number;
  /** Ends once nothing is left to do. */
  idle(): Promise<void>;
}

/** Work that waits for its end. */
interface Job extends Waiting {
  readonly work: Work<unknown>;
  /** Sequences that have not come back. */
  missing: number;
  readonly end: PromiseWithResolvers<void>;
}

/** Milliseconds that clients who were served together have to ask again before the first of them goes alone. */
const LINGER = 4;
/** Seconds after which it is worth asking again, at least and at most. */
const [SOON, LATE] = [1, 60];
/** Weight of the last batch in what is known of the speed. */
const NEW_SHARE = 0.1;

/** An empty queue. */
export function createBatcher({ run, limits, mostRequests, mostTokens, observe }: BatcherOptions): Batcher {
  const queue: Job[] = [];
  const load = { requests: 0, tokens: 0 };
  let working: Promise<void> | undefined;
  let speed: number | undefined;

  const tokensOf = (windows: readonly WorkWindow[]) => windows.reduce((sum, { ids }) => sum + ids.length, 0);
  const retryAfter = () => Math.ceil(Math.min(LATE, Math.max(SOON, speed === undefined ? 0 : load.tokens / speed)));

  /** Takes a job out of the queue. */
  const leave = (job: Job) => {
    const at = queue.indexOf(job);
    if (at >= 0) queue.splice(at, 1);
  };

  async function runBatch({ task, length, members }: Chosen<Job>): Promise<number> {
    const windows = members.map(({ job, window }) => job.windows[window]!);
    const requests = new Set(members.map(({ job }) => job));
    const began = performance.now();
    try {
      const outcomes = await run({ task, length, windows });
      for (const [i, { job, window }] of members.entries()) give(job, window, outcomes[i]!);
    } catch (error) {
      for (const job of requests) fail(job, error);
    }
    const seconds = (performance.now() - began) / 1000;
    const now = tokensOf(windows) / Math.max(1e-6, seconds);
    speed = speed === undefined ? now : (1 - NEW_SHARE) * speed + NEW_SHARE * now;
    observe?.({ task, length, windows, requests: requests.size, seconds });
    return requests.size;
  }

  function give(job: Job, window: number, outcome: Outcome): void {
    // of what failed nothing is wanted any more
    if (job.missing === 0) return;
    try {
      job.work.take(window, outcome);
      if (--job.missing === 0) job.end.resolve();
    } catch (error) {
      fail(job, error);
    }
  }

  function fail(job: Job, error: unknown): void {
    leave(job);
    job.left = [];
    job.missing = 0;
    job.end.reject(error);
  }

  async function workOff(): Promise<void> {
    // a turn of the event loop, in which what has arrived together comes in
    await pause(0);
    while (queue.length > 0) {
      const [first] = queue as [Job];
      const served = await runBatch(takeBatch(queue, limits));
      // whoever has led a batch goes behind the others
      leave(first);
      if (first.left.length > 0) queue.push(first);
      for (const job of queue.filter(({ left }) => left.length === 0)) leave(job);
      const end = performance.now() + LINGER;
      do await pause(0); while (served > 1 && queue.length < served && performance.now() < end);
    }
    working = undefined;
  }

  return {
    load,
    get retryAfter() {
      return retryAfter();
    },
    async submit<Result>(work: Work<Result>, signal?: AbortSignal): Promise<Result[]> {
      const tokens = tokensOf(work.windows);
      if (load.requests >= mostRequests || (load.requests > 0 && load.tokens + tokens > mostTokens)) {
        throw tooMuch(retryAfter());
      }
      if (work.windows.length === 0) return work.results();
      const byLength = [...work.windows.keys()].sort((a, b) =>
        work.windows[b]!.ids.length - work.windows[a]!.ids.length || a - b
      );
      const { task, windows } = work;
      const job: Job = { work, task, windows, left: byLength, missing: windows.length, end: Promise.withResolvers() };
      const goAway = () => fail(job, new RequestError("Whoever asked has gone away", GONE_AWAY));
      load.requests++;
      load.tokens += tokens;
      signal?.addEventListener("abort", goAway);
      try {
        if (signal?.aborted) goAway();
        else {
          queue.push(job);
          working ??= workOff();
        }
        await job.end.promise;
        return work.results();
      } finally {
        signal?.removeEventListener("abort", goAway);
        load.requests--;
        load.tokens -= tokens;
      }
    },
    async idle() {
      while (load.requests > 0) await (working ?? pause(1));
    },
  };
}

/** Status of a request whose client did not wait; nobody reads it. */
export const GONE_AWAY = 499;

/** The error of a full queue. */
export function tooMuch(seconds: number): RequestError {
  const wait = `${seconds} second${seconds === 1 ? "" : "s"}`;
  return new RequestError(`Too much waits already: ask again in ${wait}`, 429, { "retry-after": String(seconds) });
}

const pause = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));
