/** Muon (Jordan et al., 2024) in float64, from its formulas, on matrices as lists of rows; and singular values to judge it by. */

export type Rows = readonly (readonly number[])[];

/** Coefficients of each step. */
const steps = [[8.093369, -23.620432, 17.446153], [3.636586, -2.721927, 0.536546], [2.661300, -1.977155, 0.452616]];

export const transposed = (x: Rows): number[][] => x[0]!.map((_, j) => x.map((row) => row[j]!));

export function times(x: Rows, y: Rows): number[][] {
  return x.map((row) => y[0]!.map((_, j) => row.reduce((sum, value, k) => sum + value * y[k]![j]!, 0)));
}

export function rowsOf(flat: ArrayLike<number>, columns: number): number[][] {
  const rows = flat.length / columns;
  return Array.from({ length: rows }, (_, i) => Array.from({ length: columns }, (_, j) => flat[i * columns + j]!));
}

/** Steps of X ← a X + (b A + c A²) X with A = X Xᵀ, of a matrix that is no taller than wide, divided by its norm. */
export function orthogonalized(direction: Rows): number[][] {
  if (direction.length > direction[0]!.length) return transposed(orthogonalized(transposed(direction)));
  const norm = Math.hypot(...direction.flat()) + 1e-7;
  let x = direction.map((row) => row.map((value) => value / norm));
  for (const [a = 0, b = 0, c = 0] of steps) {
    const gram = times(x, transposed(x));
    const squared = times(gram, gram);
    const factor = gram.map((row, i) => row.map((value, j) => b * value + c * squared[i]![j]!));
    const changed = times(factor, x);
    x = x.map((row, i) => row.map((value, j) => a * value + changed[i]![j]!));
  }
  return x;
}

/**
 * Muon for one matrix; the momentum begins at zero. Returns what the parameters become by a gradient that is clipped already, which is
 * what they are at a rate of 0.
 */
export function muon({ momentum, weightDecay }: { momentum: number; weightDecay: number }) {
  let mean: number[][] | undefined;
  return (parameter: Rows, gradient: Rows, rate: number): number[][] => {
    const before = mean ?? gradient.map((row) => row.map(() => 0));
    const after = gradient.map((row, i) => row.map((g, j) => momentum * before[i]![j]! + (1 - momentum) * g));
    const ahead = gradient.map((row, i) => row.map((g, j) => (1 - momentum) * g + momentum * after[i]![j]!));
    mean = after;
    if (rate === 0) return parameter.map((row) => [...row]);
    const step = orthogonalized(ahead);
    const gain = Math.sqrt(Math.max(1, parameter.length / parameter[0]!.length));
    return parameter.map((row, i) => row.map((p, j) => p - rate * (gain * step[i]![j]! + weightDecay * p)));
  };
}

/** Singular values, the largest first, by turning pairs of rows until all are orthogonal (Hestenes, 1958). */
export function singularValues(matrix: Rows): number[] {
  const x = (matrix.length > matrix[0]!.length ? transposed(matrix) : matrix).map((row) => [...row]);
  const dot = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
  for (let sweep = 0, largest = 1; largest > 1e-12 && sweep < 60; sweep++) {
    largest = 0;
    for (let i = 0; i < x.length; i++) {
      for (let j = i + 1; j < x.length; j++) {
        const [alpha, beta, gamma] = [dot(x[i]!, x[i]!), dot(x[j]!, x[j]!), dot(x[i]!, x[j]!)];
        if (gamma === 0) continue;
        largest = Math.max(largest, Math.abs(gamma) / Math.sqrt(alpha * beta));
        const zeta = (beta - alpha) / (2 * gamma);
        const tangent = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.hypot(1, zeta));
        const cosine = 1 / Math.hypot(1, tangent);
        const sine = cosine * tangent;
        const [a, b] = [x[i]!, x[j]!];
        x[i] = a.map((value, k) => cosine * value - sine * b[k]!);
        x[j] = b.map((value, k) => sine * a[k]! + cosine * value);
      }
    }
  }
  return x.map((row) => Math.hypot(...row)).sort((a, b) => b - a);
}
