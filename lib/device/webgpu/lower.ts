/**
 * What operations become on a GPU: which variant of a kernel, in how many workgroups, and which long sums are split.
 *
 * @module
 */

import type { KernelCall, OpCall, Tensor } from "../../tensor/tensor.ts";
import { type LoweringTarget, lowerOp, reducePartials, scratch } from "../lowering.ts";
import {
  type AttentionPass,
  type AttentionRule,
  chooseAttention,
  chooseProduct,
  epilogueOf,
  lanesFor,
  normBlocks,
  partialLanes,
  type ProductRule,
  type ProductShape,
  sliceLength,
} from "./choices.ts";

/** What lowering to a GPU depends on. */
export type GpuTarget = LoweringTarget & ProductRule & AttentionRule;

/** The kernels that an operation calls on a GPU. */
export function lower(call: OpCall, target: GpuTarget): KernelCall[] {
  if (call.op === "attention_backward") return attentionBackward(call, target);
  const calls = call.op === "layer_norm_backward" ? layerNormBackward(call, target) : lowerOp(call, target);
  return calls
    .flatMap((kernelCall) => kernelCall.kernel === "matmul" ? matmul(kernelCall, target) : [kernelCall])
    .map((kernelCall) => kernelCall.kernel === "batch_matmul" ? batchProduct(kernelCall, target) : kernelCall)
    .map((kernelCall) => shared(kernelCall, target));
}

/** A call with the number of invocations that share each of its rows, or sums. */
function shared(call: KernelCall, target: GpuTarget): KernelCall {
  const { parallelism } = target;
  const { kernel, params } = call as KernelCall & { params: Record<string, number> };
  const withLanes = (LANES: number) => ({ ...call, constants: { ...call.constants, LANES } });
  switch (kernel) {
    case "attention":
      return attentionPass(call, target);
    case "embedding_backward":
      return { ...call, grid: [params.rows!, 1, 1] };
    case "l2_normalise":
    case "l2_normalise_backward":
    case "layer_norm":
      return withLanes(lanesFor(params.columns4!));
    case "cross_entropy":
      return withLanes(lanesFor(params.vocab! / 4));
    case "reduce_partials":
      return withLanes(partialLanes({ size: params.size!, splits: params.splits! }, parallelism));
    default:
      return call;
  }
}

/**
 * The gradients of a norm: one kernel makes that of its input, and for blocks of rows the partial sums of its weight's and
 * bias's.
 */
function layerNormBackward({ tensors, params, choices }: OpCall, { parallelism }: GpuTarget): KernelCall[] {
  const { d_weight, d_bias, ...others } = tensors as { d_weight: Tensor; d_bias?: Tensor };
  const { rows, columns } = params as { rows: number; columns: number };
  const { lanes, block } = normBlocks({ rows, columns4: columns / 4 }, parallelism);
  const splits = Math.ceil(rows / block);
  const partialsOf = (tensor: Tensor) => scratch(`${tensor.name}.partials`, [splits, columns]);
  const weightPartials = partialsOf(d_weight);
  const biasPartials = d_bias && partialsOf(d_bias);
  return [
    {
      kernel: "layer_norm_backward",
      tensors: {
        ...others,
        weight_partials: weightPartials,
        ...(biasPartials ? { bias_partials: biasPartials } : {}),
      },
      params: { rows, columns4: columns / 4, block },
      constants: {
        ACCUMULATE: choices.accumulate ?? false,
        BIAS: biasPartials !== undefined,
        LANES: lanes,
        VECTORS: Math.ceil(columns / 4 / lanes),
      },
      grid: [splits, 1, 1],
    },
    reducePartials(weightPartials, d_weight, { accumulate: true }),
    ...(biasPartials ? [reducePartials(biasPartials, d_bias, { accumulate: true })] : []),
  ];
}

