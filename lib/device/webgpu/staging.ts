/**
 * Copies of tensors in memory that the host can read, made between two submissions.
 *
 * @module
 */

import { type Tensor, tensorBytes } from "../../tensor/tensor.ts";
import type { Staged } from "../device.ts";

/** Where a tensor lies. */
interface Place {
  readonly gpu: GPUBuffer;
  readonly offset: number;
}

/** A tensor's copy: a part of a buffer. */
interface Copy {
  readonly staging: GPUBuffer;
  readonly at: number;
  readonly bytes: number;
}

/** Options of {@linkcode stage}. */
export interface StageOptions {
  /** Where the tensors lie. */
  readonly placeOf: (tensor: Tensor) => Place;
  /** Waits for the device. */
  readonly answer: <T>(result: Promise<T>) => Promise<T>;
}

/** Bytes of copies for which there may be no memory: smaller ones are not asked about. */
const LARGE = 16 << 20;

/**
 * Submits copies of tensors, in buffers of at most the size that the device has. Everything is submitted when this returns;
 * the promise is of undefined where there is no memory for the copies.
 */
export function stage(gpu: GPUDevice, tensors: readonly Tensor[], options: StageOptions): Promise<Staged | undefined> {
  const total = tensors.reduce((sum, tensor) => sum + copiedBytes(tensor), 0);
  if (total < LARGE) return Promise.resolve(submitCopies(gpu, tensors, options));
  // copies into a buffer that there is no memory for are not valid either
  gpu.pushErrorScope("validation");
  gpu.pushErrorScope("out-of-memory");
  const staged = submitCopies(gpu, tensors, options);
  const failures = [gpu.popErrorScope(), gpu.popErrorScope()];
  return options.answer(Promise.all(failures)).then((found) => {
    if (found.every((failure) => failure === null)) return staged;
    staged.destroy();
    return undefined;
  });
}

function submitCopies(gpu: GPUDevice, tensors: readonly Tensor[], { placeOf, answer }: StageOptions): Staged {
  const { copies, buffers } = placed(gpu, tensors);
  const encoder = gpu.createCommandEncoder();
  for (const [i, tensor] of tensors.entries()) {
    const [from, { staging, at, bytes }] = [placeOf(tensor), copies[i]!];
    if (bytes > 0) encoder.copyBufferToBuffer(from.gpu, from.offset, staging, at, bytes);
  }
  gpu.queue.submit([encoder.finish()]);
  const destroy = () => buffers.forEach((buffer) => buffer.destroy());
  return {
    bytes: buffers.reduce((sum, { size }) => sum + size, 0),
    destroy,
    async read() {
      try {
        await answer(Promise.all(buffers.map((buffer) => buffer.mapAsync(GPUMapMode.READ))));
        const mapped = new Map(buffers.map((buffer) => [buffer, buffer.getMappedRange()]));
        return copies.map(({ staging, at, bytes }, i) => {
          const own = mapped.get(staging)!.slice(at, at + bytes);
          const { dtype, size } = tensors[i]!;
          return dtype === "f16" ? Float32Array.from(new Float16Array(own, 0, size)).buffer : own;
        });
      } finally {
        destroy();
      }
    },
  };
}

/** Bytes of a tensor that are copied: a multiple of four, as WebGPU wants it; memory comes in larger pieces. */
function copiedBytes(tensor: Tensor): number {
  return Math.ceil(tensorBytes(tensor) / 4) * 4;
}

/** Buffers for copies of tensors, several in one as long as it may be so large. */
function placed(gpu: GPUDevice, tensors: readonly Tensor[]): { copies: Copy[]; buffers: GPUBuffer[] } {
  const sizes: number[] = [];
  const places = tensors.map((tensor) => {
    const bytes = copiedBytes(tensor);
    const last = sizes.at(-1);
    if (last === undefined || last + bytes > gpu.limits.maxBufferSize) sizes.push(0);
    const buffer = sizes.length - 1;
    const at = sizes[buffer]!;
    sizes[buffer] = at + bytes;
    return { buffer, at, bytes };
  });
  const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
  const buffers = sizes.map((size) => gpu.createBuffer({ size: Math.max(4, size), usage, label: "copies" }));
  return { buffers, copies: places.map(({ buffer, ...place }) => ({ ...place, staging: buffers[buffer]! })) };
}
