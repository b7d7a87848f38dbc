import type { Tensor } from "../tensor/tensor.ts";
import type { Graph } from "../graph/graph.ts";

/**
 * Makes groups of columns wider with zeros, or cuts them back: [rows, groups · from] to [rows, groups · to]. The gradient goes
 * the other way, so what is padding gives none.
 *
 * @throws {TypeError} if a row is no whole number of groups.
 */
export function padColumns(graph: Graph, x: Tensor, { from, to }: { from: number; to: number }): Tensor {
  const [rows, columns] = x.shape as [number, number];
  const groups = columns / from;
  if (!Number.isInteger(groups)) {
    throw new TypeError(
      `Cannot cut ${x.name} [${x.shape}] into groups of ${from} columns: width must be a multiple of it`,
    );
  }
  const resize = (source: Tensor, target: Tensor, sizes: { from: number; to: number }) => {
    const params = { size: rows * groups * sizes.to, x_columns: sizes.from, y_columns: sizes.to };
    graph.call("pad_columns", { tensors: { x: source, y: target }, params });
  };
  const y = graph.activation(`${x.name}.padded`, [rows, groups * to]);
  resize(x, y, { from, to });
  graph.onBackward(() => {
    const d_y = graph.gradientOf(y);
    const { tensor: d_x, accumulate } = graph.gradient(x);
    if (accumulate) throw new TypeError("Padding must be the only consumer of its input");
    resize(d_y, d_x, { from: to, to: from });
  });
  return y;
}
