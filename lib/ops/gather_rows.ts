import type { Tensor } from "../tensor/tensor.ts";
import type { Graph } from "../graph/graph.ts";

/** Which rows are taken, in both directions. */
export interface RowSelection {
  /** Row of each slot: u32 [slots]; unused slots hold 0. */
  readonly positions: Tensor;
  /** Slot of each row, or 0xffffffff: u32 [rows]. No row has two slots. */
  readonly slots: Tensor;
}

/** Takes rows of x: [rows, width] into y: [slots, width]. */
export function gatherRows(graph: Graph, x: Tensor, { positions, slots }: RowSelection): Tensor {
  const [rows, columns] = x.shape as [number, number];
  const width = columns / 4;
  const y = graph.activation("masked_rows", [positions.size, columns]);
  graph.call("gather_rows", {
    tensors: { positions, x, y },
    params: { slots: positions.size, width },
    grid: [positions.size * width],
  });
  graph.onBackward(() => {
    const d_y = graph.gradientOf(y);
    const d_x = graph.gradient(x);
    graph.call("gather_rows_backward", {
      tensors: { slots, d_y, d_x: d_x.tensor },
      params: { rows, width },
      constants: { ACCUMULATE: d_x.accumulate },
      grid: [rows * width],
    });
  });
  return y;
}
