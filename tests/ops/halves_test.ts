// Every kernel on tensors of f16, in every way to compute it. Sizes are no multiples of any tile; checkOp says what f16 allows.
import { groupByToken } from "../../lib/batch/batch.ts";
import type { Graph } from "../../lib/graph/graph.ts";
import { attention } from "../../lib/ops/attention.ts";
import { dropout, dropoutParams } from "../../lib/ops/dropout.ts";
import { embedding } from "../../lib/ops/embedding.ts";
import { gatherRows } from "../../lib/ops/gather_rows.ts";
import { geglu } from "../../lib/ops/geglu.ts";
import { layerNorm } from "../../lib/ops/layer_norm.ts";
import { l2Normalise } from "../../lib/ops/l2_normalise.ts";
import { linear } from "../../lib/ops/linear.ts";
import { meanPool } from "../../lib/ops/mean_pool.ts";
import { padColumns } from "../../lib/ops/pad_columns.ts";
import { rotary, rotaryAngles } from "../../lib/ops/rotary.ts";
import { philox } from "../../lib/random/philox.ts";
import type { Parameter, Tensor } from "../../lib/tensor/tensor.ts";
import { checkOp } from "../helpers/check_op.ts";
import { halfAttention, halfProducts, halfTest } from "../helpers/devices.ts";
import { random } from "../helpers/random.ts";
import * as tape from "../reference/tape.ts";

/** An activation of the same values: what is computed of it has a gradient of f16. */
function activation(graph: Graph, x: Parameter): Tensor {
  const clock = graph.persistent("clock", [4], "u32");
  return dropout(graph, x, { probability: 0, stream: 0, clock });
}

halfTest("meanPool() and l2Normalise() read hidden states of f16", (device) =>
  checkOp(device, {
    inputs: { x: { shape: [14, 20] } },
    data: { documents: Uint32Array.from({ length: 28 }, (_, i) => i % 2 === 0 ? 0 : i < 14 ? 5 : 7) },
    build: (graph, { x }, { documents }) =>
      l2Normalise(graph, meanPool(graph, activation(graph, x), { documents: documents!, windows: 2 }), { scale: 3 }),
    reference: ({ x }) => {
      const shares = Float64Array.from({ length: 28 }, (_, i) => {
        const [window, row] = [Math.floor(i / 14), i % 14];
        const end = window === 0 ? 5 : 7;
        return Math.floor(row / 7) === window && row % 7 < end ? 1 / end : 0;
      });
      const means = tape.matmul(tape.leaf([2, 14], shares), x);
      const squares = tape.sumRows(tape.multiply(means, means));
      const inverse = tape.map(squares, (v) => 3 * v ** -0.5, (v) => -1.5 * v ** -1.5);
      return tape.multiply(means, tape.spread(inverse, 20));
    },
    sums: { terms: 20 },
  }));

halfTest("linear() in f16 multiplies, and adds bias and residual", (device) =>
  checkOp(device, {
    inputs: { x: { shape: [67, 36] }, weight: { shape: [36, 36] }, bias: { shape: [36] } },
    build: (graph, { x, weight, bias }) => {
      const middle = activation(graph, x);
      return linear(graph, middle, weight, { bias, residual: middle });
    },
    reference: ({ x, weight, bias }) => tape.add(tape.linear(x, weight, bias), x),
    // 67 rows make a weight's gradient
    sums: { terms: 67 },
  }), { as: [...halfProducts, "webgpu, f16, tiles of 128 × 128"] });

halfTest(
  "linear() in f16 applies and differentiates an activation, and keeps its padding zero",
  (device) =>
    checkOp(device, {
      inputs: { x: { shape: [19, 8] }, weight: { shape: [33, 8], scale: 0.7 } },
      build: (graph, { x, weight }) => linear(graph, activation(graph, x), weight, { activation: "gelu" }),
      reference: ({ x, weight }) => tape.gelu(tape.linear(x, weight)),
      sums: { terms: 33 },
    }),
  { as: halfProducts },
);

