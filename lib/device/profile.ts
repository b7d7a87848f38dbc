/**
 * Where the time of a device goes: by kernel, with the arithmetic and the memory that its calls are known to need.
 *
 * @module
 */

import { elementBytes, type KernelCall } from "../tensor/tensor.ts";
import type { TraceLog } from "./trace.ts";

/** Time that the calls of one kernel took together. */
export interface KernelTime {
  /** The kernel, and for a matrix product its sizes. */
  readonly name: string;
  /** Number of calls. */
  readonly calls: number;
  /** Milliseconds, all calls together. */
  readonly milliseconds: number;
  /** Floating-point operations of products and attention, all calls together; 0 for kernels that only pass over memory. */
  readonly flop: number;
  /** Bytes that must be read and written at least, all calls together: see {@linkcode bytesOf}. */
  readonly bytes: number;
}

/** What a call is known by and needs; see {@linkcode KernelTime}. */
export type KernelWork = Pick<KernelTime, "name" | "flop" | "bytes">;

/** The work of a call. */
export function workOf(call: KernelCall): KernelWork {
  const { kernel, params, constants } = call;
  const bytes = bytesOf(call);
  if (kernel in batchKernels) {
    const { count, m, n, k } = params as Record<"count" | "m" | "n" | "k", number>;
    return { name: `${batchKernels[kernel]} ${count} · Aᵀ·B ${m}×${n}×${k}`, flop: 2 * count * m * n * k, bytes };
  }
  if (kernel in productKernels) {
    const { m, n, k } = params as { m: number; n: number; k: number };
    const layout = `${constants.TRANSPOSE_A ? "Aᵀ" : "A"}·${constants.TRANSPOSE_B ? "Bᵀ" : "B"}`;
    return { name: `${productKernels[kernel]} ${layout} ${m}×${n}×${k}`, flop: 2 * m * n * k, bytes };
  }
  const products = attentionProducts[kernel];
  const { batch, length, heads, window } = params as Record<"batch" | "length" | "heads" | "window", number>;
  // how much attention within documents needs is known only when they are, and what windows spare depends on the device
  if (products === undefined || constants.DOCUMENTS || window < length) return { name: kernel, flop: 0, bytes };
  const product = 2 * batch * heads * length ** 2 * 4 * Number(constants.HEAD_COLUMNS4);
  return { name: kernel, flop: products * product, bytes };
}

/** Kernels that make a whole matrix product, with the name that they are shown by. */
const productKernels: Readonly<Record<string, string>> = {
  matmul: "matmul",
  matmul_direct: "matmul",
  matmul_tiled: "matmul",
  blas: "blas",
  matmul_blas: "blas",
};

/** Kernels that make several products. */
const batchKernels: Readonly<Record<string, string>> = {
  batch_matmul: "matmul",
  blas_batch: "blas",
  batch_matmul_blas: "blas",
};

/** Products of [length, headWidth] matrices that a kernel makes for each head, scores that are computed again included. */
const attentionProducts: Readonly<Record<string, number>> = {
  attention: 2,
  attention_blocked: 2,
  attention_blocked_read: 2,
  attention_backward_query: 3,
  attention_backward_query_blocked: 3,
  attention_backward_key_value: 4,
  attention_backward_key_value_blocked: 4,
  attention_backward: 5,
};

/** Tensors that kernels change in place, where no constant says so. */
const changed: Readonly<Record<string, readonly string[]>> = {
  activation_backward: ["d_y"],
  adamw: ["parameters", "gradients", "first_moment", "second_moment"],
  add: ["y"],
  embedding_backward: ["d_token"],
  muon_momentum: ["gradients", "momentum"],
  muon_update: ["parameters"],
  reduce_many: ["y"],
  rotary: ["qkv"],
};

/** Outputs that are added to where ACCUMULATE says so, and changed where GRADIENT does. */
const outputs = { ACCUMULATE: ["c", "d_bias", "d_x", "y"], GRADIENT: ["logits"] };

/** Tables of which a kernel touches no more rows than another of its tensors has. */
const touched: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  embedding: { token: "y", position: "y", token_type: "y" },
  embedding_backward: { d_token: "d_y" },
  gather_rows: { x: "y" },
  muon_direction: { direction: "tall" },
  muon_update: { parameters: "x", gradients: "x" },
};

/** Bytes that a call moves if it reads and writes everything once: each tensor, twice if it is changed, of a table what is touched. */
export function bytesOf({ kernel, tensors: { packed: _, ...given }, params, constants, grid }: KernelCall): number {
  const isChanged = (name: string) =>
    changed[kernel]?.includes(name) || Object.entries(outputs).some(([constant, names]) => {
      return constants[constant] && names.includes(name);
    });
  const bytes = Object.entries(given).map(([name, { size, dtype }]) => {
    const other = given[touched[kernel]?.[name] ?? name]!;
    // a call that adds several sums up is given all gradients, and touches those of its sums
    const most = kernel === "reduce_many" && name === "y"
      ? 64 * grid[0]
      : kernel === "muon_norm" && name === "direction"
      ? 4 * params.block4! * grid[0]
      : size;
    return elementBytes(dtype) * Math.min(most, size, other.size) * (isChanged(name) ? 2 : 1);
  });
  return bytes.reduce((sum, count) => sum + count, 0);
}

/** Adds times up by name. */
export class ProfileTotals {
  #trace: TraceLog | undefined;
  #totals = new Map<string, { calls: number; milliseconds: number; flop: number; bytes: number }>();

  /** Empty totals; what is added goes into a trace as well, where there is one. */
  constructor(trace?: TraceLog) {
    this.#trace = trace;
  }

  /** Adds one call, which began at a time of the device's clock. */
  add({ name, flop, bytes }: KernelWork, milliseconds: number, start?: number): void {
    if (start !== undefined) this.#trace?.addDevice({ name, start, milliseconds, details: { flop, bytes } });
    let total = this.#totals.get(name);
    if (!total) this.#totals.set(name, total = { calls: 0, milliseconds: 0, flop: 0, bytes: 0 });
    total.calls++;
    total.milliseconds += milliseconds;
    total.flop += flop;
    total.bytes += bytes;
  }

  /** The totals, longest first, and a fresh start. Device times are multiplied by `scale`. */
  take(scale = 1): KernelTime[] {
    const times = [...this.#totals].map(([name, total]) => ({
      name,
      ...total,
      milliseconds: total.milliseconds * scale,
    }));
    this.#totals.clear();
    return times.sort((a, b) => b.milliseconds - a.milliseconds);
  }
}
