import { assertThrows } from "@std/assert";
import { Graph } from "../../lib/graph/graph.ts";
import { l2Normalise } from "../../lib/ops/l2_normalise.ts";
import { meanPool } from "../../lib/ops/mean_pool.ts";
import { similarities } from "../../lib/ops/similarities.ts";
import { checkOp } from "../helpers/check_op.ts";
import { kindTest } from "../helpers/devices.ts";
import * as tape from "../reference/tape.ts";

/** Bounds of documents of these lengths, each at the beginning of a window, with the padding as a second one; one that is empty has none. */
function bounds(lengths: readonly number[], length: number): Uint32Array<ArrayBuffer> {
  return Uint32Array.from(
    lengths.flatMap((end) => Array.from({ length }, (_, i) => i < end || end === 0 ? [0, end] : [end, length]).flat()),
  );
}

/** Means as a product with a matrix of shares: [windows, width]. */
function meansOf(x: tape.Value, lengths: readonly number[], length: number): tape.Value {
  const shares = lengths.flatMap((end, w) =>
    Array.from({ length: lengths.length * length }, (_, row) => {
      const at = row - w * length;
      return at >= 0 && at < end ? 1 / end : 0;
    })
  );
  return tape.matmul(tape.leaf([lengths.length, lengths.length * length], shares), x);
}

/** Rows of length `scale`. */
function normalised(x: tape.Value, scale: number): tape.Value {
  const columns = x.shape[1]!;
  const squares = tape.sumRows(tape.multiply(x, x));
  const inverse = tape.map(squares, (v) => scale * v ** -0.5, (v) => -0.5 * scale * v ** -1.5);
  return tape.multiply(x, tape.spread(inverse, columns));
}

for (
  const [lengths, length, width] of [
    [[1], 1, 4],
    [[3, 1, 5], 5, 12],
    [[7, 0, 2], 9, 68],
    [[70, 129], 130, 20],
    [Array.from({ length: 70 }, (_, i) => 1 + i % 3), 3, 4],
  ] as const
) {
  kindTest(`meanPool() of ${lengths.length} windows of ${length} by ${width}`, (device) =>
    checkOp(device, {
      inputs: { x: { shape: [lengths.length * length, width] } },
      data: { documents: bounds(lengths, length) },
      build: (graph, { x }, { documents }) => meanPool(graph, x, { documents: documents!, windows: lengths.length }),
      reference: ({ x }) => meansOf(x, lengths, length),
    }));
}

for (const scale of [1e-20, 1e20]) {
  kindTest(`meanPool() of numbers of size ${scale}`, (device) =>
    checkOp(device, {
      inputs: { x: { shape: [8, 8], scale } },
      data: { documents: bounds([3, 4], 4) },
      build: (graph, { x }, { documents }) => meanPool(graph, x, { documents: documents!, windows: 2 }),
      reference: ({ x }) => meansOf(x, [3, 4], 4),
      tolerance: { atol: 2e-5 * Math.max(1, scale), rtol: 2e-5 },
      gradientTolerance: { atol: 2e-5, rtol: 2e-5 },
      step: 0,
    }));
}

for (const [rows, width] of [[1, 4], [3, 20], [9, 64], [37, 132], [130, 516], [1100, 4]] as const) {
  kindTest(`l2Normalise() of [${rows}, ${width}]`, (device) =>
    checkOp(device, {
      inputs: { x: { shape: [rows, width] } },
      build: (graph, { x }) => l2Normalise(graph, x, { scale: 4.5 }),
      reference: ({ x }) => normalised(x, 4.5),
      // of rows of four numbers some are near 0, and their gradient is as large as 1 / ‖x‖
      tolerance: { atol: 5e-5, rtol: 5e-5 },
    }));
}

for (const scale of [1e-9, 1e-3, 1e15]) {
  kindTest(`l2Normalise() of rows of size ${scale}`, (device) =>
    checkOp(device, {
      inputs: { x: { shape: [5, 32], scale } },
      build: (graph, { x }) => l2Normalise(graph, x),
      reference: ({ x }) => normalised(x, 1),
      // d_x is as large as 1 / ‖x‖
      gradientTolerance: { atol: 3e-5 / scale, rtol: 3e-5 },
      step: 0,
    }));
}

kindTest(
  "l2Normalise() of a row of zeros is zero, and of one below 1e-12 in proportion, with a finite gradient",
  (device) =>
    checkOp(device, {
      inputs: {
        x: { shape: [2, 8], values: Float32Array.from({ length: 16 }, (_, i) => i < 8 ? 0 : 1e-15 * (i - 10)) },
      },
      build: (graph, { x }) => l2Normalise(graph, x),
      reference: ({ x }) => tape.scale(x, 1e12),
      gradientTolerance: { atol: 1e8, rtol: 1e-5 },
      step: 0,
    }),
);

for (const [m, n, width] of [[1, 1, 4], [3, 5, 8], [9, 9, 68], [66, 70, 20]] as const) {
  kindTest(`similarities() of [${m}, ${width}] and [${n}, ${width}]`, (device) =>
    checkOp(device, {
      inputs: { a: { shape: [m, width] }, b: { shape: [n, width] } },
      build: (graph, { a, b }) => similarities(graph, a, b),
      reference: ({ a, b }) => tape.matmul(a, tape.transpose(b)),
      tolerance: { atol: 5e-5, rtol: 2e-5 },
    }));
}

Deno.test("the operations of vectors of texts name widths that do not fit", () => {
  const graph = new Graph();
  const x = graph.activation("x", [4, 6]);
  const documents = graph.activation("documents", [4, 2], "u32");
  assertThrows(() => meanPool(graph, x, { documents, windows: 2 }), TypeError, "Cannot pool x [4,6]");
  assertThrows(() => l2Normalise(graph, x), TypeError, "Cannot normalise x [4,6]");
  assertThrows(
    () => similarities(graph, x, graph.activation("y", [4, 8])),
    TypeError,
    "Cannot multiply x [4,6] by y [4,8]",
  );
});
