import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { type Batcher, type BatcherOptions, type BatchRun, createBatcher } from "../../lib/serve/batcher.ts";
import { type Outcome, RequestError, type Work } from "../../lib/serve/work.ts";

/** Work whose sequences are told apart by their first id, and whose result are the values that came back. */
function work(ids: readonly number[], length = 8): Work<number> {
  const results: number[] = [];
  return {
    task: "fill",
    windows: ids.map((id) => ({ ids: new Uint32Array(length).fill(id), positions: [0] })),
    take: (window, { values }) => results[window] = values[0]![0]!,
    results: () => results,
  };
}

const outcome = (id: number): Outcome => ({ values: [Float32Array.of(10 * id)], predictions: Uint32Array.of(id) });

interface Device {
  readonly batcher: Batcher;
  /** First ids of the sequences of each batch. */
  readonly batches: number[][];
  /** Lets the batch under way end. */
  next(): Promise<void>;
}

/** A queue before a device whose batches end when they are told to. */
function device(options: Partial<BatcherOptions> = {}): Device {
  const batches: number[][] = [];
  let end = Promise.withResolvers<void>();
  const run = async ({ windows }: BatchRun) => {
    batches.push(windows.map(({ ids }) => ids[0]!));
    await end.promise;
    return windows.map(({ ids }) => outcome(ids[0]!));
  };
  const limits = { tokens: 64, rows: 100, longest: 64 };
  const batcher = createBatcher({ run, limits, mostRequests: 8, mostTokens: 1000, ...options });
  const next = async () => {
    const before = batches.length;
    while (batches.length === 0) await pause();
    end.resolve();
    end = Promise.withResolvers();
    for (let i = 0; i < 10 && batches.length === before; i++) await pause();
  };
  return { batcher, batches, next };
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 1));

Deno.test("createBatcher() runs together what arrived while the device was busy", async () => {
  const { batcher, batches, next } = device();
  const first = batcher.submit(work([1]));
  while (batches.length === 0) await pause();
  const others = [2, 3, 4].map((id) => batcher.submit(work([id])));
  await next();
  await next();
  assertEquals(batches, [[1], [2, 3, 4]]);
  assertEquals(await Promise.all([first, ...others]), [[10], [20], [30], [40]]);
  assertEquals(batcher.load, { requests: 0, tokens: 0 });
});

Deno.test("createBatcher() lets a long request lead every other batch only", async () => {
  const { batcher, batches, next } = device();
  const long = batcher.submit(work(Array.from({ length: 24 }, () => 1)));
  while (batches.length === 0) await pause();
  const short = batcher.submit(work([2]));
  const ended: string[] = [];
  short.then(() => ended.push("short"));
  long.then(() => ended.push("long"));
  for (let i = 0; i < 5; i++) await next();
  await long;
  assertEquals(ended, ["short", "long"]);
  assert(batches.findIndex((ids) => ids.includes(2)) <= 2, JSON.stringify(batches));
});

Deno.test("createBatcher() refuses what it has no room for, and says when there may be", async () => {
  const { batcher, batches, next } = device({ mostRequests: 2, mostTokens: 100 });
  const first = batcher.submit(work([1]));
  const tooMuch = await assertRejects(() => batcher.submit(work([2], 100)), RequestError, "Too much waits already");
  assertEquals([tooMuch.status, tooMuch.headers], [429, { "retry-after": "1" }]);
  const second = batcher.submit(work([2]));
  await assertRejects(() => batcher.submit(work([3])), RequestError, "ask again in 1 second");
  while (batches.length === 0) await pause();
  await next();
  await Promise.all([first, second]);
  // one request alone may be larger than the queue
  const alone = batcher.submit(work([4], 101));
  await pause();
  await next();
  assertEquals(await alone, [40]);
});

Deno.test("createBatcher() forgets requests whose client goes away, also in the middle of one", async () => {
  const { batcher, batches, next } = device();
  const [waits, runs] = [new AbortController(), new AbortController()];
  const running = batcher.submit(work(Array.from({ length: 12 }, () => 1)), runs.signal);
  while (batches.length === 0) await pause();
  const gone = batcher.submit(work([2]), waits.signal);
  const stays = batcher.submit(work([3]));
  waits.abort();
  runs.abort();
  for (const request of [gone, running]) await assertRejects(() => request, RequestError, "gone away");
  await assertRejects(() => batcher.submit(work([5]), waits.signal), RequestError, "gone away");
  await next();
  await next();
  assertEquals(await stays, [30]);
  assertEquals(batches.slice(1), [[3]]);
  await batcher.idle();
});

Deno.test("createBatcher() fails the requests of a batch that fails, and those alone whose results are none", async () => {
  let isBroken = true;
  const run = ({ windows }: BatchRun) => {
    if (isBroken) return Promise.reject(new RangeError("no memory"));
    return Promise.resolve(windows.map(({ ids }) => outcome(ids[0]!)));
  };
  const { batcher } = device({ run });
  const failed = await Promise.allSettled([batcher.submit(work([1])), batcher.submit(work([2]))]);
  assertEquals(failed.map(({ status }) => status), ["rejected", "rejected"]);
  isBroken = false;
  const bad: Work<number> = {
    ...work([3]),
    take: () => {
      throw new RangeError("not finite");
    },
  };
  const [one, other] = await Promise.allSettled([batcher.submit(bad), batcher.submit(work([4]))]);
  assertStringIncludes(String((one as PromiseRejectedResult).reason), "not finite");
  assertEquals((other as PromiseFulfilledResult<number[]>).value, [40]);
  assertEquals(batcher.load.requests, 0);
});
