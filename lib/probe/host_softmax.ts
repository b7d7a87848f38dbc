/**
 * The products of a softmax classifier in plain float64: for so few rows that a device is not worth waking.
 *
 * @module
 */

import type { Matrix } from "./matrix.ts";
import { LEFT_OUT, type SoftmaxProblem } from "./softmax.ts";

/** The same as on a device, to its rounding. */
export function hostSoftmaxProblem(matrix: Matrix, classes: number): SoftmaxProblem {
  const { rows, columns, values } = matrix;
  const features = Float64Array.from(values);
  /** Goes over the rows: probabilities of the classes, and the row's class. */
  function pass(weights: Float64Array, visit: (row: number, logits: Float64Array, logSum: number) => void): void {
    const logits = new Float64Array(classes);
    for (let row = 0; row < rows; row++) {
      let most = -Infinity;
      for (let c = 0; c < classes; c++) {
        let sum = 0;
        for (let k = 0, x = row * columns, w = c * columns; k < columns; k++) sum += features[x + k]! * weights[w + k]!;
        logits[c] = sum;
        most = Math.max(most, sum);
      }
      let total = 0;
      for (let c = 0; c < classes; c++) total += Math.exp(logits[c]! - most);
      visit(row, logits, most + Math.log(total));
    }
  }
  const countOf = (labels: Uint32Array) => Math.max(1, labels.reduce((n, label) => label === LEFT_OUT ? n : n + 1, 0));
  return {
    gradient(weights, labels) {
      const count = countOf(labels);
      const gradient = new Float64Array(classes * columns);
      let value = 0;
      pass(weights, (row, logits, logSum) => {
        const label = labels[row]!;
        if (label === LEFT_OUT) return;
        value += logSum - logits[label]!;
        for (let c = 0; c < classes; c++) {
          const factor = (Math.exp(logits[c]! - logSum) - (c === label ? 1 : 0)) / count;
          for (let k = 0, x = row * columns, w = c * columns; k < columns; k++) {
            gradient[w + k]! += factor * features[x + k]!;
          }
        }
      });
      return Promise.resolve({ value: value / count, gradient });
    },
    evaluate(weights, labels) {
      const predictions = new Uint32Array(rows);
      let value = 0;
      pass(weights, (row, logits, logSum) => {
        predictions[row] = logits.reduce((best, logit, c) => logit > logits[best]! ? c : best, 0);
        if (labels[row] !== LEFT_OUT) value += logSum - logits[labels[row]!]!;
      });
      return Promise.resolve({ value: value / countOf(labels), predictions });
    },
    gram() {
      const gram = new Float64Array(columns * columns);
      for (let row = 0; row < rows; row++) {
        const x = row * columns;
        for (let i = 0; i < columns; i++) {
          const factor = features[x + i]! / rows;
          if (factor === 0) continue;
          for (let j = 0; j < columns; j++) gram[i * columns + j]! += factor * features[x + j]!;
        }
      }
      return Promise.resolve(gram);
    },
    destroy() {},
  };
}
