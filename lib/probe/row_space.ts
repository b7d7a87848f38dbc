/**
 * Few rows of many features, as few features: rows span no more directions than there are rows, and L2 is the same in all
 * coordinates that keep lengths.
 *
 * @module
 */

import { emptyMatrix, type Matrix, rowOf } from "./matrix.ts";

/** Rows in coordinates of the space that they span. */
export interface RowSpace {
  /** The rows: as many features as rows, and behind them the bias's ones. */
  readonly features: Matrix;
  /** Column of the bias. */
  readonly bias: number;
  /** Weights [classes, columns] for the features as they were, from those for these. */
  original(weights: Float64Array<ArrayBuffer>, classes: number): Float64Array<ArrayBuffer>;
}

/** Share of the rows' mean square that is added where rows depend on one another. */
const RIDGE = 1e-6;

/** X Xᵀ = L Lᵀ: the rows of L are as long, and lie to one another, as those of X. The bias is apart. */
export function rowSpace(matrix: Matrix, bias: number): RowSpace {
  const { rows, columns } = matrix;
  const l = factored(products(matrix, bias), rows);
  const features = emptyMatrix(rows, rows + 1);
  for (let i = 0; i < rows; i++) {
    const row = rowOf(features, i);
    for (let j = 0; j <= i; j++) row[j] = l[i * rows + j]!;
    row[rows] = 1;
  }
  return {
    features,
    bias: rows,
    original(weights, classes) {
      const result = new Float64Array(classes * columns);
      for (let c = 0; c < classes; c++) {
        const own = result.subarray(c * columns, (c + 1) * columns);
        // $Lᵀ u = w$, and the weights are $Xᵀ u$
        const u = weights.slice(c * features.columns, c * features.columns + rows);
        for (let i = rows - 1; i >= 0; i--) {
          u[i]! /= l[i * rows + i]!;
          for (let k = 0; k < i; k++) u[k]! -= l[i * rows + k]! * u[i]!;
        }
        for (let i = 0; i < rows; i++) for (const [k, x] of rowOf(matrix, i).entries()) own[k]! += u[i]! * x;
        own[bias] = weights[c * features.columns + rows]!;
      }
      return result;
    },
  };
}

/** Products of all pairs of rows, without the bias. */
function products(matrix: Matrix, bias: number): Float64Array<ArrayBuffer> {
  const { rows } = matrix;
  const result = new Float64Array(rows * rows);
  for (let i = 0; i < rows; i++) {
    const a = rowOf(matrix, i);
    for (let j = 0; j <= i; j++) {
      const b = rowOf(matrix, j);
      let sum = -a[bias]! * b[bias]!;
      for (let k = 0; k < a.length; k++) sum += a[k]! * b[k]!;
      result[i * rows + j] = sum;
      result[j * rows + i] = sum;
    }
  }
  return result;
}

/** The lower factor of Cholesky. */
function factored(matrix: Float64Array<ArrayBuffer>, size: number): Float64Array<ArrayBuffer> {
  const l = matrix.slice();
  let trace = 0;
  for (let i = 0; i < size; i++) trace += l[i * size + i]!;
  const ridge = RIDGE * Math.max(1e-9, trace / size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = l[i * size + j]!;
      for (let k = 0; k < j; k++) sum -= l[i * size + k]! * l[j * size + k]!;
      l[i * size + j] = i === j ? Math.sqrt(Math.max(sum, 0) + ridge) : sum / l[j * size + j]!;
    }
  }
  return l;
}
