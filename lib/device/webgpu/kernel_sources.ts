/**
 * The WGSL kernels: the files that each is put together from, and how many items of its grid a workgroup covers.
 *
 * @module
 */

import activations from "../../../kernels/activations.wgsl" with { type: "text" };
import activationBackward from "../../../kernels/activation_backward.wgsl" with { type: "text" };
import adamw from "../../../kernels/adamw.wgsl" with { type: "text" };
import add from "../../../kernels/add.wgsl" with { type: "text" };
import addIdentity from "../../../kernels/add_identity.wgsl" with { type: "text" };
import attention from "../../../kernels/attention.wgsl" with { type: "text" };
import attentionBackwardKeyValue from "../../../kernels/attention_backward_key_value.wgsl" with { type: "text" };
import attentionBackwardQuery from "../../../kernels/attention_backward_query.wgsl" with { type: "text" };
import attentionBackwardKeyValueBlocked from "../../../kernels/attention_backward_key_value_blocked.wgsl" with {
  type: "text",
};
import attentionBackwardQueryBlocked from "../../../kernels/attention_backward_query_blocked.wgsl" with {
  type: "text",
};
import attentionBlocked from "../../../kernels/attention_blocked.wgsl" with { type: "text" };
import attentionBlocks from "../../../kernels/attention_blocks.wgsl" with { type: "text" };
import attentionCommon from "../../../kernels/attention_common.wgsl" with { type: "text" };
import attentionOwnHeld from "../../../kernels/attention_own_held.wgsl" with { type: "text" };
import attentionOwnRead from "../../../kernels/attention_own_read.wgsl" with { type: "text" };
import crossEntropy from "../../../kernels/cross_entropy.wgsl" with { type: "text" };
import dropout from "../../../kernels/dropout.wgsl" with { type: "text" };
import embedding from "../../../kernels/embedding.wgsl" with { type: "text" };
import embeddingBackward from "../../../kernels/embedding_backward.wgsl" with { type: "text" };
import gatherRows from "../../../kernels/gather_rows.wgsl" with { type: "text" };
import gatherRowsBackward from "../../../kernels/gather_rows_backward.wgsl" with { type: "text" };
import geglu from "../../../kernels/geglu.wgsl" with { type: "text" };
import gegluBackward from "../../../kernels/geglu_backward.wgsl" with { type: "text" };
import gelu from "../../../kernels/gelu.wgsl" with { type: "text" };
import keep from "../../../kernels/keep.wgsl" with { type: "text" };
import l2Normalise from "../../../kernels/l2_normalise.wgsl" with { type: "text" };
import l2NormaliseBackward from "../../../kernels/l2_normalise_backward.wgsl" with { type: "text" };
import layerNorm from "../../../kernels/layer_norm.wgsl" with { type: "text" };
import layerNormBackward from "../../../kernels/layer_norm_backward.wgsl" with { type: "text" };
import matmulDirect from "../../../kernels/matmul_direct.wgsl" with { type: "text" };
import matmulEpilogue from "../../../kernels/matmul_epilogue.wgsl" with { type: "text" };
import matmulTiled from "../../../kernels/matmul_tiled.wgsl" with { type: "text" };
import meanPool from "../../../kernels/mean_pool.wgsl" with { type: "text" };
import meanPoolBackward from "../../../kernels/mean_pool_backward.wgsl" with { type: "text" };
import muonBlocks from "../../../kernels/muon_blocks.wgsl" with { type: "text" };
import muonDirection from "../../../kernels/muon_direction.wgsl" with { type: "text" };
import muonMomentum from "../../../kernels/muon_momentum.wgsl" with { type: "text" };
import muonNorm from "../../../kernels/muon_norm.wgsl" with { type: "text" };
import muonUpdate from "../../../kernels/muon_update.wgsl" with { type: "text" };
import padColumns from "../../../kernels/pad_columns.wgsl" with { type: "text" };
import philox from "../../../kernels/philox.wgsl" with { type: "text" };
import recordStep from "../../../kernels/record_step.wgsl" with { type: "text" };
import reduceMany from "../../../kernels/reduce_many.wgsl" with { type: "text" };
import reducePartials from "../../../kernels/reduce_partials.wgsl" with { type: "text" };
import roundWeights from "../../../kernels/round_weights.wgsl" with { type: "text" };
import rotary from "../../../kernels/rotary.wgsl" with { type: "text" };
import rowReduce from "../../../kernels/row_reduce.wgsl" with { type: "text" };
import squareSum from "../../../kernels/square_sum.wgsl" with { type: "text" };
import sumLoss from "../../../kernels/sum_loss.wgsl" with { type: "text" };
import sumRows from "../../../kernels/sum_rows.wgsl" with { type: "text" };
import workgroup from "../../../kernels/workgroup.wgsl" with { type: "text" };
import { parseShader } from "./wgsl.ts";

/** Source of a kernel and the part of the grid that one workgroup covers. */
export interface KernelSource {
  readonly source: string;
  /** The files that it is put together from, and how many lines of it are from each. */
  readonly files: readonly { readonly name: string; readonly lines: number }[];
  readonly items: (constants: Constants) => Grid;
  /** Loops of constant length are written out before it is compiled. */
  readonly unrolled: boolean;
  /** Workgroup variables that hold nothing but what was read of some bindings, and are as exact in the type of those. */
  readonly copies: (constants: Constants) => Readonly<Record<string, readonly string[]>>;
}

