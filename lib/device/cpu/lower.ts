/**
 * What recorded calls become on the CPU device: which kernels, how many items, how much memory beside the tensors.
 *
 * @module
 */

import { layouts } from "../../../kernels/kernels_wasm.ts";
import type { Gemm } from "./blas.ts";
import type { KernelCall, Tensor } from "../../tensor/tensor.ts";

/** A call with the items that it is cut into, as the threads see it. */
export interface LoweredCall {
  readonly kernel: string;
  readonly call: KernelCall;
  /** Fields that no tensor, parameter or constant gives. */
  readonly extra: Readonly<Record<string, number>>;
  readonly items: number;
  /** Items that are worth the trouble of handing them to a thread. */
  readonly least: number;
}

/** What a call becomes on this device: a product is packed first; attention's gradients are computed together. */
export function lower(call: KernelCall, useBlas: boolean): LoweredCall[] {
  const { kernel, params, grid } = call;
  const plain = (items: number, least: number): LoweredCall => ({ kernel, call, extra: {}, items, least });
  switch (kernel) {
    case "matmul": {
      if (grid[2] !== 1) throw new TypeError("The CPU device does not split products over k");
      const { BIAS, ACTIVATION, RESIDUAL, KEEP_INPUT, ACCUMULATE, BIAS_GRADIENT } = call.constants;
      const finishes = BIAS || ACTIVATION || RESIDUAL || KEEP_INPUT;
      // a BLAS adds to what is there before the rest is done: no use where both are asked for
      if (useBlas && !(finishes && ACCUMULATE)) {
        const rest: LoweredCall[] = [];
        if (finishes) rest.push({ ...plain(params.m!, 32), kernel: "matmul_finish" });
        if (BIAS_GRADIENT) rest.push({ ...plain(Math.ceil(params.m! / 16), 1), kernel: "matmul_bias_gradient" });
        return [{ ...plain(0, 1), kernel: BLAS_PRODUCT }, ...rest];
      }
      const pack = plain(Math.ceil(params.n! / 8), 4);
      return [{ ...pack, kernel: "matmul_pack" }, plain(Math.ceil(params.m! / 4), 3)];
    }
    case "attention":
      return [plain(params.batch! * params.heads!, 1)];
    case "attention_backward_query":
      return [{ ...plain(params.batch! * params.heads!, 1), kernel: "attention_backward" }];
    case "attention_backward_key_value":
      return [];
    case "rotary":
      return [plain(params.rows!, 32)];
    case "pad_columns":
      return [plain(grid[0] / params.y_columns!, 512)];
    case "geglu":
    case "geglu_backward":
      return [plain(params.rows!, 8)];
    case "layer_norm":
    case "layer_norm_backward":
    case "cross_entropy":
      return [plain(grid[0], 16)];
    case "square_sum":
    case "sum_loss":
    case "record_step":
    case "layer_norm_backward_weight":
      return [plain(grid[0], 4)];
    default:
      if (!(kernel in layouts)) throw new TypeError(`There is no kernel "${kernel}"`);
      return [plain(grid[0], 2048)];
  }
}

/** Name of the call that a system BLAS answers. */
export const BLAS_PRODUCT = "blas";

/** The product that a call of the matrix kernel stands for. */
export function gemmOf({ tensors, params, constants }: KernelCall, place: (tensor: Tensor) => number): Gemm {
  return {
    m: params.m!,
    n: params.n!,
    k: params.k!,
    a: place(tensors.a!),
    b: place(tensors.b!),
    c: place(tensors.c!),
    a_stride: params.a_stride!,
    b_stride: params.b_stride!,
    c_stride: params.c_stride!,
    transposeA: Boolean(constants.TRANSPOSE_A),
    transposeB: Boolean(constants.TRANSPOSE_B),
    beta: constants.ACCUMULATE ? 1 : 0,
  };
}

/** Bytes of a matrix packed into panels of eight columns. */
export function packedBytes({ kernel, call: { params } }: LoweredCall): number {
  return kernel === "matmul" ? Math.ceil(params.n! / 8) * params.k! * 32 : 0;
}

/** Bytes of scratch memory that a thread needs; kernels/wasm/ says what for. */
export function scratchBytes({ kernel, call: { params, constants } }: LoweredCall): number {
  if (kernel === "matmul") return 16 * params.k! + 32 * 128;
  if (!kernel.startsWith("attention")) return 0;
  const columns = Math.ceil(params.length! / 8) * 8;
  const width = 4 * Number(constants.HEAD_COLUMNS4);
  const copies = kernel === "attention" ? 1 : 2;
  return 4 * copies * (width + 48) * columns + 16 * Math.max(width, columns) + 4 * (48 + columns + 20) + 256;
}
