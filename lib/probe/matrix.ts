/**
 * Features of examples, a row each.
 *
 * @module
 */

/** Numbers in rows: of a text, a word, or one of its vectors. */
export interface Matrix {
  /** Rows. */
  readonly rows: number;
  /** Numbers of a row, a multiple of four. */
  readonly columns: number;
  /** The numbers, row by row: [rows, columns]. */
  readonly values: Float32Array<ArrayBuffer>;
}

/** A matrix of zeros; columns are rounded up to a multiple of four. */
export function emptyMatrix(rows: number, columns: number): Matrix {
  const padded = Math.ceil(columns / 4) * 4;
  return { rows, columns: padded, values: new Float32Array(rows * padded) };
}

/** A row of a matrix, not copied. */
export function rowOf({ values, columns }: Matrix, row: number): Float32Array<ArrayBuffer> {
  return values.subarray(row * columns, (row + 1) * columns);
}

/** Some rows of a matrix. */
export function selectRows(matrix: Matrix, rows: ArrayLike<number>): Matrix {
  const selected = emptyMatrix(rows.length, matrix.columns);
  for (let i = 0; i < rows.length; i++) rowOf(selected, i).set(rowOf(matrix, rows[i]!));
  return selected;
}

/** Deviation below which a feature says nothing. */
const LEAST_DEVIATION = 1e-6;

/** What features are brought to the same size by: their means and deviations in a matrix. */
export interface Scaling {
  /** Is taken away first: [columns]. */
  readonly means: Float64Array<ArrayBuffer>;
  /** Is multiplied by then: [columns]; 0 for a feature that is always the same. */
  readonly factors: Float64Array<ArrayBuffer>;
}

/** The scaling that gives each feature of a matrix mean 0 and deviation 1. */
export function scalingOf(matrix: Matrix): Scaling {
  const { rows, columns, values } = matrix;
  const [means, squares] = [new Float64Array(columns), new Float64Array(columns)];
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) means[column]! += values[at++]!;
  }
  for (let column = 0; column < columns; column++) means[column]! /= Math.max(1, rows);
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) squares[column]! += (values[at++]! - means[column]!) ** 2;
  }
  const factors = squares.map((sum) => {
    const deviation = Math.sqrt(sum / Math.max(1, rows));
    return deviation > LEAST_DEVIATION ? 1 / deviation : 0;
  });
  return { means, factors };
}

/** A matrix scaled, with a column of ones behind for a classifier's bias, and zeros up to a multiple of four. */
export function scaled(matrix: Matrix, { means, factors }: Scaling): Matrix {
  const { rows, columns } = matrix;
  const result = emptyMatrix(rows, columns + 1);
  for (let row = 0; row < rows; row++) {
    const [from, to] = [rowOf(matrix, row), rowOf(result, row)];
    for (let column = 0; column < columns; column++) to[column] = (from[column]! - means[column]!) * factors[column]!;
    to[columns] = 1;
  }
  return result;
}
