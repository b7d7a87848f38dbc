/**
 * The WGSL kernels: the files that each is put together from, and how many items of its grid a workgroup covers.
 *
 * @module
 */

import activations from "../../../kernels/activations.wgsl" with { type: "text" };
import activationBackward from "../../../kernels/activation_backward.wgsl" with { type: "text" };
import adamw from "../../../kernels/adamw.wgsl" with { type: "text" };
import add from "../../../kernels/add.wgsl" with { type: "text" };
import attention from "../../../kernels/attention.wgsl" with { type: "text" };
import attentionBackwardKeyValue from "../../../kernels/attention_backward_key_value.wgsl" with { type: "text" };
import attentionBackwardQuery from "../../../kernels/attention_backward_query.wgsl" with { type: "text" };
import attentionCommon from "../../../kernels/attention_common.wgsl" with { type: "text" };
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
import layerNorm from "../../../kernels/layer_norm.wgsl" with { type: "text" };
import layerNormBackward from "../../../kernels/layer_norm_backward.wgsl" with { type: "text" };
import layerNormBackwardWeight from "../../../kernels/layer_norm_backward_weight.wgsl" with { type: "text" };
import matmulDirect from "../../../kernels/matmul_direct.wgsl" with { type: "text" };
import matmulEpilogue from "../../../kernels/matmul_epilogue.wgsl" with { type: "text" };
import matmulTiled from "../../../kernels/matmul_tiled.wgsl" with { type: "text" };
import padColumns from "../../../kernels/pad_columns.wgsl" with { type: "text" };
import philox from "../../../kernels/philox.wgsl" with { type: "text" };
import recordStep from "../../../kernels/record_step.wgsl" with { type: "text" };
import reducePartials from "../../../kernels/reduce_partials.wgsl" with { type: "text" };
import rotary from "../../../kernels/rotary.wgsl" with { type: "text" };
import rowReduce from "../../../kernels/row_reduce.wgsl" with { type: "text" };
import squareSum from "../../../kernels/square_sum.wgsl" with { type: "text" };
import sumLoss from "../../../kernels/sum_loss.wgsl" with { type: "text" };
import sumRows from "../../../kernels/sum_rows.wgsl" with { type: "text" };

/** Source of a kernel and the part of the grid that one workgroup covers. */
export interface KernelSource {
  readonly source: string;
  readonly items: (constants: Readonly<Record<string, number | boolean>>) => readonly [number, number, number];
}

const flat = (items: number) => () => [items, 1, 1] as const;
const rows = ({ LANES }: Readonly<Record<string, number | boolean>>) => [64 / Number(LANES), 1, 1] as const;

function kernel(items: KernelSource["items"], ...parts: string[]): KernelSource {
  return { source: parts.join("\n"), items };
}

/** Every kernel by name. */
export const kernelSources: Readonly<Record<string, KernelSource>> = {
  activation_backward: kernel(flat(64), gelu, activations, activationBackward),
  adamw: kernel(flat(64), adamw),
  add: kernel(flat(64), add),
  attention: kernel(flat(64), philox, keep, attentionCommon, attention),
  attention_backward_key_value: kernel(flat(64), philox, keep, attentionCommon, attentionBackwardKeyValue),
  attention_backward_query: kernel(flat(64), philox, keep, attentionCommon, attentionBackwardQuery),
  cross_entropy: kernel(rows, rowReduce, crossEntropy),
  dropout: kernel(flat(64), philox, keep, dropout),
  embedding: kernel(flat(64), embedding),
  embedding_backward: kernel(flat(64), embeddingBackward),
  gather_rows: kernel(flat(64), gatherRows),
  gather_rows_backward: kernel(flat(64), gatherRowsBackward),
  geglu: kernel(flat(64), gelu, activations, geglu),
  geglu_backward: kernel(flat(64), gelu, activations, gegluBackward),
  layer_norm: kernel(rows, rowReduce, layerNorm),
  layer_norm_backward: kernel(rows, rowReduce, layerNormBackward),
  layer_norm_backward_weight: kernel(flat(64), layerNormBackwardWeight),
  matmul_direct: kernel(() => [64, 64, 1], gelu, activations, matmulEpilogue, matmulDirect),
  matmul_tiled: kernel(() => [64, 64, 1], gelu, activations, matmulEpilogue, matmulTiled),
  pad_columns: kernel(flat(64), padColumns),
  record_step: kernel(flat(1), recordStep),
  reduce_partials: kernel(flat(256), reducePartials),
  rotary: kernel(flat(64), rotary),
  square_sum: kernel(flat(1), squareSum),
  sum_loss: kernel(flat(1), sumLoss),
  sum_rows: kernel(flat(64), sumRows),
};
