import type { Tensor } from "../tensor/tensor.ts";
import type { Graph } from "../graph/graph.ts";
import { product } from "./linear.ts";

/** Options of {@linkcode poolRows}. */
export interface PoolOptions {
  /** Number of vectors that rows are pooled to. */
  readonly windows: number;
  /** Share of each row in each vector: f32 [windows, rows padded to a multiple of 4], zero in the padding. */
  readonly shares: Tensor;
}

/** Floats between the shares of two vectors. */
export function sharesStride(rows: number): number {
  return Math.ceil(rows / 4) * 4;
}

/** Pools rows of x: [rows, width] into $y = shares · x$: [windows, width], as the mean of each text's tokens is. */
export function poolRows(graph: Graph, x: Tensor, { windows, shares }: PoolOptions): Tensor {
  const [rows, width] = x.shape as [number, number];
  const stride = sharesStride(rows);
  if (shares.size !== windows * stride || width % 4 !== 0) {
    throw new TypeError(`Cannot pool ${x.name} [${x.shape}] into ${windows} vectors by ${shares.size} shares`);
  }
  const y = graph.activation("pooled", [windows, width]);
  product(graph, {
    sizes: { m: windows, n: width, k: rows },
    strides: { a_stride: stride, b_stride: width, c_stride: width },
    tensors: { a: shares, b: x, c: y },
    choices: {},
  });
  graph.onBackward(() => {
    const d_y = graph.gradientOf(y);
    const d_x = graph.gradient(x);
    // $d_x = sharesᵀ · d_y$
    product(graph, {
      sizes: { m: rows, n: width, k: windows },
      strides: { a_stride: stride, b_stride: width, c_stride: width },
      tensors: { a: shares, b: d_y, c: d_x.tensor },
      choices: { transposeA: true, accumulate: d_x.accumulate },
    });
  });
  return y;
}
