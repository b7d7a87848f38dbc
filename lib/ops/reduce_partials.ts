import type { Tensor } from "../tensor/tensor.ts";
import type { GradientTarget, Graph } from "../graph/graph.ts";

/** y (+)= Σ partials over the first dimension: partials: [splits, ...], y: [...]. */
export function reducePartials(graph: Graph, partials: Tensor, { tensor: y, accumulate }: GradientTarget): void {
  const splits = partials.shape[0]!;
  const size = partials.size / splits;
  graph.call("reduce_partials", {
    tensors: { partials, y },
    params: { size, splits },
    constants: { ACCUMULATE: accumulate },
    grid: [size],
  });
}
