import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { dropout, dropoutParams } from "../../lib/ops/dropout.ts";
import { gatherRows } from "../../lib/ops/gather_rows.ts";
import { geglu } from "../../lib/ops/geglu.ts";
import { linear } from "../../lib/ops/linear.ts";
import { type Activation, activations } from "../../lib/tensor/activations.ts";
import { padColumns } from "../../lib/ops/pad_columns.ts";
import { Graph } from "../../lib/graph/graph.ts";
import { philox } from "../../lib/random/philox.ts";
import { checkOp } from "../helpers/check_op.ts";
import { kindTest } from "../helpers/devices.ts";
import * as tape from "../reference/tape.ts";

const firstColumn = (values: number[]) =>
  Float32Array.from({ length: values.length * 8 }, (_, i) => i % 8 ? 0 : values[i / 8]!);

for (const [rows, hidden] of [[1, 4], [7, 12], [65, 340]] as const) {
  kindTest(`geglu() gates [${rows}, ${hidden}]`, (device) =>
    checkOp(device, {
      inputs: { x: { shape: [rows, 8] }, weight: { shape: [2 * hidden, 8], scale: 0.5 } },
      build: (graph, { x, weight }) => geglu(graph, linear(graph, x, weight)),
      reference: ({ x, weight }) => gated(tape.linear(x, weight)),
      tolerance: { atol: 3e-4, rtol: 2e-5 },
    }));
}

for (const activation of activations) {
  kindTest(`geglu() gates by ${activation}`, (device) =>
    checkOp(device, {
      inputs: { x: { shape: [5, 8] }, weight: { shape: [40, 8], scale: 0.7 } },
      build: (graph, { x, weight }) => geglu(graph, linear(graph, x, weight), activation),
      reference: ({ x, weight }) => gated(tape.linear(x, weight), activation),
      tolerance: { atol: 1e-4, rtol: 2e-5 },
    }));
}

for (const activation of activations) {
  kindTest(
    `geglu() by ${activation} of huge and tiny inputs neither overflows nor loses sign`,
    (device) =>
      checkOp(device, {
        // x picks the first column of the weight: the gate's inputs, then the gates
        inputs: {
          x: { shape: [1, 8], values: Float32Array.of(1, 0, 0, 0, 0, 0, 0, 0) },
          weight: { shape: [8, 8], values: firstColumn([-1e12, -5, 1e-20, 1e12, 2, 3, 1e12, -1e-12]) },
        },
        build: (graph, { x, weight }) => geglu(graph, linear(graph, x, weight), activation),
        reference: ({ x, weight }) => gated(tape.linear(x, weight), activation),
        // erf is within 1.5e-7, which its argument of 5 and a gate of 5 multiply
        tolerance: { atol: 1e-5, rtol: 1e-5 },
        gradientTolerance: { atol: 1e-4, rtol: 1e-4 },
        step: 0,
      }),
  );
}

const padded = [[1, 1, 1, 4], [3, 6, 6, 8], [5, 2, 26, 28], [2, 3, 7, 4], [67, 3, 13, 16]] as const;

for (const [rows, groups, from, to] of padded) {
  kindTest(
    `padColumns() makes ${groups} groups of ${from} columns in ${rows} rows ${to} wide`,
    (device) =>
      checkOp(device, {
        inputs: { x: { shape: [rows, groups * from] } },
        build: (graph, { x }) => {
          // a parameter's gradient accumulates, that of what is padded does not
          const clock = graph.persistent("clock", [4], "u32");
          return padColumns(graph, dropout(graph, x, { probability: 0, stream: 0, clock }), { from, to });
        },
        reference: ({ x }) =>
          tape.assemble([
            Array.from({ length: groups * to }, (_, column) => {
              const left = Math.floor(column / to) * from + column % to;
              return column % to < from
                ? tape.block(x, { first: 0, rows, left, columns: 1 })
                : tape.leaf([rows, 1], new Float64Array(rows));
            }),
          ]),
      }),
  );
}

