/**
 * Linear equations with a positive definite matrix.
 *
 * @module
 */

/** Solves A x = b for a factored A; `b` is replaced by x. */
export type Solver = (b: Float64Array<ArrayBuffer>) => void;

/**
 * Factors A = L Lᵀ in a copy (Cholesky).
 *
 * @param matrix [size, size], symmetric and positive definite.
 */
export function cholesky(matrix: Float64Array<ArrayBuffer>, size: number): Solver {
  const l = matrix.slice();
  for (let i = 0; i < size; i++) {
    const row = i * size;
    for (let j = 0; j <= i; j++) {
      const other = j * size;
      let sum = l[row + j]!;
      for (let k = 0; k < j; k++) sum -= l[row + k]! * l[other + k]!;
      // what rounding makes negative is as good as nothing
      l[row + j] = i === j ? Math.sqrt(Math.max(sum, 1e-12)) : sum / l[other + j]!;
    }
  }
  return (b) => {
    for (let i = 0; i < size; i++) {
      let sum = b[i]!;
      for (let k = 0; k < i; k++) sum -= l[i * size + k]! * b[k]!;
      b[i] = sum / l[i * size + i]!;
    }
    for (let i = size - 1; i >= 0; i--) {
      const x = b[i]! / l[i * size + i]!;
      b[i] = x;
      for (let k = 0; k < i; k++) b[k]! -= l[i * size + k]! * x;
    }
  };
}
