/**
 * The classes of the nearest neighbours.
 *
 * @module
 */

import type { Device } from "../device/device.ts";
import { Graph } from "../graph/graph.ts";
import { product } from "../ops/linear.ts";
import { shuffled } from "./folds.ts";
import { emptyMatrix, type Matrix, rowOf, selectRows } from "./matrix.ts";

/** Numbers of neighbours that are tried. */
const counts = [1, 3, 5, 9, 15, 31] as const;
/** Rows whose neighbours among the others decide how many are asked. */
const MOST_TRIED = 1000;
/** Similarities that are computed at once, 16 MiB of them. */
const AT_ONCE = 1 << 22;

/** What is known, and of what the classes are wanted. */
export interface NeighboursOptions {
  /** Features of the rows that are known: [rows, columns]. */
  readonly features: Matrix;
  /** Class of each. */
  readonly labels: Uint32Array;
  /** Rows of one group are left out together. Default: each row is its own. */
  readonly groups?: Uint32Array | undefined;
  /** Number of classes. */
  readonly classes: number;
  /** Features of the rows whose classes are wanted. */
  readonly wanted: Matrix;
  /** Seed of the rows that decide how many neighbours are asked. */
  readonly seed: number;
}

/**
 * The class that most of the nearest neighbours have, by the cosine; of equally many that of the nearest. How many are asked is
 * what foretells most of the known rows, each left out in turn.
 */
export async function classesByNeighbours(
  device: Device,
  { features, labels, groups, classes, wanted, seed }: NeighboursOptions,
): Promise<{ readonly predictions: Uint32Array<ArrayBuffer>; readonly neighbours: number }> {
  const known = unitRows(features);
  const tried = shuffled(known.rows, { seed, stream: 2 }).slice(0, MOST_TRIED);
  const isSame = (row: number, other: number) => groups ? groups[row] === groups[other] : row === other;
  const most = Math.min(counts.at(-1)!, known.rows - 1);
  const possible = counts.filter((count, i) => i === 0 || count <= most);
  const correct = possible.map(() => 0);
  const left = { most, leftOut: (row: number, other: number) => isSame(tried[row]!, other) };
  await eachNearest(device, { known, rows: selectRows(known, tried), ...left }, (row, others) => {
    for (const [i, count] of possible.entries()) {
      if (others.length > 0 && vote(others.slice(0, count), labels, classes) === labels[tried[row]!]) correct[i]!++;
    }
  });
  const neighbours = possible[correct.indexOf(Math.max(...correct))]!;
  const predictions = new Uint32Array(wanted.rows);
  await eachNearest(device, { known, rows: unitRows(wanted), most: neighbours }, (row, nearest) => {
    predictions[row] = vote(nearest, labels, classes);
  });
  return { predictions, neighbours };
}

/** The most frequent class, of equally frequent ones that of the nearest. */
function vote(nearest: readonly number[], labels: Uint32Array, classes: number): number {
  const votes = new Uint32Array(classes);
  for (const row of nearest) votes[labels[row]!]!++;
  const most = nearest.reduce((most, row) => Math.max(most, votes[labels[row]!]!), 0);
  return labels[nearest.find((row) => votes[labels[row]!] === most)!]!;
}

/** Rows of length 1. */
function unitRows(matrix: Matrix): Matrix {
  const result = emptyMatrix(matrix.rows, matrix.columns);
  for (let row = 0; row < matrix.rows; row++) {
    const [from, to] = [rowOf(matrix, row), rowOf(result, row)];
    let squares = 0;
    for (const value of from) squares += value * value;
    const factor = squares > 0 ? 1 / Math.sqrt(squares) : 0;
    for (const [i, value] of from.entries()) to[i] = factor * value;
  }
  return result;
}

/** Hands out the nearest known rows of each row, the nearest first. */
async function eachNearest(
  device: Device,
  { known, rows, most, leftOut = () => false }: {
    known: Matrix;
    rows: Matrix;
    most: number;
    leftOut?: (row: number, other: number) => boolean;
  },
  visit: (row: number, nearest: readonly number[]) => void,
): Promise<void> {
  const stride = Math.ceil(known.rows / 4) * 4;
  const block = Math.max(1, Math.min(rows.rows, Math.floor(AT_ONCE / stride)));
  const graph = new Graph({ training: false });
  const [a, b] = [
    graph.persistent("rows", [block, rows.columns]),
    graph.persistent("known", [known.rows, rows.columns]),
  ];
  const c = graph.persistent("cosines", [block, stride]);
  product(graph, {
    sizes: { m: block, n: known.rows, k: rows.columns },
    strides: { a_stride: rows.columns, b_stride: rows.columns, c_stride: stride },
    tensors: { a, b, c },
    choices: { transposeB: true },
  });
  const program = await graph.compile(device);
  try {
    device.write(b, known.values);
    for (let first = 0; first < rows.rows; first += block) {
      const count = Math.min(block, rows.rows - first);
      device.write(a, rows.values.subarray(first * rows.columns, (first + count) * rows.columns));
      program.run();
      const [bytes] = await device.read([c]);
      const cosines = new Float32Array(bytes!);
      for (let i = 0; i < count; i++) {
        const own = cosines.subarray(i * stride, i * stride + known.rows);
        visit(first + i, largest(own, most, (other) => leftOut(first + i, other)));
      }
    }
  } finally {
    program.destroy();
  }
}

/** Indices of the largest values, the largest first, of equal ones the first. */
function largest(values: Float32Array, most: number, leftOut: (index: number) => boolean): number[] {
  const found: number[] = [];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (found.length === most && value <= values[found[most - 1]!]! || leftOut(i)) continue;
    let at = found.length === most ? most - 1 : found.length;
    for (; at > 0 && values[found[at - 1]!]! < value; at--) found[at] = found[at - 1]!;
    found[at] = i;
  }
  return found;
}
