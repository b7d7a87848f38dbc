/**
 * The nearest orthogonal matrix, about, by products alone.
 *
 * @module
 */

import type { Graph } from "../graph/graph.ts";
import { product } from "../ops/linear.ts";
import type { OpChoices, Tensor } from "../tensor/tensor.ts";

/** Steps, and the coefficients of their polynomial $a x + b x^3 + c x^5$ (Jordan et al., 2024). */
const STEPS = 5;
const [A, B, C] = [3.4445, -4.7750, 2.0315];

/** Of a matrix that is larger by this, the polynomial's last coefficient is 1. */
export const GAIN: number = C ** 0.25;

/** The polynomial then, by its square: $x ((x^2 + SHIFT)^2 + REST)$. */
const SHIFT = B / Math.sqrt(C) / 2;
const REST = A - SHIFT ** 2;

/** Where calls go, and the multiples of the identity that there are already. */
export interface Recorder {
  readonly graph: Graph;
  readonly identities: Map<string, Tensor>;
}

/** A wide matrix has so many columns for each row, and a tall one so many rows for each column, from which on only squares are multiplied. */
const LONG = 1.5;

/**
 * Brings the singular values of a matrix of norm {@linkcode GAIN}, if they are no less than some thousandths of that, to 0.7 to 1.2
 * times {@linkcode GAIN}: five steps of the Newton-Schulz iteration, $X ← (a I + b X Xᵀ + c (X Xᵀ)^2) X$ (Jordan et al., 2024), of a
 * tall matrix from the other side. All is f32: the iteration enlarges what is small 500 times, rounding too.
 */
export function orthogonalize(recorder: Recorder, x: Tensor): Tensor {
  const [rows, columns] = x.shape as [number, number];
  return Math.max(rows, columns) > LONG * Math.min(rows, columns) ? byGram(recorder, x) : step(recorder, x, STEPS);
}

/** So many steps of a matrix that is about square, of three products each: $S = X Xᵀ + s I$, $T = S^2 + r I$, $X ← T X$. */
function step(recorder: Recorder, x: Tensor, count: number): Tensor {
  const s = gram(recorder, x, SHIFT);
  const t = multiply(recorder, [s, s], REST);
  const y = timesLong(recorder, t, x);
  return count > 1 ? step(recorder, y, count - 1) : y;
}

/**
 * The steps of a long matrix on its Gram matrix $G = X Xᵀ$ alone, of which all factors are polynomials, so that they commute: with
 * $T = G (G + 2 s I) + a I$ the next is $T^2 G$, and the product of all $T$ makes of $X$ what the steps would.
 */
function byGram(recorder: Recorder, x: Tensor): Tensor {
  let g = gram(recorder, x);
  let all: Tensor | undefined;
  for (let i = 0; i < STEPS; i++) {
    const t = multiply(recorder, [g, shifted(recorder, g)], A);
    all = all ? multiply(recorder, [t, all]) : t;
    if (i < STEPS - 1) g = multiply(recorder, [multiply(recorder, [t, g]), t]);
  }
  return timesLong(recorder, all!, x);
}

/** $X Xᵀ$ plus a multiple of the identity, or $Xᵀ X$ of a tall matrix: [side, side]. */
function gram(recorder: Recorder, x: Tensor, shift = 0): Tensor {
  const [rows, columns] = x.shape as [number, number];
  const choices: OpChoices = rows > columns ? { transposeA: true } : { transposeB: true };
  const [side, k] = [Math.min(rows, columns), Math.max(rows, columns)];
  return squareProduct(recorder, [x, x], { side, k, stride: columns, shift, choices });
}

/** The product of two square matrices, plus a multiple of the identity. */
function multiply(recorder: Recorder, factors: readonly [Tensor, Tensor], shift = 0): Tensor {
  const side = factors[0].shape[0]!;
  return squareProduct(recorder, factors, { side, k: side, stride: side, shift, choices: {} });
}

function squareProduct(
  { graph, identities }: Recorder,
  [a, b]: readonly [Tensor, Tensor],
  { side, k, stride, shift, choices }: { side: number; k: number; stride: number; shift: number; choices: OpChoices },
): Tensor {
  const c = graph.activation(`${a.name}²`, [side, side], "f32");
  product(graph, {
    sizes: { m: side, n: side, k },
    strides: { a_stride: stride, b_stride: stride, c_stride: side },
    tensors: { a, b, c, residual: shift === 0 ? undefined : identity(shift, side, identities) },
    choices,
  });
  return c;
}

/** T X, or X T of a tall matrix, whose T commutes with what it was made of. */
function timesLong({ graph }: Recorder, t: Tensor, x: Tensor): Tensor {
  const [rows, columns] = x.shape as [number, number];
  const [a, b] = rows > columns ? [x, t] : [t, x];
  const c = graph.activation(x.name, x.shape, "f32");
  product(graph, {
    sizes: { m: rows, n: columns, k: Math.min(rows, columns) },
    strides: { a_stride: a.shape[1]!, b_stride: columns, c_stride: columns },
    tensors: { a, b, c },
    choices: {},
  });
  return c;
}

/** G + 2 s I. */
function shifted({ graph }: Recorder, g: Tensor): Tensor {
  const y = graph.activation(g.name, g.shape, "f32");
  graph.call("add_identity", { tensors: { x: g, y }, params: { side: g.shape[0]!, factor: 2 * SHIFT } });
  return y;
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
