/**
 * Calls of a program as WebGPU runs them, and the time that each takes.
 *
 * @module
 */

import type { TraceLog } from "../trace.ts";
import { type KernelTime, type KernelWork, ProfileTotals } from "../profile.ts";

/** A call that only needs to be encoded. */
export interface PreparedCall {
  /** Its pipeline. */
  readonly pipeline: GPUComputePipeline;
  /** Its tensors and its parameters. */
  readonly bindGroup: GPUBindGroup;
  /** How many workgroups. */
  readonly workgroups: [number, number, number];
  /** What it is known to need. */
  readonly work: KernelWork;
}

/** Encodes calls as one pass. */
export function encode(gpu: GPUDevice, calls: readonly PreparedCall[]): GPUCommandBuffer {
  const encoder = gpu.createCommandEncoder();
  const pass = encoder.beginComputePass();
  let before: GPUComputePipeline | undefined;
  // every call into Deno costs about a microsecond: no more of them than are needed
  for (const { pipeline, bindGroup, workgroups: [x, y, z] } of calls) {
    if (pipeline !== before) pass.setPipeline(pipeline);
    before = pipeline;
    pass.setBindGroup(0, bindGroup);
    pass.dispatchWorkgroups(x, y, z);
  }
  pass.end();
  return encoder.finish();
}

/** Encodes one call. */
export function dispatch(pass: GPUComputePassEncoder, { pipeline, bindGroup, workgroups }: PreparedCall): void {
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, bindGroup);
  pass.dispatchWorkgroups(...workgroups);
}

/** Most calls of one submission that are timed: a set holds 4,096 queries, two a pass. */
const TIMED_CALLS = 2048;

/** Runs each call in a pass of its own, with the time before and after it. */
export class PassTimer {
  #gpu: GPUDevice;
  #totals: ProfileTotals;
  #trace: TraceLog | undefined;
  #pending: Promise<void>[] = [];
  #ticks: { first: bigint; last: bigint } | undefined;
  #zero: bigint | undefined;
  #started: number | undefined;

  /** For a device that has timestamp queries. */
  constructor(gpu: GPUDevice, trace?: TraceLog) {
    this.#gpu = gpu;
    this.#trace = trace;
    this.#totals = new ProfileTotals(trace);
  }

  /** Runs calls and has their times read. */
  run(calls: readonly PreparedCall[]): void {
    for (let first = 0; first < calls.length; first += TIMED_CALLS) {
      this.#submit(calls.slice(first, first + TIMED_CALLS));
    }
  }

  /** Device clocks may tick in other units than nanoseconds, so their span is compared with the time that passed here. */
  async take(): Promise<KernelTime[]> {
    await Promise.all(this.#pending);
    this.#pending = [];
    const passed = performance.now() - (this.#started ?? performance.now());
    const span = this.#ticks ? Number(this.#ticks.last - this.#ticks.first) / 1e6 : passed;
    const ratio = span > 0 ? passed / span : 1;
    this.#started = undefined;
    this.#ticks = undefined;
    // waiting for the last results takes some time too: only a ratio that is far from 1 tells of another unit
    return this.#totals.take(ratio > 0.5 && ratio < 2 ? 1 : ratio);
  }

  #submit(calls: readonly PreparedCall[]): void {
    this.#started ??= performance.now();
    const gpu = this.#gpu;
    const count = 2 * calls.length;
    const querySet = gpu.createQuerySet({ type: "timestamp", count });
    const resolved = gpu.createBuffer({
      size: 8 * count,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
    const staging = gpu.createBuffer({ size: 8 * count, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    const encoder = gpu.createCommandEncoder();
    for (const [i, call] of calls.entries()) {
      const pass = encoder.beginComputePass({
        timestampWrites: { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 },
      });
      dispatch(pass, call);
      pass.end();
    }
    encoder.resolveQuerySet(querySet, 0, count, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, 8 * count);
    gpu.queue.submit([encoder.finish()]);
    const submitted = performance.now();
    const collect = async () => {
      await staging.mapAsync(GPUMapMode.READ);
      const done = performance.now();
      const ticks = new BigUint64Array(staging.getMappedRange().slice(0));
      // counted from the first on: a number may not hold all digits of the nanoseconds since the machine began
      const zero = this.#zero ??= ticks[0]!;
      const time = (i: number) => Number(ticks[i]! - zero) / 1e6;
      for (const [i, { work }] of calls.entries()) this.#totals.add(work, time(2 * i + 1) - time(2 * i), time(2 * i));
      this.#trace?.align({ submitted, began: time(0), ended: time(count - 1), done });
      this.#ticks = { first: this.#ticks?.first ?? ticks[0]!, last: ticks[count - 1]! };
      staging.destroy();
      resolved.destroy();
      querySet.destroy();
    };
    const collected = collect();
    // who never asks for the profile need not hear that the device went away
    collected.catch(() => {});
    this.#pending.push(collected);
  }
}
