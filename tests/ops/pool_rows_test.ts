import { assertThrows } from "@std/assert";
import { Graph } from "../../lib/graph/graph.ts";
import { poolRows, sharesStride } from "../../lib/ops/pool_rows.ts";
import { checkOp } from "../helpers/check_op.ts";
import { deviceTest, kindTest } from "../helpers/devices.ts";
import { random } from "../helpers/random.ts";
import * as tape from "../reference/tape.ts";

/** Shares of rows in windows: some none, the padding none. */
function someShares(windows: number, rows: number): Float32Array<ArrayBuffer> {
  const next = random(5);
  const stride = sharesStride(rows);
  return Float32Array.from({ length: windows * stride }, (_, i) => i % stride < rows && next() < 0.6 ? next() : 0);
}

for (const [windows, rows, width] of [[1, 1, 4], [3, 21, 12], [5, 37, 68]] as const) {
  deviceTest(`poolRows() of ${rows} rows of ${width} into ${windows} vectors`, async (device) => {
    const shares = someShares(windows, rows);
    const stride = sharesStride(rows);
    const matrix = Float64Array.from(
      { length: windows * rows },
      (_, i) => shares[Math.floor(i / rows) * stride + i % rows]!,
    );
    await checkOp(device, {
      inputs: { x: { shape: [rows, width] } },
      data: { shares },
      build: (graph, { x }, data) => poolRows(graph, x, { windows, shares: data.shares! }),
      reference: ({ x }) => tape.matmul(tape.leaf([windows, rows], matrix), x),
    });
  });
}

kindTest("poolRows() of extreme rows", (device) =>
  checkOp(device, {
    inputs: { x: { shape: [9, 8], scale: 1e30 } },
    data: { shares: someShares(2, 9) },
    build: (graph, { x }, data) => poolRows(graph, x, { windows: 2, shares: data.shares! }),
    reference: ({ x }) => {
      const shares = someShares(2, 9);
      return tape.matmul(
        tape.leaf([2, 9], Float64Array.from({ length: 18 }, (_, i) => shares[Math.floor(i / 9) * 12 + i % 9]!)),
        x,
      );
    },
    tolerance: { atol: 2e25, rtol: 2e-5 },
    gradientTolerance: { atol: 2e-5, rtol: 2e-5 },
    step: 0,
  }));

Deno.test("poolRows() takes shares of every row only", () => {
  const graph = new Graph();
  const [x, shares] = [graph.persistent("x", [6, 8]), graph.persistent("shares", [12])];
  assertThrows(() => poolRows(graph, x, { windows: 2, shares }), TypeError, "Cannot pool x [6,8] into 2 vectors");
});
