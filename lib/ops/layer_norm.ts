import type { Parameter, Tensor } from "../tensor/tensor.ts";
import type { Graph } from "../graph/graph.ts";

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
  const y = graph.activation(`${weight.name}.output`, x.shape);
  const moments = graph.activation(`${weight.name}.moments`, [rows, 2], "f32");
  graph.call("layer_norm", {
    tensors: { x, weight, bias, y, moments },
    params: { rows, columns, epsilon },
  });

  graph.onBackward(() => {
    const d_y = graph.gradientOf(y);
    const d_x = graph.gradient(x);
    graph.call("layer_norm_backward", {
      tensors: { x, weight, moments, d_y, d_x: d_x.tensor, d_weight: weight.gradient, d_bias: bias?.gradient },
      params: { rows, columns },
      choices: { accumulate: d_x.accumulate },
    });
  });
  return y;
}
