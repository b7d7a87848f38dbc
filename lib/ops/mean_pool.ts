import type { Tensor } from "../tensor/tensor.ts";
import type { Graph } from "../graph/graph.ts";

/**
 * Mean of each window's first document: x: [windows · length, width] to [windows, width]. A document that is empty gives zeros.
 *
 * @param options.documents Bounds of each row's document, of which those of a window's first row count: u32 [windows · length, 2].
 * @throws {TypeError} if the width is no multiple of 4.
 */
export function meanPool(
  graph: Graph,
  x: Tensor,
  { documents, windows }: { documents: Tensor; windows: number },
): Tensor {
  const [rows, columns] = x.shape as [number, number];
  if (columns % 4 !== 0) throw new TypeError(`Cannot pool ${x.name} [${x.shape}]: its width must be a multiple of 4`);
  const y = graph.activation("pooled", [windows, columns], "f32");
  const params = { windows, length: rows / windows, columns };
  graph.call("mean_pool", { tensors: { documents, x, y }, params });
  graph.onBackward(() => {
    const d_y = graph.gradientOf(y);
    const d_x = graph.gradient(x);
    graph.call("mean_pool_backward", {
      tensors: { documents, d_y, d_x: d_x.tensor },
      params,
      choices: { accumulate: d_x.accumulate },
    });
  });
  return y;
}