halfTest("linear() in f16 sums a weight's gradient of a thousand rows in slices", (device) =>
  checkOp(device, {
    inputs: { x: { shape: [1030, 8] }, weight: { shape: [9, 8] } },
    build: (graph, { x, weight }) => linear(graph, x, weight),
    reference: ({ x, weight }) => tape.linear(x, weight),
    sums: { terms: 1030 },
  }), { as: halfProducts });

// what f16 holds at all: 6e-5 to 65504 in full precision
for (const [scale, other] of [[2e-3, 20], [2000, 2e-3]] as const) {
  halfTest(
    `linear() in f16 keeps its precision for inputs of size ${scale} and weights of size ${other}`,
    (device) =>
      checkOp(device, {
        inputs: { x: { shape: [5, 8], scale }, weight: { shape: [8, 8], scale: other } },
        build: (graph, { x, weight }) => linear(graph, x, weight),
        reference: ({ x, weight }) => tape.linear(x, weight),
        tolerance: { atol: 0, rtol: 1e-5 },
        gradientTolerance: { atol: 1e-5 * Math.max(scale, other), rtol: 1e-5 },
        sums: { terms: 8, size: Math.max(scale, other) },
        step: 0,
      }),
  );
}

halfTest("attention() in f16 sees a window of documents, and drops", (device) => {
  const [batch, length, heads, headWidth, window] = [1, 70, 2, 16, 20];
  const bounds = [17, 30, 23].flatMap((size, i, sizes) => {
    const start = sizes.slice(0, i).reduce((sum, size) => sum + size, 0);
    return Array<number[]>(size).fill([start, start + size]);
  });
  const apart = (_: number, query: number, key: number) =>
    Math.abs(query - key) > window || key < bounds[query]![0]! || key >= bounds[query]![1]!;
  const clock = Uint32Array.of(11, 5, 2, 0);
  const { threshold, scale } = dropoutParams({ probability: 0.2, stream: 9, clock: undefined! });
  const mask = (sequence: number, head: number, query: number, key: number) => {
    const item = (sequence * heads + head) * length + query;
    const draws = philox([Math.floor(key / 4), item, 5, 2], [11, 9], new Uint32Array(4));
    return draws[key % 4]! >= threshold ? scale : 0;
  };
  return checkOp(device, {
    inputs: { qkv: { shape: [batch * length, 3 * heads * headWidth] } },
    data: { clock, documents: Uint32Array.from(bounds.flat()) },
    build: (graph, { qkv }, { clock, documents }) =>
      attention(graph, activation(graph, qkv), {
        length,
        heads,
        documents,
        window,
        dropout: { probability: 0.2, stream: 9, clock: clock! },
      }),
    reference: ({ qkv }) => tape.attention(qkv, { batch, heads, mask, apart }),
    sums: { terms: 41 },
  });
}, { as: halfAttention });

halfTest("attention() in f16 takes wide heads that are no multiple of four, and turned ones", (device) => {
  const [length, heads, headWidth] = [37, 2, 26];
  const angles = rotaryAngles({ length, headWidth, base: 100 });
  return checkOp(device, {
    inputs: { qkv: { shape: [length, 3 * heads * headWidth] } },
    data: { angles },
    build: (graph, { qkv }, { angles }) => {
      const turned = activation(graph, qkv);
      rotary(graph, turned, { length, heads, angles: angles! });
      return attention(graph, turned, { length, heads });
    },
    reference: ({ qkv }) => tape.attention(qkv, { batch: 1, heads, base: 100 }),
    sums: { terms: length },
  });
}, { as: halfAttention });

halfTest("attention() in f16 survives scores in the hundreds", (device) =>
  checkOp(device, {
    inputs: { qkv: { shape: [33, 24], scale: 12 } },
    build: (graph, { qkv }) => attention(graph, activation(graph, qkv), { length: 33, heads: 2 }),
    reference: ({ qkv }) => tape.attention(qkv, { batch: 1, heads: 2 }),
    tolerance: { atol: 1e-2, rtol: 1e-3 },
    // gradients are as large as values times keys
    sums: { terms: 33, size: 144 },
    step: 0,
  }), { as: halfAttention });

