import type { Graph } from "../graph/graph.ts";
import { product } from "../ops/linear.ts";
import type { Parameter, Tensor } from "../tensor/tensor.ts";
import { type AdamWOptions, cut, recordAdamW } from "./adamw.ts";
import type { ParameterStore } from "./parameter_store.ts";
import { GAIN, orthogonalize } from "./newton_schulz.ts";
import { type FinishedStep, recordScale } from "./step.ts";

/** Settings of Muon that do not change from step to step. */
export interface MuonOptions {
  /** Learning rate of the hidden layers' matrices, by that of all other parameters. */
  relativeRate: number;
  /** Decay of the momentum. */
  momentum: number;
}

/** Added to a direction's norm. */
const EPSILON = 1e-7;

/**
 * The update of all parameters: global gradient norm, clipping, Muon (Jordan et al., "Muon: an optimizer for hidden layers in
 * neural networks", 2024, https://kellerjordan.github.io/posts/muon) for the matrices of hidden layers, AdamW for all others,
 * cleared gradients. Muon's step is the momentum with its singular values brought near 1 by {@linkcode orthogonalize}, times
 * $\sqrt{max(1, rows / columns)}$, with decoupled weight decay. Matrices that lie one below the other in a parameter, as those of
 * queries, keys and values, are matrices of their own. A step whose loss or norm is not finite changes no parameter.
 *
 * @param options `other`: the step of another loss, recorded before, which is to be finite too.
 */
export function muon(
  graph: Graph,
  store: ParameterStore,
  options: AdamWOptions & FinishedStep & { muon: MuonOptions },
): void {
  const { muon: { momentum: decay } } = options;
  const scale = recordScale(graph, store.gradients, options);
  for (const range of store.outerRanges) {
    recordAdamW(graph, store, { ...options, scale, range, secondMoment: store.outerSecondMoment });
  }
  for (const { begin, end } of store.hiddenRanges) {
    const [gradients, momentum] = [store.gradients, store.firstMoment].map((flat) => cut(flat, begin, end - begin));
    graph.call("muon_momentum", { tensors: { update_scale: scale, gradients, momentum }, params: { decay } });
  }
  const identities = new Map<string, Tensor>();
  for (const { name, matrices } of store.specs) {
    if (!matrices) continue;
    const parameter = store.get(name);
    for (let index = 0; index < matrices; index++) {
      updateMatrix(graph, parameter, { ...options, scale, identities, matrices, index });
    }
  }
}

/** One of the matrices of a parameter, whose gradient is the direction to go by now. */
function updateMatrix(
  graph: Graph,
  parameter: Parameter,
  { step: { scalars }, scale, identities, matrices, index, weightDecay: weight_decay, muon: { relativeRate } }:
    & AdamWOptions
    & FinishedStep
    & {
      muon: MuonOptions;
      scale: Tensor;
      identities: Map<string, Tensor>;
      matrices: number;
      index: number;
    },
): void {
  const [allRows, columns] = parameter.shape as [number, number];
  const rows = allRows / matrices;
  const size = rows * columns;
  const first = index * size;
  const name = `${parameter.name}.direction`;
  let x = graph.activation(name, [rows, columns], "f32");
  graph.call("muon_direction", {
    tensors: { direction: parameter.gradient, x },
    params: { first, gain: GAIN, epsilon: EPSILON },
  });
  x = orthogonalize({ graph, identities }, x);
  graph.call("muon_update", {
    tensors: { scalars, update_scale: scale, x, parameters: parameter, gradients: parameter.gradient },
    params: {
      size,
      first,
      relative_rate: relativeRate,
      gain: Math.sqrt(Math.max(1, rows / columns)) / GAIN,
      weight_decay,
    },
  });
}
