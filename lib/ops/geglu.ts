import type { Activation } from "../tensor/activations.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Graph } from "../graph/graph.ts";

/**
 * y = activation(u[:, :hidden]) · u[:, hidden:], for u: [rows, 2 · hidden] (Shazeer, 2020); by default with GELU. Returns
 * [rows, hidden].
 */
export function geglu(graph: Graph, u: Tensor, activation: Activation = "gelu"): Tensor {
  const [rows, columns] = u.shape as [number, number];
  if (columns % 8 !== 0) {
    throw new TypeError(`Cannot gate ${u.name} [${u.shape}]: each half must be a multiple of 4 wide`);
  }
  const y = graph.activation("geglu", [rows, columns / 2]);
  const call = { params: { rows, hidden: columns / 2 }, choices: { activation } };
  graph.call("geglu", { ...call, tensors: { u, y } });
  graph.onBackward(() => {
    const d_y = graph.gradientOf(y);
    const { tensor: d_u, accumulate } = graph.gradient(u);
    if (accumulate) throw new TypeError("GeGLU must be the only consumer of its input");
    graph.call("geglu_backward", { ...call, tensors: { u, d_y, d_u } });
  });
  return y;
}
