/**
 * What operations become on the CPU device: which kernels, cut into how many items, with how much memory beside the tensors.
 *
 * @module
 */

import type { KernelCall, OpCall, Tensor } from "../../tensor/tensor.ts";
import { lowerOp, scratch } from "../lowering.ts";
import type { BlasCaller, Products } from "./blas.ts";

/** Largest tensor in bytes. */
export const MAX_TENSOR_BYTES: number = 2 ** 31 - 65_536;

// results must not depend on the number of threads, so no sum is ever split by it
const target = { parallelism: 1, maxTensorBytes: MAX_TENSOR_BYTES };

/** Name of the kernel that a system BLAS is. */
export const BLAS_PRODUCT = "blas";

/** Name of as many products one after the other. */
export const BLAS_BATCH = "blas_batch";

/** The kernels that an operation calls on the CPU. The first number of their grids is that of the items. */
export function lower(call: OpCall, { blas }: { blas: BlasCaller | undefined }): KernelCall[] {
  if (call.op === "attention_backward") {
    const [attention] = lowerOp({ ...call, op: "attention" }, target) as [KernelCall];
    return [attentionBy(blas, { ...attention, kernel: "attention_backward" })];
  }
  return lowerOp(call, target).flatMap((kernelCall) => {
    const { kernel, params } = kernelCall;
    switch (kernel) {
      case "matmul":
        return matmul(kernelCall, blas);
      case "attention":
        return [attentionBy(blas, kernelCall)];
      case "rotary":
      case "geglu":
      case "geglu_backward":
        return [withItems(kernelCall, params.rows!)];
      case "add_identity":
        return [withItems(kernelCall, params.count! * params.side!)];
      case "batch_matmul":
        if (blas === "threads") {
          return [withItems(kernelCall, params.count! * Math.ceil(params.m! / BATCH_ROWS), "batch_matmul_blas")];
        }
        if (blas === "host") return [withItems(kernelCall, 0, BLAS_BATCH)];
        return [withItems(kernelCall, params.count! * Math.ceil(params.m! / 32))];
      case "muon_direction":
      case "muon_update":
        return [withItems(kernelCall, params.count! * params.rows4!)];
      case "pad_columns":
        return [withItems(kernelCall, params.size! / params.y_columns!)];
      default:
        return [kernelCall];
    }
  });
}

function withItems(call: KernelCall, items: number, kernel = call.kernel): KernelCall {
  return { ...call, kernel, grid: [items, 1, 1] };
}

function attentionBy(blas: BlasCaller | undefined, call: KernelCall): KernelCall {
  const { kernel, params, constants } = call;
  const calls = { ...call, constants: { ...constants, BLAS: blas === "threads" } };
  return withItems(calls, params.batch! * params.heads!, kernel);
}

/** A product: packed first, or by a BLAS with what a BLAS does not do behind it. */
function matmul(call: KernelCall, blas: BlasCaller | undefined): KernelCall[] {
  const { m, n, k } = call.params as { m: number; n: number; k: number };
  const { BIAS, ACTIVATION, RESIDUAL, KEEP_INPUT, ACCUMULATE, BIAS_GRADIENT } = call.constants;
  const finishes = BIAS || ACTIVATION || RESIDUAL || KEEP_INPUT;
  // a BLAS adds to what is there before the rest is done: no use where both are asked for
  if (blas === "threads" && !(finishes && ACCUMULATE)) {
    const BY_COLUMNS = n > m;
    const byStrips = { ...call, constants: { ...call.constants, BY_COLUMNS } };
    return [withItems(byStrips, Math.ceil(Math.max(m, n) / STRIP), "matmul_blas")];
  }
  if (blas === "host" && !(finishes && ACCUMULATE)) {
    return [
      withItems(call, 0, BLAS_PRODUCT),
      ...(finishes ? [withItems(call, m, "matmul_finish")] : []),
      ...(BIAS_GRADIENT ? [withItems(call, Math.ceil(m / 16), "matmul_bias_gradient")] : []),
    ];
  }
  // panels of eight columns, which every product packs anew
  const panels = Math.ceil(n / 8);
  const packed = { ...call, tensors: { ...call.tensors, packed: scratch("packed", [panels, k, 8], { isHot: true }) } };
  return [withItems(packed, panels, "matmul_pack"), withItems(packed, Math.ceil(m / 4))];
}

