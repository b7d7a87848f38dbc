import type { Tensor } from "../tensor/tensor.ts";
import type { Graph } from "../graph/graph.ts";

/** What {@linkcode RowSelection.inverse} holds for rows that are not taken. */
export const NOT_SELECTED = 0xffffffff;

/** Which rows are taken, in both directions. */
export interface RowSelection {
  /** Rows that are taken: u32 [count]; unused room holds 0. */
  readonly rows: Tensor;
  /** Where each row is among those that are taken, or 0xffffffff: u32 [rows]. No row is taken twice. */
  readonly inverse: Tensor;
}

/** Takes rows of x: [rows, width] into y: [count, width]. */
export function gatherRows(graph: Graph, x: Tensor, { rows: selection, inverse }: RowSelection): Tensor {
  const [rows, columns] = x.shape as [number, number];
  const y = graph.activation("selected_rows", [selection.size, columns], x.dtype);
  graph.call("gather_rows", {
    tensors: { selection, x, y },
    params: { count: selection.size, columns },
  });
  graph.onBackward(() => {
    const d_y = graph.gradientOf(y);
    const d_x = graph.gradient(x);
    graph.call("gather_rows_backward", {
      tensors: { inverse, d_y, d_x: d_x.tensor },
      params: { rows, columns },
      choices: { accumulate: d_x.accumulate },
    });
  });
  return y;
}
