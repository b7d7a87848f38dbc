import type { Parameter, Tensor } from "../tensor/tensor.ts";
import type { Graph } from "../graph/graph.ts";
import { lanesFor } from "./lanes.ts";
import { reducePartials } from "./reduce_partials.ts";

/** Options of {@linkcode layerNorm}. */
export interface LayerNormOptions {
  /** Scale: [width]. */
  weight: Parameter;
  /** Shift: [width]. */
  bias?: Parameter | undefined;
  /** Added to the variance. */
  epsilon: number;
}

/** Layer normalization of each row of x: [rows, width] (Ba, Kiros and Hinton, 2016). */
export function layerNorm(graph: Graph, x: Tensor, { weight, bias, epsilon }: LayerNormOptions): Tensor {
  const [rows, columns] = x.shape as [number, number];
  if (columns % 4 !== 0 || weight.size !== columns) {
    throw new TypeError(
      `Cannot normalise ${x.name} [${x.shape}] with ${weight.name} [${weight.shape}]: width must be equal and a multiple of 4`,
    );
  }
  const columns4 = columns / 4;
  const LANES = lanesFor(columns4);
  const y = graph.activation(`${weight.name}.output`, x.shape);
  const moments = graph.activation(`${weight.name}.moments`, [rows, 2]);
  graph.call("layer_norm", {
    tensors: { x, weight, bias, y, moments },
    params: { rows, columns4, epsilon },
    constants: { LANES, BIAS: bias !== undefined },
    grid: [rows],
  });

  graph.onBackward(() => {
    const d_y = graph.gradientOf(y);
    const block = Math.max(16, Math.ceil(rows * columns4 / (64 * graph.parallelism)));
    const splits = Math.ceil(rows / block);
    const weightPartials = graph.activation(`d_${weight.name}.partials`, [splits, columns]);
    const biasPartials = bias && graph.activation(`d_${bias.name}.partials`, [splits, columns]);
    graph.call("layer_norm_backward_weight", {
      tensors: { x, moments, d_y, weight_partials: weightPartials, bias_partials: biasPartials },
      params: { rows, columns4, block, splits },
      constants: { BIAS: bias !== undefined },
      grid: [splits * columns4],
    });
    reducePartials(graph, weightPartials, { tensor: weight.gradient, accumulate: true });
    if (bias && biasPartials) reducePartials(graph, biasPartials, { tensor: bias.gradient, accumulate: true });
    const d_x = graph.gradient(x);
    graph.call("layer_norm_backward", {
      tensors: { x, weight, moments, d_y, d_x: d_x.tensor },
      params: { rows, columns4 },
      constants: { LANES, ACCUMULATE: d_x.accumulate },
      grid: [rows],
    });
  });
  return y;
}
