/**
 * What a device is: memory, and programs made of kernel calls. The same recorded calls run on every device.
 *
 * @module
 */

import {
  type DataType,
  type DeviceBuffer,
  type KernelCall,
  type OpCall,
  type Precision,
  sizeOf,
  type Storage,
  type Tensor,
  tensorBytes,
} from "../tensor/tensor.ts";
import type { KernelTime } from "./profile.ts";

/** Lowered calls with their memory plan. */
export interface Recording {
  /** Calls in order, in named sections that run together or apart. */
  readonly sections: ReadonlyMap<string, readonly KernelCall[]>;
  /** Sizes in bytes of the pieces of memory that activations share. */
  readonly arenas: readonly number[];
  /** Which piece each activation lies in. */
  readonly arenaOf: ReadonlyMap<Tensor, number>;
}

/** A device that does not do its work any more; opened anew, it may. */
export class DeviceError extends Error {
  /** Name of the class. */
  override name = "DeviceError";
}

/** A device that has no memory left. */
export class DeviceMemoryError extends DeviceError {
  /** Name of the class. */
  override name = "DeviceMemoryError";
}

/** A kernel that failed; what earlier sections did is done, what this one did is anyone's guess. */
export class KernelError extends DeviceError {
  /** Name of the class. */
  override name = "KernelError";
  /** The section of the program that it belongs to. */
  readonly section: string;

  /** A message, and the section. */
  constructor(message: string, section: string) {
    super(message);
    this.section = section;
  }
}

/** A compiled recording. */
export interface Program {
  /** Starts the sections, in this order, in one submission; it does not wait. No names: all of them. */
  run(...sections: string[]): void;
  /** Bytes of device memory that the program holds. */
  readonly bytes: number;
  /** Gives the program's memory back. */
  destroy(): void;
}

/** What decides the results of a CPU device to the bit. */
export interface CpuSettings {
  /** The CPU. */
  readonly kind: "cpu";
  /** Whether products are added without rounding in between. */
  readonly fusedMultiplyAdd: boolean;
  /** System BLAS that makes the matrix products, or "off". */
  readonly blas: string;
  /** Processor that the BLAS makes them for, where it tells. */
  readonly processor?: string;
  /** Who calls the BLAS; earlier versions, in which the host did, do not tell. */
  readonly blasCaller?: "threads" | "host";
  /** Threads, where there is a BLAS; without one they do not matter. */
  readonly threads?: number;
}

/** What decides the results of a WebGPU device to the bit. */
export interface WebGpuSettings {
  /** A graphics card, or software that stands for one. */
  readonly kind: "webgpu";
  /** The adapter's name. */
  readonly adapter: string;
  /** How matrix products are computed. */
  readonly matmul: string;
  /** How attention is computed; earlier versions, which had one way, do not tell. */
  readonly attention?: string;
  /** Blocks that attention is computed in, where they are not the usual ones. */
  readonly attentionBlocks?: Readonly<Record<string, readonly object[]>>;
  /** What training stores activations in, and weights that kernels read, where it is not f32. */
  readonly precision?: Precision;
  /** The tile of all tiled products, where one was asked for. */
  readonly tile?: readonly number[];
  /** Choices for products of certain shapes that differ from the usual. */
  readonly products?: Readonly<
    Record<string, { readonly variant: string; readonly tile?: readonly number[] | undefined; readonly splits: number }>
  >;
}

/** What decides a device's results to the bit, as plain data. */
export type DeviceSettings = CpuSettings | WebGpuSettings;

/** Copies of tensors as they were when the copies were submitted, whatever is submitted later. */
export interface Staged {
  /** Bytes that the copies take. */
  readonly bytes: number;
  /** Waits for the copies, gives their memory back and returns them in order, each in an array of its own; once. */
  read(): Promise<ArrayBuffer[]>;
  /** Gives the memory back without reading. */
  destroy(): void;
}

/** A device that runs programs. */
export interface Device {
  /** Kind of device. */
  readonly kind: "webgpu" | "cpu";
  /** For people: what the device is. */
  readonly description: string;
  /** What decides the last digits of its results: devices of equal settings give equal ones. */
  readonly settings: DeviceSettings;
  /** Whether a CPU does the work of a GPU. */
  readonly software: boolean;
  /**
   * What training stores activations in, and the weights that kernels read.
   *
   * @default {"f32"}
   */
  readonly precision?: Precision | undefined;
  /** Largest tensor in bytes. */
  readonly maxTensorBytes: number;
  /** Largest piece of memory in bytes, where another one than the largest tensor. */
  readonly maxBufferBytes?: number | undefined;
  /** Bytes of memory that it can have in all, where that is known. */
  readonly memoryBytes?: number | undefined;
  /**
   * Called between kernels with the milliseconds since a section began, where the device keeps the calling thread busy until that
   * is over; it may end the program.
   */
  whileBusy?: ((milliseconds: number) => void) | undefined;
  /** Allocates memory, filled with zeros. */
  allocate(bytes: number, label: string): DeviceBuffer;
  /** Writes data to the start of a tensor (or `offset` elements in), after everything submitted so far; f16 is given as f32. */
  write(tensor: Tensor, data: Float32Array | Uint32Array, offset?: number): void;
  /**
   * Waits for everything submitted so far and reads tensors back, each into an array of its own, f16 as f32. What is submitted while it
   * waits changes nothing in them, so several reads may be under way.
   */
  read(tensors: readonly Tensor[]): Promise<ArrayBuffer[]>;
  /**
   * Submits copies of tensors and does not wait, on a device that works while the host does something else; absent on others. All is
   * submitted when it returns. Of undefined where there is no memory for the copies.
   */
  stage?(tensors: readonly Tensor[]): Promise<Staged | undefined>;
  /** What the device makes of an operation: one kernel or several, with memory for what lies between them. */
  lower(call: OpCall): readonly KernelCall[];
  /** What the device makes of the lowered calls of a section together, where that is other calls. */
  fuse?(calls: readonly KernelCall[]): readonly KernelCall[];
  /**
   * Finds out which of its ways to compute these operations are the quickest here, and goes on with those: `settings` say
   * which. Absent where nothing is chosen by time.
   */
  tune?(calls: readonly OpCall[]): Promise<void>;
  /** Compiles lowered calls over planned memory. */
  build(recording: Recording): Promise<Program>;
  /**
   * Waits for everything submitted so far and returns where the time went since the last call; undefined unless the
   * device was opened with `profile`.
   */
  takeProfile(): Promise<readonly KernelTime[] | undefined>;
  /** Gives everything back. */
  destroy(): void;
}

/** A tensor with memory of its own on a device; the caller destroys `tensor.storage.buffer`. */
export function allocateTensor(
  device: Device,
  name: string,
  options: { shape: readonly number[]; dtype?: DataType },
): Tensor & { storage: Storage } {
  const { shape, dtype = "f32" } = options;
  const size = sizeOf(shape);
  const storage = { buffer: device.allocate(tensorBytes({ size, dtype }), name), offset: 0 };
  return { name, shape, dtype, size, storage };
}