type Constants = Readonly<Record<string, number | boolean>>;
type Files = Readonly<Record<string, string>>;
type Grid = readonly [number, number, number];

/** An item for each invocation. */
const flat = (files: Files) => kernelSource({ workgroup, ...files }, (size) => size);
/** An item, which is a row, for every LANES invocations. */
const rows = (files: Files) =>
  kernelSource({ workgroup, rowReduce, ...files }, ([x], { LANES }) => [x / Number(LANES), 1, 1]);
/** An item for all invocations together. */
const whole = (files: Files) => kernelSource({ workgroup, ...files }, () => [1, 1, 1]);
/** An item, which is a sum, for every LANES invocations. */
const sums = (files: Files) => kernelSource({ workgroup, ...files }, ([x], { LANES = 1 }) => [x / Number(LANES), 1, 1]);
/** Items in two dimensions, so many for each invocation. */
const blocks = (columns: number, rows: number, files: Files) =>
  kernelSource(files, ([x, y]) => [x * columns, y * rows, 1]);
/** Items in two dimensions, in tiles. */
const tiles = (files: Files) =>
  kernelSource(files, (_, { ROWS, COLUMNS }) => [64 * Number(COLUMNS), 64 * Number(ROWS), 1], {
    unrolled: true,
    // the sums that make a bias's gradient lie where A was
    copies: ({ BIAS_GRADIENT }) => ({ ...(BIAS_GRADIENT ? {} : { a_tile: ["a"] }), b_tile: ["b"] }),
  });

/** An item for all invocations together: a block of attention's rows. */
const attentionBlock = (files: Files) =>
  kernelSource({ philox, keep, attentionCommon, attentionBlocks, ...files }, () => [1, 1, 1], {
    unrolled: true,
    copies: () => ({ tiles: ["qkv", "d_output"], own: ["qkv"] }),
  });

/** Puts a kernel together from the texts of files, by their names in camel case. */
export function kernelSource(
  files: Files,
  items: (workgroupSize: Grid, constants: Constants) => Grid,
  { unrolled = false, copies = () => ({}) }: Partial<Pick<KernelSource, "unrolled" | "copies">> = {},
): KernelSource {
  const source = Object.values(files).join("\n");
  const { workgroupSize } = parseShader(source);
  return {
    source,
    files: Object.entries(files).map(([name, text]) => ({
      name: `${name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}.wgsl`,
      lines: text.split("\n").length,
    })),
    items: (constants) => items(workgroupSize, constants),
    unrolled,
    copies,
  };
}

/** Every kernel by name. */
export const kernelSources: Readonly<Record<string, KernelSource>> = {
  activation_backward: flat({ gelu, activations, activationBackward }),
  adamw: flat({ adamw }),
  add: flat({ add }),
  add_identity: flat({ addIdentity }),
  attention: flat({ philox, keep, attentionCommon, attention }),
  attention_backward_key_value: flat({ philox, keep, attentionCommon, attentionBackwardKeyValue }),
  attention_backward_key_value_blocked: attentionBlock({ attentionBackwardKeyValueBlocked }),
  attention_backward_query: flat({ philox, keep, attentionCommon, attentionBackwardQuery }),
  attention_backward_query_blocked: attentionBlock({ attentionBackwardQueryBlocked }),
  attention_blocked: attentionBlock({ attentionOwnHeld, attentionBlocked }),
  attention_blocked_read: attentionBlock({ attentionOwnRead, attentionBlocked }),
  cross_entropy: rows({ crossEntropy }),
  dropout: flat({ philox, keep, dropout }),
  embedding: flat({ embedding }),
  embedding_backward: kernelSource({ embeddingBackward }, () => [1, 1, 1], { unrolled: true }),
  gather_rows: flat({ gatherRows }),
  gather_rows_backward: flat({ gatherRowsBackward }),
  geglu: flat({ gelu, activations, geglu }),
  geglu_backward: flat({ gelu, activations, gegluBackward }),
  l2_normalise: rows({ l2Normalise }),
  l2_normalise_backward: rows({ l2NormaliseBackward }),
  layer_norm: rows({ layerNorm }),
  layer_norm_backward: kernelSource({ workgroup, rowReduce, gelu, activations, layerNormBackward }, () => [1, 1, 1], {
    unrolled: true,
  }),
  matmul_direct: blocks(8, 8, { gelu, activations, matmulEpilogue, matmulDirect }),
  matmul_tiled: tiles({ gelu, activations, matmulEpilogue, matmulTiled }),
  mean_pool: flat({ meanPool }),
  mean_pool_backward: flat({ meanPoolBackward }),
  muon_direction: flat({ muonBlocks, muonDirection }),
  muon_momentum: flat({ muonMomentum }),
  muon_norm: whole({ muonNorm }),
  muon_update: flat({ muonBlocks, muonUpdate }),
  pad_columns: flat({ padColumns }),
  record_step: whole({ recordStep }),
  reduce_many: kernelSource({ workgroup, reduceMany }, () => [1, 1, 1], { unrolled: true }),
  reduce_partials: sums({ reducePartials }),
  rotary: flat({ rotary }),
  round_weights: flat({ roundWeights }),
  square_sum: whole({ squareSum }),
  sum_loss: whole({ sumLoss }),
  sum_rows: flat({ sumRows }),
};
