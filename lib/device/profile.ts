/**
 * Where the time of a device goes: by kernel, with the arithmetic and the memory that its calls are known to need.
 *
 * @module
 */

import type { KernelCall, Tensor } from "../tensor/tensor.ts";

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
  /** Bytes of the tensors that the calls were given, all calls together. */
  readonly bytes: number;
}

/** What a call is known by and needs; see {@linkcode KernelTime}. */
export type KernelWork = Pick<KernelTime, "name" | "flop" | "bytes">;

/** The work of a call. */
export function workOf({ kernel, tensors: { packed: _, ...given }, params, constants, grid }: KernelCall): KernelWork {
  // a call that adds several sums up is given all gradients, and touches those of its sums
  const touched = ({ size }: Tensor) => kernel === "reduce_many" && size > grid[0] * 64 ? grid[0] * 64 : size;
  const bytes = Object.entries(given).reduce(
    (sum, [name, tensor]) => sum + 4 * (name === "y" ? touched(tensor) : tensor.size),
    0,
  );
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

/** Adds times up by name. */
export class ProfileTotals {
  #totals = new Map<string, { calls: number; milliseconds: number; flop: number; bytes: number }>();

  /** Adds one call. */
  add({ name, flop, bytes }: KernelWork, milliseconds: number): void {
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
