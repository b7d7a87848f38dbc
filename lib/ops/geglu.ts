import type { Tensor } from "../device/device.ts";
import type { Graph } from "../graph/graph.ts";

/** y = gelu(u[:, :hidden]) · u[:, hidden:], for u: [rows, 2 · hidden] (Shazeer, 2020). Returns [rows, hidden]. */
export function geglu(graph: Graph, u: Tensor): Tensor {
  const [rows, columns] = u.shape as [number, number];
  if (columns % 8 !== 0) {
    throw new TypeError(`Cannot gate ${u.name} [${u.shape}]: each half must be a multiple of 4 wide`);
  }
  const hidden = columns / 8;
  const y = graph.activation("geglu", [rows, columns / 2]);
  graph.call("geglu", { tensors: { u, y }, params: { rows, hidden }, grid: [rows * hidden] });
  graph.onBackward(() => {
    const d_y = graph.gradientOf(y);
    const { tensor: d_u, accumulate } = graph.gradient(u);
    if (accumulate) throw new TypeError("GeGLU must be the only consumer of its input");
    graph.call("geglu_backward", { tensors: { u, d_y, d_u }, params: { rows, hidden }, grid: [rows * hidden] });
  });
  return y;
}
