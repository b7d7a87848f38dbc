/**
 * Tensors and the calls of kernels on them, as plain data.
 *
 * @module
 */

import type { Activation } from "./activations.ts";

/** Element types that tensors are stored in. Kernels compute in f32 whatever they read and write. */
export type DataType = "f32" | "f16" | "u32";

/** What weights that kernels read, and activations, may be stored in. */
export const precisions = ["f32", "f16"] as const;
/** What weights that kernels read, and activations, are stored in. */
export type Precision = typeof precisions[number];

/** Bytes of an element. */
export function elementBytes(dtype: DataType): number {
  return dtype === "f16" ? 2 : 4;
}

/** Bytes of a tensor's elements. */
export function tensorBytes({ size, dtype }: Pick<Tensor, "size" | "dtype">): number {
  return size * elementBytes(dtype);
}

/** A piece of device memory, owned by whoever allocated it. */
export interface DeviceBuffer {
  /** Size in bytes. */
  readonly bytes: number;
  /** Gives the memory back. */
  destroy(): void;
}

/** Where a tensor lies. */
export interface Storage {
  /** The memory. */
  readonly buffer: DeviceBuffer;
  /** First byte of the tensor in it. */
  readonly offset: number;
}

/**
 * An array in row-major order. A tensor without storage is an activation: the memory plan of the program that uses it
 * decides where it lies.
 */
export interface Tensor {
  /** For error messages and plans. */
  readonly name: string;
  /** Sizes, outermost first. */
  readonly shape: readonly number[];
  /** Element type. */
  readonly dtype: DataType;
  /** Number of elements. */
  readonly size: number;
  /** Of activations: lies in memory that only such ones share, so that it stays in the cache. */
  readonly isHot?: boolean;
  /** Lies in another activation, so many elements behind its beginning. */
  readonly part?: { readonly of: Tensor; readonly offset: number };
  /** What it holds from the start and for good, if a device made it as a table for one of its kernels. */
  readonly contents?: Uint32Array<ArrayBuffer>;
  /** Fixed place in memory, if it has one. */
  storage?: Storage;
}

/** A tensor that is trained, with the gradient that accumulates for it. */
export interface Parameter extends Tensor {
  /** Gradient of the same shape; kernels add to it, the optimizer clears it. */
  readonly gradient: Tensor;
  /** The same values rounded to f16, if it has them: what kernels read where activations are stored so. */
  readonly rounded?: Tensor | undefined;
}

/** What an operation computes, as data: nothing in it depends on a device. */
export interface OpCall {
  /** Name of the operation. */
  readonly op: string;
  /** Tensors by the names that the operation gives them. */
  readonly tensors: Readonly<Record<string, Tensor>>;
  /** Sizes in elements, and factors. */
  readonly params: Readonly<Record<string, number>>;
  /** Which of its forms is meant. */
  readonly choices: OpChoices;
}

/** Forms of operations; what a form does not have is absent. */
export interface OpChoices {
  /** Add to what is there instead of overwriting it. */
  readonly accumulate?: boolean | undefined;
  /** Activation that is applied. */
  readonly activation?: Activation | undefined;
  /** Replace logits by their gradient. */
  readonly gradient?: boolean | undefined;
  /** The first matrix of a product lies transposed. */
  readonly transposeA?: boolean | undefined;
  /** The second matrix of a product lies transposed. */
  readonly transposeB?: boolean | undefined;
}

/** One call of a kernel, as data: what a device makes of an operation. */
export interface KernelCall {
  /** Name of the kernel: a WGSL file, or a WebAssembly function. */
  readonly kernel: string;
  /** Tensors by the names that the kernel gives them. */
  readonly tensors: Readonly<Record<string, Tensor>>;
  /** Counts and factors, which may differ from call to call without a new pipeline. */
  readonly params: Readonly<Record<string, number>>;
  /** What shapes the generated code: each combination is a pipeline of its own. */
  readonly constants: Readonly<Record<string, number | boolean>>;
  /** How many independent items there are in each dimension; they are cut into workgroups, or pieces for threads. */
  readonly grid: readonly [number, number, number];
}

/** Number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
