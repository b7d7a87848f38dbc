import type { Tensor } from "../tensor/tensor.ts";
import type { Graph } from "../graph/graph.ts";

/** Norm below which a vector is divided by this instead, as in PyTorch. */
const EPSILON = 1e-12;

/**
 * $y = scale · x / max(‖x‖, 1e-12)$ for each row of x: [rows, width].
 *
 * @throws {TypeError} if the width is no multiple of 4.
 */
export function l2Normalise(graph: Graph, x: Tensor, { scale = 1 }: { scale?: number } = {}): Tensor {
  const [rows, columns] = x.shape as [number, number];
  if (columns % 4 !== 0) {
    throw new TypeError(`Cannot normalise ${x.name} [${x.shape}]: its width must be a multiple of 4`);
  }
  const y = graph.activation("normalised", x.shape, "f32");
  const norms = graph.activation("norms", [rows], "f32");
  const params = { rows, columns, scale, epsilon: EPSILON };
  graph.call("l2_normalise", { tensors: { x, y, norms }, params });
  graph.onBackward(() => {
    const d_y = graph.gradientOf(y);
    const d_x = graph.gradient(x);
    graph.call("l2_normalise_backward", {
      tensors: { x, norms, d_y, d_x: d_x.tensor },
      params,
      choices: { accumulate: d_x.accumulate },
    });
  });
  return y;
}
