import type { Graph } from "../graph/graph.ts";
import { product } from "../ops/linear.ts";
import type { Parameter, Tensor } from "../tensor/tensor.ts";
import { type AdamWOptions, cut, recordAdamW } from "./adamw.ts";
import type { ParameterStore } from "./parameter_store.ts";
import { type FinishedStep, recordScale } from "./step.ts";

/** Settings of Muon that do not change from step to step. */
export interface MuonOptions {
  /** Learning rate of the hidden layers' matrices, by that of all other parameters. */
  relativeRate: number;
  /** Decay of the momentum. */
  momentum: number;
}

/** Newton-Schulz steps, and the coefficients of their polynomial $a x + b x^3 + c x^5$ (Jordan et al., 2024). */
const STEPS = 5;
const [A, B, C] = [3.4445, -4.7750, 2.0315];

/** Added to a direction's norm. */
const EPSILON = 1e-7;

/** With singular values larger by this, the polynomial's last coefficient is 1. */
const GAIN = C ** 0.25;
/** The polynomial by its square: $x ((x^2 + SHIFT)^2 + REST)$. */
const SHIFT = B / Math.sqrt(C) / 2;
const REST = A - SHIFT ** 2;

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
  let x = graph.activation(name, [rows, columns]);
  graph.call("muon_direction", {
    tensors: { direction: parameter.gradient, x },
    params: { first, gain: GAIN, epsilon: EPSILON },
  });
  x = orthogonalize(graph, x, identities);
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

/**
 * Brings the singular values of a matrix that are not tiny beside {@linkcode GAIN}, its norm, near that: 5 steps of the Newton-Schulz
 * iteration, $X ← a X + b (X Xᵀ) X + c (X Xᵀ)^2 X$, or from the right for a tall matrix, so that the square products are small. In
 * terms of $X c^{1/4}$ a step is three products: $S = X Xᵀ + s I$, $T = S S + r I$, $X ← T X$.
 */
function orthogonalize(graph: Graph, x: Tensor, identities: Map<string, Tensor>): Tensor {
  const [rows, columns] = x.shape as [number, number];
  const isTall = rows > columns;
  const side = Math.min(rows, columns);
  const square = (name: string) => graph.activation(`${x.name}.${name}`, [side, side]);
  const shift = identity(SHIFT, side, identities);
  const rest = identity(REST, side, identities);
  for (let step = 0; step < STEPS; step++) {
    const [s, t, y] = [square("s"), square("t"), graph.activation(x.name, x.shape)];
    product(graph, {
      sizes: { m: side, n: side, k: Math.max(rows, columns) },
      strides: { a_stride: columns, b_stride: columns, c_stride: side },
      tensors: { a: x, b: x, residual: shift, c: s },
      choices: isTall ? { transposeA: true } : { transposeB: true },
    });
    product(graph, {
      sizes: { m: side, n: side, k: side },
      strides: { a_stride: side, b_stride: side, c_stride: side },
      tensors: { a: s, b: s, residual: rest, c: t },
      choices: {},
    });
    const [a, b] = isTall ? [x, t] : [t, x];
    product(graph, {
      sizes: { m: rows, n: columns, k: side },
      strides: { a_stride: a.shape[1]!, b_stride: columns, c_stride: columns },
      tensors: { a, b, c: y },
      choices: {},
    });
    x = y;
  }
  return x;
}

/** A multiple of the identity: [side, side]. */
function identity(factor: number, side: number, identities: Map<string, Tensor>): Tensor {
  const key = `${factor} ${side}`;
  let tensor = identities.get(key);
  if (!tensor) {
    const values = new Float32Array(side * side);
    for (let i = 0; i < side; i++) values[i * side + i] = factor;
    const shape = [side, side];
    tensor = { name: "identity", shape, dtype: "f32", size: side * side, contents: new Uint32Array(values.buffer) };
    identities.set(key, tensor);
  }
  return tensor;
}