/** One kernel walks queries, the other keys; both need Σ d_output · output of each row, which the first leaves behind. */
function attentionBackward(call: OpCall, target: GpuTarget): KernelCall[] {
  const [{ tensors: { output, ...shared }, ...rest }] = lowerOp({ ...call, op: "attention" }, target) as [KernelCall];
  const delta = scratch("delta", shared.logsumexp!.shape);
  return [
    { ...rest, kernel: "attention_backward_query", tensors: { ...shared, output: output!, delta } },
    { ...rest, kernel: "attention_backward_key_value", tensors: { ...shared, delta } },
  ].map((pass) => attentionPass(pass, target));
}

/** A call of one of attention's kernels, in blocks where they pay. */
function attentionPass(call: KernelCall, target: GpuTarget): KernelCall {
  const { batch, heads, length } = call.params as { batch: number; heads: number; length: number };
  const columns4 = Number(call.constants.HEAD_COLUMNS4);
  const choice = chooseAttention(call.kernel as AttentionPass, { length, columns4 }, target);
  if (!choice) return call;
  const { kernel, rows, constants } = choice;
  const blocks = batch * heads * Math.ceil(length / rows);
  return { ...call, kernel, constants: { ...call.constants, ...constants }, grid: [blocks, 1, 1] };
}

function matmul(call: KernelCall, target: GpuTarget): KernelCall[] {
  const shape = shapeOf(call);
  const { m, n, k } = shape;
  const { BIAS, ACTIVATION, RESIDUAL, KEEP_INPUT } = call.constants;
  const { variant, tile = [64, 64], splits: wanted } = chooseProduct(shape, target);
  // what comes after a sum can only be done where the sum is whole
  const splits = BIAS || ACTIVATION || RESIDUAL || KEEP_INPUT ? 1 : wanted;
  const split_k = sliceLength(k, splits);
  const slices = Math.ceil(k / split_k);
  const tiles = variant === "tiled" ? { ROWS: tile[0] / 64, COLUMNS: tile[1] / 64 } : {};
  const constants = { ...call.constants, ...tiles };
  const product = {
    ...call,
    kernel: `matmul_${variant}`,
    constants,
    params: { ...call.params, split_k, pair: 0, period: 0 },
  };
  if (slices === 1) return [{ ...product, grid: [n, m, 1] }];
  const { c, d_bias, ...operands } = call.tensors as { c: Tensor; d_bias?: Tensor };
  const partials = scratch(`${c.name}.partials`, [slices, m, call.params.c_stride!]);
  const biasPartials = d_bias && scratch(`${d_bias.name}.partials`, [slices, m]);
  const accumulate = Boolean(call.constants.ACCUMULATE);
  return [
    {
      ...product,
      tensors: { ...operands, c: partials, ...(biasPartials ? { d_bias: biasPartials } : {}) },
      constants: { ...constants, ACCUMULATE: false },
      grid: [n, m, slices],
    },
    reducePartials(partials, c, { accumulate }),
    ...(biasPartials ? [reducePartials(biasPartials, d_bias, { accumulate })] : []),
  ];
}

/** Several products Aᵀ · B are the slices of one of all their sums one after the other, which nobody adds up. */
function batchProduct({ tensors, params }: KernelCall, { variant, tile = [64, 64] }: GpuTarget): KernelCall {
  const { count, m, n, k } = params as Record<"count" | "m" | "n" | "k", number>;
  return {
    kernel: `matmul_${variant}`,
    tensors,
    params: { m, n, k: count * k, split_k: k, a_stride: m, b_stride: n, c_stride: n, pair: 0, period: 0 },
    constants: { TRANSPOSE_A: true, ...(variant === "tiled" ? { ROWS: tile[0] / 64, COLUMNS: tile[1] / 64 } : {}) },
    grid: [n, m, count],
  };
}

function shapeOf({ tensors, params, constants }: KernelCall): ProductShape {
  const { m, n, k } = params as { m: number; n: number; k: number };
  const layout = `${constants.TRANSPOSE_A ? "Aᵀ" : "A"}·${constants.TRANSPOSE_B ? "Bᵀ" : "B"}` as const;
  const dtype = tensors.a!.dtype === "f16" ? "f16" : undefined;
  return { layout, m, n, k, dtype, epilogue: epilogueOf(constants) };
}
