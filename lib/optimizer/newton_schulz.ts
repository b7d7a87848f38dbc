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
 * times {@linkcode GAIN}: five steps of the Newton-Schulz iteration, $X ← (a I + b X Xᵀ + c (X Xᵀ)^2) X$ (Jordan et al., 2024). Takes
 * matrices of any number of rows, and the same side; returns the wide ones.
 *
 * They are made on the small Gram matrices $G = X Xᵀ$ alone. All factors are polynomials of the first of these, so they commute: with
 * $T = G (G + 2 s I) + a I$ the next is $T^2 G$, and the product of all $T$ makes of $X$ what the steps would. For the same reason
 * all are symmetric. All is f32: what is small is enlarged 500 times, rounding too.
 */
export function orthogonalize(graph: Graph, matrices: readonly Matrices[]): Tensor[] {
  const side = matrices[0]!.tall.shape[2]!;
  const total = matrices.reduce((sum, { tall }) => sum + tall.shape[0]!, 0);
  const squares = () => graph.activation("gram", [total, side, side], "f32");
  const multiply = (a: Tensor, b: Tensor) => {
    const c = squares();
    batchProduct(graph, { a, b, c }, { k: side, symmetric: 1 });
    return c;
  };
  const addIdentity = (factor: number, y: Tensor, x?: Tensor) =>
    graph.call("add_identity", { tensors: { x, y }, params: { count: total, side, factor } });
  const first = squares();
  const grams = partsOf(first, matrices.map(({ tall }) => tall.shape[0]!));
  for (const [i, { tall }] of matrices.entries()) {
    batchProduct(graph, { a: tall, b: tall, c: grams[i]! }, { k: tall.shape[1]!, symmetric: 1 });
  }
  let g = first;
  let all: Tensor | undefined;
  for (let step = 1; step <= STEPS; step++) {
    const shifted = squares();
    addIdentity(2 * SHIFT, shifted, g);
    const t = multiply(g, shifted);
    addIdentity(A, t);
    all = all ? multiply(t, all) : t;
    if (step < STEPS) g = multiply(multiply(t, g), t);
  }
  const factors = partsOf(all!, matrices.map(({ tall }) => tall.shape[0]!));
  return matrices.map(({ wide }, i) => {
    const y = graph.activation("orthogonal", wide.shape, "f32");
    batchProduct(graph, { a: factors[i]!, b: wide, c: y }, { k: side, symmetric: 0 });
    return y;
  });
}

/** c = Aᵀ · B for matrices one after the other: c [count, m, n]. */
function batchProduct(
  graph: Graph,
  tensors: { a: Tensor; b: Tensor; c: Tensor },
  { k, symmetric }: { k: number; symmetric: 0 | 1 },
): void {
  const [count, m, n] = tensors.c.shape as [number, number, number];
  graph.call("batch_matmul", { tensors, params: { count, m, n, k, symmetric } });
}

/** Matrices of a batch, so many in each part. */
function partsOf(of: Tensor, counts: readonly number[]): Tensor[] {
  if (counts.length === 1) return [of];
  const [, m, n] = of.shape as [number, number, number];
  let offset = 0;
  return counts.map((count) => {
    const size = count * m * n;
    const part: Tensor = { name: of.name, shape: [count, m, n], dtype: of.dtype, size, part: { of, offset } };
    offset += size;
    return part;
  });
}
