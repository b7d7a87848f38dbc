/**
 * What operations become on the CPU device: which kernels, cut into how many items, with how much memory beside the tensors.
 *
 * @module
 */

import type { KernelCall, OpCall, Tensor } from "../../tensor/tensor.ts";
import { lowerOp, scratch } from "../lowering.ts";
import type { Gemm } from "./blas.ts";

/** Largest tensor in bytes. */
export const MAX_TENSOR_BYTES: number = 2 ** 31 - 65_536;

// results must not depend on the number of threads, so no sum is ever split by it
const target = { parallelism: 1, maxTensorBytes: MAX_TENSOR_BYTES };

/** Name of the kernel that a system BLAS is. */
export const BLAS_PRODUCT = "blas";

/** Name of as many products one after the other. */
export const BLAS_BATCH = "blas_batch";

/** The kernels that an operation calls on the CPU. The first number of their grids is that of the items. */
export function lower(call: OpCall, { useBlas }: { useBlas: boolean }): KernelCall[] {
  if (call.op === "attention_backward") {
    const [attention] = lowerOp({ ...call, op: "attention" }, target) as [KernelCall];
    return [withItems(attention, attention.params.batch! * attention.params.heads!, "attention_backward")];
  }
  return lowerOp(call, target).flatMap((kernelCall) => {
    const { kernel, params } = kernelCall;
    switch (kernel) {
      case "matmul":
        return matmul(kernelCall, useBlas);
      case "attention":
        return [withItems(kernelCall, params.batch! * params.heads!)];
      case "rotary":
      case "geglu":
      case "geglu_backward":
        return [withItems(kernelCall, params.rows!)];
      case "add_identity":
        return [withItems(kernelCall, params.count! * params.side!)];
      case "batch_matmul":
        return [
          useBlas
            ? withItems(kernelCall, 0, BLAS_BATCH)
            : withItems(kernelCall, params.count! * Math.ceil(params.m! / 32)),
        ];
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

/** A product: packed first, or by a BLAS with what a BLAS does not do behind it. */
function matmul(call: KernelCall, useBlas: boolean): KernelCall[] {
  const { m, n, k } = call.params as { m: number; n: number; k: number };
  const { BIAS, ACTIVATION, RESIDUAL, KEEP_INPUT, ACCUMULATE, BIAS_GRADIENT } = call.constants;
  const finishes = BIAS || ACTIVATION || RESIDUAL || KEEP_INPUT;
  // a BLAS adds to what is there before the rest is done: no use where both are asked for
  if (useBlas && !(finishes && ACCUMULATE)) {
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

/** Items that are worth the trouble of handing them to a thread. */
export function leastItems(kernel: string): number {
  return grains[kernel] ?? 2048;
}

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

/** The products that a call of the BLAS stands for. */
export function gemmOf({ kernel, tensors, params, constants }: KernelCall, place: (tensor: Tensor) => number): Gemm {
  const [a, b, c] = [place(tensors.a!), place(tensors.b!), place(tensors.c!)];
  if (kernel === BLAS_BATCH) {
    const { count, m, n, k } = params as Record<"count" | "m" | "n" | "k", number>;
    const layout = { a_stride: m, b_stride: n, c_stride: n, transposeA: true, transposeB: false, beta: 0 };
    return { m, n, k, a, b, c, ...layout, count };
  }
  return {
    count: 1,
    m: params.m!,
    n: params.n!,
    k: params.k!,
    a,
    b,
    c,
    a_stride: params.a_stride!,
    b_stride: params.b_stride!,
    c_stride: params.c_stride!,
    transposeA: Boolean(constants.TRANSPOSE_A),
    transposeB: Boolean(constants.TRANSPOSE_B),
    beta: constants.ACCUMULATE ? 1 : 0,
  };
}

/** Bytes of scratch memory that a thread needs; kernels/wasm/ says what for. */
export function scratchBytes({ kernel, params, constants }: KernelCall): number {
  if (kernel === "matmul") return 16 * params.k! + 32 * 128;
  if (kernel === "batch_matmul") return 160 * params.k! + 128;
  if (!kernel.startsWith("attention")) return 0;
  const columns = Math.ceil(params.length! / 8) * 8;
  const headWidth = 4 * Number(constants.HEAD_COLUMNS4);
  const copies = kernel === "attention" ? 1 : 2;
  return 4 * copies * (headWidth + 48) * columns + 16 * Math.max(headWidth, columns) + 4 * (48 + columns + 20) + 256;
}