Deno.test("padColumns() rejects rows that are no whole number of groups", () => {
  const graph = new Graph();
  assertThrows(
    () => padColumns(graph, graph.activation("x", [2, 8]), { from: 3, to: 4 }),
    TypeError,
    "Cannot cut x [2,8]",
  );
});

function gated(u: tape.Value, activation: Activation = "gelu"): tape.Value {
  const [rows, columns] = u.shape as [number, number];
  const half = (left: number) => tape.block(u, { first: 0, rows, left, columns: columns / 2 });
  return tape.multiply(tape[activation](half(0)), half(columns / 2));
}

kindTest("gatherRows() takes rows and returns their gradient", (device) => {
  const selection = Uint32Array.of(8, 2, 5, 0, 0);
  const inverse = new Uint32Array(11).fill(0xffffffff);
  inverse[8] = 0;
  inverse[2] = 1;
  inverse[5] = 2;
  // the last two are unused: they read row 0, and the test's gradient for them must go nowhere
  return checkOp(device, {
    inputs: { x: { shape: [11, 12] }, weight: { shape: [12, 12] } },
    data: { selection, inverse },
    build: (graph, { x, weight }, { selection, inverse }) =>
      gatherRows(graph, linear(graph, x, weight), { rows: selection!, inverse: inverse! }),
    reference: ({ x, weight }) => {
      const y = tape.linear(x, weight);
      const used = tape.take(y, [5, 12], (i) => selection[Math.floor(i / 12)]! * 12 + i % 12);
      const unused = tape.leaf(used.shape, used.data);
      return tape.assemble(Array.from({ length: 5 }, (_, row) => [
        tape.block(row < 3 ? used : unused, { first: row, rows: 1, left: 0, columns: 12 }),
      ]));
    },
    // x and weight do change the unused rows, only their gradient is cut: difference quotients would see them
    step: 0,
  });
});

kindTest("dropout() keeps, scales and differentiates by its counter, and adds the residual", (device) => {
  const clock = Uint32Array.of(3, 1000, 1, 0);
  const { threshold, scale } = dropoutParams({ probability: 0.25, stream: 6, clock: undefined! });
  const factors = Float64Array.from({ length: 132 }, (_, i) => {
    const draws = philox([Math.floor(i / 4), 0, 1000, 1], [3, 6], new Uint32Array(4));
    return draws[i % 4]! >= threshold ? scale : 0;
  });
  return checkOp(device, {
    inputs: { x: { shape: [11, 12] }, residual: { shape: [11, 12] } },
    data: { clock },
    build: (graph, { x, residual }, { clock }) =>
      dropout(graph, x, { probability: 0.25, stream: 6, clock: clock!, residual }),
    reference: ({ x, residual }) => tape.add(tape.multiply(x, tape.leaf(x.shape, factors)), residual),
  });
});

kindTest("dropout() keeps the stated share of a million elements", async (device) => {
  const graph = new Graph({ training: false });
  const size = 1 << 20;
  const x = graph.persistent("x", [size]);
  const clock = graph.persistent("clock", [4], "u32");
  const y = graph.keep(dropout(graph, x, { probability: 0.1, stream: 1, clock }));
  const program = await graph.compile(device);
  device.write(x, new Float32Array(size).fill(1));
  program.run();
  const kept = new Float32Array((await device.read([y]))[0]!).filter((value) => value !== 0);
  program.destroy();
  // five standard deviations of a binomial share: chance of a false alarm 6e-7
  assertAlmostEquals(kept.length / size, 0.9, 5 * Math.sqrt(0.09 / size));
  assertAlmostEquals(kept[0]!, 1 / 0.9, 1e-6);
});

Deno.test("dropoutParams() rejects a probability of 1", () => {
  assertThrows(() => dropoutParams({ probability: 1, stream: 0, clock: undefined! }), RangeError, "Cannot drop");
  assertEquals(dropoutParams(undefined).scale, 1);
});
