/**
 * Vectors in a space in which they lie alike in all directions.
 *
 * @module
 */

import { cholesky } from "./cholesky.ts";
import { scaleToUnit } from "./embed.ts";

/** Vectors by which the space is measured; more of them tell hardly more. */
const MOST_MEASURED = 4096;

/**
 * What is added to the variance of every direction, in mean variances: directions in which vectors hardly differ would otherwise
 * count as much as those that tell them apart. `bench/search.ts` tries others.
 */
const RIDGE = 0.1;

/** Mean variance of vectors of length 1 below which they do not differ. */
const LEAST_VARIANCE = 1e-12;

/** Brings a vector into a space, in place. */
export type SpaceMap = (vector: Float64Array<ArrayBuffer>) => void;

/**
 * Whitening (Su et al., Whitening Sentence Representations, 2021): the vectors at length 1, less their mean, and stretched until
 * they vary as much in each direction. Hidden states of models that only predict masked tokens vary in a few directions most of
 * all, which say little of what a text is about.
 *
 * @param vectors [rows, width], one after the other.
 * @param options.ridge What is added to the variance of every direction, in mean variances.
 */
export function whiteningOf(
  vectors: Float32Array,
  width: number,
  { ridge = RIDGE }: { ridge?: number | undefined } = {},
): SpaceMap {
  const rows = vectors.length / width;
  const step = Math.max(1, Math.floor(rows / MOST_MEASURED));
  const measured: Float64Array<ArrayBuffer>[] = [];
  for (let row = 0; row < rows; row += step) {
    const vector = Float64Array.from(vectors.subarray(row * width, (row + 1) * width));
    scaleToUnit(vector);
    measured.push(vector);
  }
  const mean = new Float64Array(width);
  for (const vector of measured) for (let i = 0; i < width; i++) mean[i]! += vector[i]! / measured.length;
  const covariance = new Float64Array(width * width);
  for (const vector of measured) {
    for (let i = 0; i < width; i++) vector[i]! -= mean[i]!;
    for (let i = 0; i < width; i++) {
      const [value, at] = [vector[i]! / measured.length, i * width];
      for (let j = 0; j <= i; j++) covariance[at + j]! += value * vector[j]!;
    }
  }
  let variance = 0;
  for (let i = 0; i < width; i++) variance += covariance[i * width + i]! / width;
  // vectors that are all equal differ by rounding at most
  if (!(variance > LEAST_VARIANCE)) return scaleToUnit;
  for (let i = 0; i < width; i++) covariance[i * width + i]! += ridge * variance;
  const { forward } = cholesky(covariance, width);
  return (vector) => {
    scaleToUnit(vector);
    for (let i = 0; i < width; i++) vector[i]! -= mean[i]!;
    forward(vector);
  };
}
