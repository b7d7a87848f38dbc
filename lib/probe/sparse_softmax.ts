/**
 * The products of a softmax classifier in float64, of features that are mostly zeros, as counts of n-grams are: only the others
 * are multiplied.
 *
 * @module
 */

import type { Matrix } from "./matrix.ts";
import { LEFT_OUT, type SoftmaxProblem } from "./softmax.ts";

/** What is not zero: of each row where it begins, and all columns with their values. */
interface SparseRows {
  readonly begins: Uint32Array;
  readonly columns: Uint32Array;
  readonly values: Float64Array;
}

/** Numbers of a matrix that are not zero. */
export function nonZeros({ values }: Matrix): number {
  let count = 0;
  for (let i = 0; i < values.length; i++) if (values[i] !== 0) count++;
  return count;
}

function sparseRows(matrix: Matrix): SparseRows {
  const count = nonZeros(matrix);
  const [begins, columns] = [new Uint32Array(matrix.rows + 1), new Uint32Array(count)];
  const values = new Float64Array(count);
  let at = 0;
  for (let row = 0, i = 0; row < matrix.rows; row++) {
    begins[row] = at;
    for (let column = 0; column < matrix.columns; column++, i++) {
      if (matrix.values[i] === 0) continue;
      columns[at] = column;
      values[at++] = matrix.values[i]!;
    }
  }
  begins[matrix.rows] = at;
  return { begins, columns, values };
}

/** The same as on a device, to its rounding. */
export function sparseSoftmaxProblem(matrix: Matrix, classes: number): SoftmaxProblem {
  const { begins, columns, values } = sparseRows(matrix);
  // a column's classes side by side: [columns, classes]
  const turned = (weights: Float64Array) => transposed(weights, { rows: classes, columns: matrix.columns });
  const logits = new Float64Array(classes);
  /** Leaves the logits of a row, and returns the logarithm of the sum of their exponentials. */
  function forward(row: number, weights: Float64Array): number {
    logits.fill(0);
    for (let i = begins[row]!; i < begins[row + 1]!; i++) {
      const [value, w] = [values[i]!, columns[i]! * classes];
      for (let c = 0; c < classes; c++) logits[c]! += value * weights[w + c]!;
    }
    let [most, total] = [-Infinity, 0];
    for (let c = 0; c < classes; c++) most = Math.max(most, logits[c]!);
    for (let c = 0; c < classes; c++) total += Math.exp(logits[c]! - most);
    return most + Math.log(total);
  }
  return {
    gradient(weights, labels) {
      const [count, w] = [countOf(labels), turned(weights)];
      const sums = new Float64Array(w.length);
      let value = 0;
      for (const [row, label] of labels.entries()) {
        if (label === LEFT_OUT) continue;
        const logSum = forward(row, w);
        value += logSum - logits[label]!;
        for (let c = 0; c < classes; c++) {
          logits[c] = (Math.exp(logits[c]! - logSum) - (c === label ? 1 : 0)) / count;
        }
        for (let i = begins[row]!; i < begins[row + 1]!; i++) {
          const [x, at] = [values[i]!, columns[i]! * classes];
          for (let c = 0; c < classes; c++) sums[at + c]! += x * logits[c]!;
        }
      }
      const gradient = transposed(sums, { rows: matrix.columns, columns: classes });
      return Promise.resolve({ value: value / count, gradient });
    },
    evaluate(weights, labels) {
      const w = turned(weights);
      const predictions = new Uint32Array(matrix.rows);
      let value = 0;
      for (const [row, label] of labels.entries()) {
        const logSum = forward(row, w);
        predictions[row] = logits.reduce((best, logit, c) => logit > logits[best]! ? c : best, 0);
        if (label !== LEFT_OUT) value += logSum - logits[label]!;
      }
      return Promise.resolve({ value: value / countOf(labels), predictions });
    },
    gram() {
      const gram = new Float64Array(matrix.columns ** 2);
      for (let row = 0; row < matrix.rows; row++) {
        for (let i = begins[row]!; i < begins[row + 1]!; i++) {
          const [factor, at] = [values[i]! / matrix.rows, columns[i]! * matrix.columns];
          for (let j = begins[row]!; j < begins[row + 1]!; j++) gram[at + columns[j]!]! += factor * values[j]!;
        }
      }
      return Promise.resolve(gram);
    },
    destroy() {},
  };
}

/** Labels that count, of which there is at least one. */
const countOf = (labels: Uint32Array) => Math.max(1, labels.reduce((n, label) => label === LEFT_OUT ? n : n + 1, 0));

/** Values [rows, columns] as [columns, rows]. */
function transposed(
  values: Float64Array,
  { rows, columns }: { rows: number; columns: number },
): Float64Array<ArrayBuffer> {
  const result = new Float64Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) result[column * rows + row] = values[row * columns + column]!;
  }
  return result;
}
