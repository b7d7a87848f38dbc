import type { Tensor } from "../tensor/tensor.ts";
import type { GradientTarget, Graph } from "../graph/graph.ts";

/** One dropout layer. */
export interface Dropout {
  /** Share of elements that become zero, in [0, 1). */
  readonly probability: number;
  /** Which stream of random numbers is this layer's own. */
  readonly stream: number;
  /** (seed, step, micro-step): u32 [4]; what makes the masks of two steps differ. */
  readonly clock: Tensor;
}

/** The kernels' numbers for a dropout layer: draws below the threshold are dropped, the rest scaled up. */
export function dropoutParams(dropout: Dropout | undefined): { threshold: number; scale: number; stream: number } {
  const probability = dropout?.probability ?? 0;
  if (!(probability >= 0 && probability < 1)) {
    throw new RangeError(`Cannot drop a share of ${probability}: it must be at least 0 and below 1`);
  }
  return { threshold: Math.round(probability * 2 ** 32), scale: 1 / (1 - probability), stream: dropout?.stream ?? 0 };
}

/** y = dropout(x) + residual (Srivastava et al., 2014); the mask is a function of a counter and is never stored. */
export function dropout(graph: Graph, x: Tensor, options: Dropout & { residual?: Tensor | undefined }): Tensor {
  const { clock, residual } = options;
  const params = { size: x.size, ...dropoutParams(options) };
  const y = graph.activation(`${x.name}.dropout`, x.shape);
  graph.call("dropout", {
    tensors: { x, residual, clock, y },
    params,
  });
  graph.onBackward(() => {
    const d_y = graph.gradientOf(y);
    const d_x: GradientTarget = graph.gradient(x);
    graph.call("dropout", {
      tensors: { x: d_y, clock, y: d_x.tensor },
      params,
      choices: { accumulate: d_x.accumulate },
    });
    if (residual) graph.passGradient(d_y, residual);
  });
  return y;
}
