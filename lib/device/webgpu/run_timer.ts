/**
 * How long calls take: by the adapter's own clock where it can be read, otherwise by waiting for many runs at once.
 *
 * @module
 */

import { dispatch, type PreparedCall } from "./pass_timer.ts";

/** Milliseconds of a run of each list of calls; undefined where the clock does not tell. */
export type RunTimer = (
  lists: readonly (readonly PreparedCall[])[],
  estimate?: number,
) => Promise<(number | undefined)[]>;

/** Milliseconds that the runs between two looks at a clock are to take, and how many there may be. */
const ENOUGH = { timestamps: 0.25, waits: 20 };
const MOST_RUNS = 256;

/** Runs that are waited for at first sight. */
const FIRST_RUNS = 4;

/** A timer of a device; with `timestamps` the device has timestamp queries. */
export function runTimer(gpu: GPUDevice, { timestamps }: { timestamps: boolean }): RunTimer {
  return timestamps ? (lists, estimate) => byTimestamps(gpu, lists, estimate) : byWaits(gpu);
}

const runsFor = (enough: number, estimate: number) =>
  Math.min(MOST_RUNS, Math.max(1, Math.ceil(enough / Math.max(1e-3, estimate))));

/** All lists in one submission, each in passes of its own, and again: the shortest counts. */
async function byTimestamps(
  gpu: GPUDevice,
  lists: readonly (readonly PreparedCall[])[],
  estimate?: number,
): Promise<(number | undefined)[]> {
  // at first sight the first round warms up
  const [rounds, runs] = estimate === undefined ? [2, 1] : [3, runsFor(ENOUGH.timestamps, estimate)];
  const count = 2 * rounds * lists.length;
  const querySet = gpu.createQuerySet({ type: "timestamp", count });
  const resolved = gpu.createBuffer({ size: 8 * count, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC });
  const staging = gpu.createBuffer({ size: 8 * count, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  try {
    const encoder = gpu.createCommandEncoder();
    for (let i = 0; i < rounds * lists.length; i++) {
      const pass = encoder.beginComputePass({
        timestampWrites: { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 },
      });
      repeat(pass, lists[i % lists.length]!, runs);
      pass.end();
    }
    encoder.resolveQuerySet(querySet, 0, count, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, 8 * count);
    gpu.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    const ticks = new BigUint64Array(staging.getMappedRange().slice(0));
    return lists.map((_, list) => {
      const passes = Array.from({ length: rounds }, (_, round) => 2 * (round * lists.length + list));
      const shortest = Math.min(...passes.map((at) => Number(ticks[at + 1]! - ticks[at]!) / 1e6 / runs));
      return shortest > 0 ? shortest : undefined;
    });
  } finally {
    staging.destroy();
    resolved.destroy();
    querySet.destroy();
  }
}

/** Each list by itself, less what a wait costs when there is nothing to wait for. */
function byWaits(gpu: GPUDevice): RunTimer {
  const waited = async (calls: readonly PreparedCall[], runs: number) => {
    const encoder = gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    repeat(pass, calls, runs);
    pass.end();
    // a buffer that the submission writes can only be mapped behind it
    const probe = gpu.createBuffer({ size: 4, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    encoder.clearBuffer(probe);
    const began = performance.now();
    gpu.queue.submit([encoder.finish()]);
    await probe.mapAsync(GPUMapMode.READ);
    const passed = performance.now() - began;
    probe.destroy();
    return passed;
  };
  let idle: number | undefined;
  return async (lists, estimate) => {
    idle ??= Math.min(await waited([], 1), await waited([], 1));
    const runs = estimate === undefined ? FIRST_RUNS : runsFor(ENOUGH.waits, estimate);
    const times: number[] = [];
    for (const calls of lists) times.push(Math.max(1e-6, await waited(calls, runs) - idle) / runs);
    return times;
  };
}

function repeat(pass: GPUComputePassEncoder, calls: readonly PreparedCall[], runs: number): void {
  for (let run = 0; run < runs; run++) for (const call of calls) dispatch(pass, call);
}
