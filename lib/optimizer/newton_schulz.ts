/**
 * The nearest orthogonal matrix, about, by products alone.
 *
 * @module
 */

import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Steps, and the coefficients of their polynomial $a x + b x^3 + c x^5$ (Jordan et al., 2024). */
const STEPS = 5;
const [A, B, C] = [3.4445, -4.7750, 2.0315];

/** Of a matrix that is larger by this, the polynomial's last coefficient is 1. */
export const GAIN: number = C ** 0.25;

/** The coefficient before it then, halved. */
const SHIFT = B / Math.sqrt(C) / 2;

/** Matrices one after the other, both ways round. */
export interface Matrices {
  /** [count, rows, side], with at least as many rows as columns. */
  readonly tall: Tensor;
  /** [count, side, rows]. */
  readonly wide: Tensor;
}

/**
 * Brings the singular values of matrices of norm {@linkcode GAIN}, if they are no less than some thousandths of that, to 0.7 to 1.2
 * times {@linkcode GAIN}: five steps of the Newton-Schulz iteration, $X ← (a I + b X Xᵀ + c (X Xᵀ)^2) X$ (Jordan et al., 2024).
 * Returns the wide ones.
 *
 * They are made on the small Gram matrices $G = X Xᵀ$ alone. All factors are polynomials of the first of these, so they commute: with
 * $T = G (G + 2 s I) + a I$ the next is $T^2 G$, and the product of all $T$ makes of $X$ what the steps would. For the same reason
 * all are symmetric. All is f32: what is small is enlarged 500 times, rounding too.
 */
export function orthogonalize(graph: Graph, { tall, wide }: Matrices): Tensor {
  const [count, rows, side] = tall.shape as [number, number, number];
  const square = () => graph.activation("gram", [count, side, side], "f32");
  const multiply = (a: Tensor, b: Tensor, k = side) => {
    const c = square();
    const params = { count, m: side, n: side, k, symmetric: 1 };
    graph.call("batch_matmul", { tensors: { a, b, c }, params });
    return c;
  };
  const addIdentity = (factor: number, y: Tensor, x?: Tensor) =>
    graph.call("add_identity", { tensors: { x, y }, params: { count, side, factor } });
  let g = multiply(tall, tall, rows);
  let all: Tensor | undefined;
  for (let step = 1; step <= STEPS; step++) {
    const shifted = square();
    addIdentity(2 * SHIFT, shifted, g);
    const t = multiply(g, shifted);
    addIdentity(A, t);
    all = all ? multiply(t, all) : t;
    if (step < STEPS) g = multiply(multiply(t, g), t);
  }
  const y = graph.activation("orthogonal", wide.shape, "f32");
  graph.call("batch_matmul", {
    tensors: { a: all, b: wide, c: y },
    params: { count, m: side, n: rows, k: side, symmetric: 0 },
  });
  return y;
}