halfTest("layerNorm() in f16 normalises, with statistics in f32", (device) =>
  checkOp(device, {
    inputs: { x: { shape: [37, 132] }, weight: { shape: [132] }, bias: { shape: [132] } },
    build: (graph, { x, weight, bias }) => layerNorm(graph, activation(graph, x), { weight, bias, epsilon: 1e-5 }),
    reference: ({ x, weight, bias }) => tape.layerNorm(x, { weight, bias, epsilon: 1e-5 }),
    sums: { terms: 37 },
  }));

halfTest("layerNorm() in f16 normalises rows whose squares f16 does not hold", (device) =>
  checkOp(device, {
    inputs: { x: { shape: [5, 516], scale: 9000 }, weight: { shape: [516] } },
    build: (graph, { x, weight }) => layerNorm(graph, x, { weight, epsilon: 1e-5 }),
    reference: ({ x, weight }) => tape.layerNorm(x, { weight, epsilon: 1e-5 }),
    sums: { terms: 5 },
    step: 0,
  }));

halfTest("geglu() in f16 gates, forward and backward", (device) =>
  checkOp(device, {
    inputs: { x: { shape: [7, 8] }, weight: { shape: [24, 8], scale: 0.5 } },
    build: (graph, { x, weight }) => geglu(graph, linear(graph, x, weight)),
    reference: ({ x, weight }) => gated(tape.linear(x, weight)),
    sums: { terms: 24, size: 2 },
  }), { as: halfProducts });

function gated(u: tape.Value): tape.Value {
  const [rows, columns] = u.shape as [number, number];
  const half = (left: number) => tape.block(u, { first: 0, rows, left, columns: columns / 2 });
  return tape.multiply(tape.gelu(half(0)), half(columns / 2));
}

halfTest("dropout(), gatherRows() and padColumns() in f16 hand on what they are given", (device) => {
  const selection = Uint32Array.of(8, 2, 5);
  const inverse = new Uint32Array(11).fill(0xffffffff);
  for (const [i, row] of selection.entries()) inverse[row] = i;
  return checkOp(device, {
    inputs: { x: { shape: [11, 12] } },
    data: { selection, inverse },
    build: (graph, { x }, { selection, inverse }) => {
      const taken = gatherRows(graph, activation(graph, x), { rows: selection!, inverse: inverse! });
      return padColumns(graph, taken, { from: 6, to: 5 });
    },
    reference: ({ x }) =>
      tape.take(x, [3, 10], (i) => {
        const [row, column] = [Math.floor(i / 10), i % 10];
        return selection[row]! * 12 + Math.floor(column / 5) * 6 + column % 5;
      }),
    // nothing is computed, so nothing is rounded
    tolerance: { atol: 0, rtol: 0 },
    sums: { terms: 0 },
  });
});

halfTest("embedding() in f16 looks up, and sums gradients of tokens, positions and types in f32", (device) => {
  const [rows, length, vocab, width] = [66, 33, 7, 68];
  const next = random(5);
  const ids = Uint32Array.from({ length: rows }, () => Math.floor(next() * vocab));
  const at = (row: (i: number) => number) => (i: number) => row(Math.floor(i / width)) * width + i % width;
  return checkOp(device, {
    inputs: { token: { shape: [vocab, width] }, position: { shape: [length, width] }, type: { shape: [2, width] } },
    data: { ids, ...groupByToken(ids) },
    build: (graph, { token, position, type }, { ids, unique, starts, order }) =>
      embedding(graph, { ids: ids!, unique: unique!, starts: starts!, order: order! }, {
        token,
        position,
        tokenType: type,
        length,
        scale: 1.5,
      }),
    reference: ({ token, position, type }) => {
      const tokens = tape.scale(tape.take(token, [rows, width], at((row) => ids[row]!)), 1.5);
      const positions = tape.take(position, [rows, width], at((row) => row % length));
      return tape.add(tape.add(tokens, positions), tape.take(type, [rows, width], at(() => 0)));
    },
    sums: { terms: 1 },
  });
});
