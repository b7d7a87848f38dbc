/**
 * The nearest orthogonal matrix, about, by products alone.
 *
 * @module
 */

import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../tensor/tensor.ts";

/**
 * The steps' polynomials $a x + b x^3 + c x^5$: each the best for what the one before makes of singular values from 0.01 to 1 (Amsel et
 * al., "The Polar Express", 2025). These three learn what five with the coefficients of Jordan et al. (2024) do, for two thirds of the
 * products (bench/RESULTS.md).
 */
const STEPS: readonly (readonly [a: number, b: number, c: number])[] = [
  [8.093369, -23.620432, 17.446153],
  [3.636586, -2.721927, 0.536546],
  [2.661300, -1.977155, 0.452616],
];

/** The same as $x (x^4 + cubic x^2 + linear)$: of what is enlarged by `gain`, and leaves the step enlarged by the next one's. */
interface ScaledStep {
  readonly gain: number;
  readonly linear: number;
  readonly cubic: number;
}

/** Steps so scaled that the last one leaves what is enlarged by 1. */
const scaledSteps: readonly ScaledStep[] = STEPS.reduceRight<ScaledStep[]>((later, [a, b, c]) => {
  const next = later[0]?.gain ?? 1;
  const gain = (next * c) ** (1 / 5);
  return [{ gain, linear: a * next / gain, cubic: b * next / gain ** 3 }, ...later];
}, []);

/** Frobenius norm that matrices are to have. */
export const GAIN: number = scaledSteps[0]!.gain;

/** Matrices one after the other, both ways round. */
export interface Matrices {
  /** [count, rows, side], with at least as many rows as columns. */
  readonly tall: Tensor;
  /** [count, side, rows]. */
  readonly wide: Tensor;
}

/**
 * Brings the singular values of matrices of norm {@linkcode GAIN} to 0.73 to 1.27, if they are no less than a hundredth of that, by
 * steps of the Newton-Schulz iteration, $X ← (a I + b X Xᵀ + c (X Xᵀ)^2) X$. Takes matrices of any number of rows, and the same side;
 * returns the wide ones.
 *
 * They are made on the small Gram matrices $G = X Xᵀ$ alone. All factors are polynomials of the first of these, so they commute: with
 * $T = G (G + b I) + a I$ the next is $T^2 G$, and the product of all $T$ makes of $X$ what the steps would. For the same reason
 * all are symmetric. All is f32: what is small is enlarged 78 times, rounding too.
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
  for (const [i, { linear, cubic }] of scaledSteps.entries()) {
    const shifted = squares();
    addIdentity(cubic, shifted, g);
    const t = multiply(g, shifted);
    addIdentity(linear, t);
    all = all ? multiply(t, all) : t;
    if (i < scaledSteps.length - 1) g = multiply(multiply(t, g), t);
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
