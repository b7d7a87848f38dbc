/**
 * What operations become on a GPU: which variant of a kernel, in how many workgroups, and which long sums are split.
 *
 * @module
 */

import type { KernelCall, OpCall, Tensor } from "../../tensor/tensor.ts";
import { type LoweringTarget, lowerOp, reducePartials, scratch } from "../lowering.ts";
import {
  chooseProduct,
  lanesFor,
  type MatmulVariant,
  type ProductShape,
  type ProductTable,
  sliceLength,
} from "./choices.ts";

/** What lowering to a GPU depends on. */
export interface GpuTarget extends LoweringTarget {
  /** Usual kernel of matrix products. */
  readonly variant: MatmulVariant;
  /** Choices for products of certain shapes. */
  readonly table: ProductTable;
}

/** The kernels that an operation calls on a GPU. */
export function lower(call: OpCall, target: GpuTarget): KernelCall[] {
  if (call.op === "attention_backward") return attentionBackward(call, target);
  return lowerOp(call, target).flatMap((kernelCall) => {
    switch (kernelCall.kernel) {
      case "matmul":
        return matmul(kernelCall, target);
      case "layer_norm":
      case "layer_norm_backward":
        return [withLanes(kernelCall, kernelCall.params.columns4!)];
      case "cross_entropy":
        return [withLanes(kernelCall, kernelCall.params.vocab! / 4)];
      default:
        return [kernelCall];
    }
  });
}

function withLanes(call: KernelCall, columns4: number): KernelCall {
  return { ...call, constants: { ...call.constants, LANES: lanesFor(columns4) } };
}

/** One kernel walks queries, the other keys; both need Σ d_output · output of each row, which the first leaves behind. */
function attentionBackward(call: OpCall, target: GpuTarget): KernelCall[] {
  const [{ tensors: { output, ...shared }, ...rest }] = lowerOp({ ...call, op: "attention" }, target) as [KernelCall];
  const delta = scratch("delta", shared.logsumexp!.shape);
  return [
    { ...rest, kernel: "attention_backward_query", tensors: { ...shared, output: output!, delta } },
    { ...rest, kernel: "attention_backward_key_value", tensors: { ...shared, delta } },
  ];
}

function matmul(call: KernelCall, target: GpuTarget): KernelCall[] {
  const shape = shapeOf(call);
  const { m, n, k } = shape;
  const { BIAS, ACTIVATION, RESIDUAL, KEEP_INPUT } = call.constants;
  const { variant, splits: wanted } = chooseProduct(shape, target);
  // what comes after a sum can only be done where the sum is whole
  const splits = BIAS || ACTIVATION || RESIDUAL || KEEP_INPUT ? 1 : wanted;
  const split_k = sliceLength(k, splits);
  const slices = Math.ceil(k / split_k);
  const product = { ...call, kernel: `matmul_${variant}`, params: { ...call.params, split_k } };
  if (slices === 1) return [{ ...product, grid: [n, m, 1] }];
  const { c, d_bias, ...operands } = call.tensors as { c: Tensor; d_bias?: Tensor };
  const partials = scratch(`${c.name}.partials`, [slices, m, n]);
  const biasPartials = d_bias && scratch(`${d_bias.name}.partials`, [slices, m]);
  const accumulate = Boolean(call.constants.ACCUMULATE);
  return [
    {
      ...product,
      tensors: { ...operands, c: partials, ...(biasPartials ? { d_bias: biasPartials } : {}) },
      constants: { ...call.constants, ACCUMULATE: false },
      grid: [n, m, slices],
    },
    reducePartials(partials, c, { accumulate }),
    ...(biasPartials ? [reducePartials(biasPartials, d_bias, { accumulate })] : []),
  ];
}

function shapeOf({ params, constants }: KernelCall): ProductShape {
  const { m, n, k } = params as { m: number; n: number; k: number };
  const layout = `${constants.TRANSPOSE_A ? "Aᵀ" : "A"}·${constants.TRANSPOSE_B ? "Bᵀ" : "B"}` as const;
  return { layout, m, n, k };
}
