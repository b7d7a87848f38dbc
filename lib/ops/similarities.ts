import type { Tensor } from "../tensor/tensor.ts";
import type { Graph } from "../graph/graph.ts";
import { product } from "./linear.ts";

/**
 * $y = a · bᵀ$, the product of each row of a: [m, width] with each of b: [n, width], two activations: [m, n padded to a multiple of 4].
 * The gradient of y must be zero in that padding.
 *
 * @throws {TypeError} if the widths are not equal and a multiple of 4.
 */
export function similarities(graph: Graph, a: Tensor, b: Tensor): Tensor {
  const [m, width] = a.shape as [number, number];
  const [n] = b.shape as [number, number];
  if (b.shape[1] !== width || width % 4 !== 0) {
    throw new TypeError(
      `Cannot multiply ${a.name} [${a.shape}] by ${b.name} [${b.shape}]: widths must be equal and a multiple of 4`,
    );
  }
  const stride = Math.ceil(n / 4) * 4;
  const y = graph.activation("similarities", [m, stride], "f32");
  product(graph, {
    sizes: { m, n, k: width },
    strides: { a_stride: width, b_stride: width, c_stride: stride },
    tensors: { a, b, c: y },
    choices: { transposeB: true },
  });
  graph.onBackward(() => {
    const d_y = graph.gradientOf(y);
    const d_a = graph.gradient(a);
    // $d_a = d_y · b$
    product(graph, {
      sizes: { m, n: width, k: n },
      strides: { a_stride: stride, b_stride: width, c_stride: width },
      tensors: { a: d_y, b, c: d_a.tensor },
      choices: { accumulate: d_a.accumulate },
    });
    const d_b = graph.gradient(b);
    // $d_b = d_yᵀ · a$
    product(graph, {
      sizes: { m: n, n: width, k: m },
      strides: { a_stride: stride, b_stride: width, c_stride: width },
      tensors: { a: d_y, b: a, c: d_b.tensor },
      choices: { transposeA: true, accumulate: d_b.accumulate },
    });
  });
  return y;
}