/** Items that are worth the trouble of handing them to one of so many threads. */
export function leastItems({ kernel, params: { m, n, k }, grid: [items] }: KernelCall, threads: number): number {
  if (kernel !== "matmul_blas") return grains[kernel] ?? 2048;
  const strip = STRIP * Math.min(m!, n!) * k!;
  // a BLAS packs what it multiplies, which narrow strips repeat: better than threads with nothing to do, but not than more pieces
  const wide = Math.min(WIDE / STRIP, Math.ceil(items / threads));
  return Math.max(wide, Math.ceil(LEAST_PRODUCT / strip));
}

/** Rows or columns of an item of a product by a BLAS: kernels/wasm/matmul.ts. */
const STRIP = 16;

/** Rows of an item of several products by a BLAS: kernels/wasm/batch_matmul.ts. */
const BATCH_ROWS = 64;

/** Rows or columns that are enough for a BLAS, and multiplications of the smallest product that a thread is handed. */
const [WIDE, LEAST_PRODUCT] = [64, 2 ** 20];

const grains: Readonly<Record<string, number>> = {
  matmul: 3,
  matmul_pack: 4,
  matmul_finish: 32,
  matmul_bias_gradient: 1,
  [BLAS_PRODUCT]: 1,
  attention: 1,
  attention_backward: 1,
  add_identity: 256,
  batch_matmul: 1,
  batch_matmul_blas: 1,
  muon_direction: 16,
  muon_norm: 4,
  muon_update: 16,
  rotary: 32,
  pad_columns: 512,
  geglu: 8,
  geglu_backward: 8,
  l2_normalise: 32,
  l2_normalise_backward: 32,
  layer_norm: 16,
  layer_norm_backward: 16,
  layer_norm_backward_weight: 4,
  mean_pool: 64,
  cross_entropy: 16,
  square_sum: 4,
  sum_loss: 4,
  record_step: 4,
};

/** The products that a call of the host's BLAS stands for. */
export function productsOf(
  { kernel, tensors, params, constants }: KernelCall,
  place: (tensor: Tensor) => number,
): Products {
  const [a, b, c] = [place(tensors.a!), place(tensors.b!), place(tensors.c!)];
  const { m, n, k } = params as Record<"m" | "n" | "k", number>;
  if (kernel === BLAS_BATCH) {
    const first: Products["first"] = [1, 0, m, n, k, 1, a, m, b, n, c, n, 0];
    return { count: params.count!, steps: [4 * m * k, 4 * n * k, 4 * m * n], first };
  }
  const { TRANSPOSE_A, TRANSPOSE_B, ACCUMULATE } = constants;
  const { a_stride, b_stride, c_stride } = params as Record<`${"a" | "b" | "c"}_stride`, number>;
  const transpose = [Number(TRANSPOSE_A), Number(TRANSPOSE_B)] as const;
  const first: Products["first"] = [
    ...transpose,
    m,
    n,
    k,
    1,
    a,
    a_stride,
    b,
    b_stride,
    c,
    c_stride,
    Number(ACCUMULATE),
  ];
  return { count: 1, steps: [0, 0, 0], first };
}

/** Queries that attention works on at once: kernels/wasm/attention.ts. */
const [BLOCK, BLAS_BLOCK] = [48, 128];

/** Bytes of scratch memory that a thread needs; kernels/wasm/ says what for. */
export function scratchBytes({ kernel, params, constants }: KernelCall): number {
  if (kernel === "matmul") return 16 * params.k! + 32 * 128;
  if (kernel === "batch_matmul") return 160 * params.k! + 128;
  if (!kernel.startsWith("attention")) return 0;
  const columns = Math.ceil(params.length! / 8) * 8;
  const headWidth = 4 * Number(constants.HEAD_COLUMNS4);
  const copies = kernel === "attention" ? 1 : 2;
  const block = constants.BLAS ? BLAS_BLOCK : BLOCK;
  return 4 * copies * (headWidth + block) * columns + 16 * Math.max(headWidth, columns) + 4 * (block + columns + 20) +
    256;
}
