/**
 * Linear equations with a positive definite matrix.
 *
 * @module
 */

/** A matrix A = L Lᵀ, factored. */
export interface Factored {
  /** Replaces b by the x of L x = b. */
  forward(b: Float64Array<ArrayBuffer>): void;
  /** Replaces b by the x of A x = b. */
  solve(b: Float64Array<ArrayBuffer>): void;
}

/**
 * Factors A = L Lᵀ in a copy (Cholesky).
 *
 * @param matrix [size, size], symmetric and positive definite; what stands above its diagonal is not read.
 */
export function cholesky(matrix: Float64Array<ArrayBuffer>, size: number): Factored {
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
  const forward = (b: Float64Array<ArrayBuffer>) => {
    for (let i = 0; i < size; i++) {
      const row = i * size;
      let sum = b[i]!;
      for (let k = 0; k < i; k++) sum -= l[row + k]! * b[k]!;
      b[i] = sum / l[row + i]!;
    }
  };
  return {
    forward,
    solve(b) {
      forward(b);
      for (let i = size - 1; i >= 0; i--) {
        const x = b[i]! / l[i * size + i]!;
        b[i] = x;
        for (let k = 0; k < i; k++) b[k]! -= l[i * size + k]! * x;
      }
    },
  };
}
