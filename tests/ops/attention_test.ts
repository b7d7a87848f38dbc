import { assertEquals } from "@std/assert";
import { attention } from "../../lib/ops/attention.ts";
import type { Parameter, Tensor } from "../../lib/tensor/tensor.ts";
import { Graph } from "../../lib/graph/graph.ts";
import { ParameterStore } from "../../lib/optimizer/parameter_store.ts";
import { rotary, rotaryAngles } from "../../lib/ops/rotary.ts";
import { dropout, dropoutParams } from "../../lib/ops/dropout.ts";
import { philox } from "../../lib/random/philox.ts";
import { checkOp } from "../helpers/check_op.ts";
import { attentionTest, blocksTest, deviceTest, hasBlas, kindTest } from "../helpers/devices.ts";
import { normal } from "../helpers/random.ts";
import * as tape from "../reference/tape.ts";

const shapes = [
  [1, 1, 1, 4],
  [2, 3, 2, 4],
  [3, 8, 2, 12],
  [2, 17, 3, 16],
  [1, 70, 2, 32],
  [1, 5, 1, 64],
  // more than a block of queries, with a BLAS too
  [1, 150, 2, 12],
  // widths that are no multiple of four
  [1, 1, 1, 1],
  [2, 9, 4, 1],
  [2, 5, 2, 6],
  [1, 17, 12, 26],
  [3, 7, 4, 7],
  [1, 50, 2, 255],
] as const;

for (const [batch, length, heads, headWidth] of shapes) {
  attentionTest(
    `attention() attends over ${batch} × ${length} with ${heads} heads of ${headWidth}`,
    (device) =>
      checkOp(device, {
        inputs: { qkv: { shape: [batch * length, 3 * heads * headWidth] } },
        // an activation: attention overwrites the gradient of its input
        build: (graph, { qkv }) => attention(graph, pass(graph, qkv), { length, heads }),
        reference: ({ qkv }) => tape.attention(qkv, { batch, heads }),
        tolerance: { atol: 1e-4, rtol: 2e-5 },
      }),
  );
}

attentionTest("attention() survives scores in the thousands", (device) =>
  checkOp(device, {
    inputs: { qkv: { shape: [9, 24], values: normal(216, { seed: 4, scale: 40 }) } },
    build: (graph, { qkv }) => attention(graph, pass(graph, qkv), { length: 9, heads: 2 }),
    reference: ({ qkv }) => tape.attention(qkv, { batch: 1, heads: 2 }),
    // float32 rounds a score of 5,000 by 3e-4, and a probability by as much; gradients are about 40 times as large
    tolerance: { atol: 40 * 1e-3, rtol: 1e-3 },
    gradientTolerance: { atol: 40 * 40 * 1e-3, rtol: 1e-2 },
    step: 0,
  }));

for (const length of [9, 40]) {
  // WGSL promises nothing of what is no number
  deviceTest(
    `attention() over ${length} positions is no number where a query sees a key that is none, and only there`,
    async (device) => {
      const [heads, width] = [2, 24];
      // the second document's third key, in the first head
      const [half, at] = [Math.ceil(length / 2), Math.ceil(length / 2) + 2];
      const graph = new Graph();
      const parameters = new ParameterStore(device, [{ name: "qkv", shape: [length, 3 * width], decay: true }]);
      const documents = graph.persistent("documents", [2 * length], "u32");
      const y = graph.keep(attention(graph, pass(graph, parameters.get("qkv")), { length, heads, documents }));
      const d_y = graph.persistent("d_y", y.shape);
      graph.seed(y, d_y);
      graph.backward();
      const program = await graph.compile(device);
      try {
        const values = normal(length * 3 * width, { seed: 5 });
        values[at * 3 * width + width] = NaN;
        device.write(parameters.values, parameters.join(new Map([["qkv", values]])));
        device.write(
          documents,
          Uint32Array.from(Array.from({ length }, (_, i) => i < half ? [0, half] : [half, length]).flat()),
        );
        device.write(d_y, normal(length * width, { seed: 6 }));
        program.run();
        const [output, gradients] = await device.read([y, parameters.gradients]);
        const isNone = (array: ArrayBuffer, row: number, column: number, columns: number) =>
          Number.isNaN(new Float32Array(array)[row * columns + column]);
        for (let row = 0; row < length; row++) {
          const [sees, other] = [row >= half, width / heads];
          assertEquals(
            [isNone(output!, row, 0, width), isNone(output!, row, other, width)],
            [sees, false],
            `row ${row}`,
          );
          for (const part of [0, width, 2 * width]) {
            const found = [part, part + other].map((column) => isNone(gradients!, row, column, 3 * width));
            assertEquals(found, [sees, false], `gradient at ${part} of row ${row}`);
          }
        }
      } finally {
        program.destroy();
        parameters.destroy();
      }
    },
    ["cpu", ...(hasBlas ? ["cpu, system BLAS"] : [])],
  );
}

attentionTest("attention() of equal scores is the mean of the values", (device) =>
  checkOp(device, {
    inputs: { qkv: { shape: [6, 12], values: normal(72, { seed: 4 }).map((v, i) => i % 12 < 8 ? 1e-20 * v : v) } },
    build: (graph, { qkv }) => attention(graph, pass(graph, qkv), { length: 6, heads: 1 }),
    reference: ({ qkv }) => tape.attention(qkv, { batch: 1, heads: 1 }),
    step: 0,
  }));

attentionTest("attention() drops probabilities by the counter of their query and key", (device) => {
  const [batch, length, heads] = [2, 7, 2];
  const clock = Uint32Array.of(11, 5, 2, 0);
  const mask = dropoutMask({ probability: 0.3, stream: 9, clock, heads, length });
  return checkOp(device, {
    inputs: { qkv: { shape: [batch * length, 24] } },
    data: { clock },
    build: (graph, { qkv }, { clock }) =>
      attention(graph, pass(graph, qkv), { length, heads, dropout: { probability: 0.3, stream: 9, clock: clock! } }),
    reference: ({ qkv }) => tape.attention(qkv, { batch, heads, mask }),
    tolerance: { atol: 1e-4, rtol: 2e-5 },
  });
});

for (
  const [documentSizes, headWidth] of [
    [[[5, 1, 3], [9]], 4],
    [[[1, 1, 1], [2, 1]], 8],
    [[[17, 30, 23], [49, 21], [70]], 16],
    [[[3, 48, 60, 19]], 32],
    [[[4, 9, 2]], 6],
    [[[1, 50, 13]], 13],
  ] as const
) {
  const heads = 2;
  const length = documentSizes[0].reduce<number>((sum, size) => sum + size, 0);
  const batch = documentSizes.length;
  const bounds = documentSizes.flatMap((sizes) => {
    let start = 0;
    return sizes.flatMap((size) => {
      const bounds = [start, start += size];
      return Array<number[]>(size).fill(bounds);
    });
  });
  const apart = (sequence: number, query: number, key: number) => {
    const [first, behind] = bounds[sequence * length + query] as [number, number];
    return key < first || key >= behind;
  };
  const documents = Uint32Array.from(bounds.flat());
  const name = documentSizes.map((sizes) => sizes.join("+")).join(", ");
  attentionTest(
    `attention() keeps documents of ${name} tokens apart, heads of ${headWidth}`,
    (device) =>
      checkOp(device, {
        inputs: { qkv: { shape: [batch * length, 3 * heads * headWidth] } },
        data: { documents },
        build: (graph, { qkv }, { documents }) => attention(graph, pass(graph, qkv), { length, heads, documents }),
        reference: ({ qkv }) => tape.attention(qkv, { batch, heads, apart }),
        tolerance: { atol: 1e-4, rtol: 2e-5 },
      }),
  );

  const clock = Uint32Array.of(3, 1, 4, 0);
  const mask = dropoutMask({ probability: 0.2, stream: 6, clock, heads, length });
  attentionTest(
    `attention() drops within documents of ${name} tokens by the place in the window`,
    (device) =>
      checkOp(device, {
        inputs: { qkv: { shape: [batch * length, 3 * heads * headWidth] } },
        data: { documents, clock },
        build: (graph, { qkv }, { documents, clock }) =>
          attention(graph, pass(graph, qkv), {
            length,
            heads,
            documents,
            dropout: { probability: 0.2, stream: 6, clock: clock! },
          }),
        reference: ({ qkv }) => tape.attention(qkv, { batch, heads, mask, apart }),
        tolerance: { atol: 1e-4, rtol: 2e-5 },
      }),
  );
}

for (
  const [batch, length, heads, headWidth, window] of [
    [2, 9, 2, 4, 0],
    [1, 3, 1, 8, 7],
    [2, 70, 2, 16, 5],
    [1, 150, 1, 12, 64],
    [1, 211, 2, 32, 48],
    [2, 21, 2, 26, 3],
    [1, 60, 4, 5, 48],
  ] as const
) {
  const shape = `${batch} × ${length} with ${heads} heads of ${headWidth}`;
  const far = (query: number, key: number) => Math.abs(query - key) > window;
  attentionTest(`attention() sees ${window} positions to either side of ${shape}`, (device) =>
    checkOp(device, {
      inputs: { qkv: { shape: [batch * length, 3 * heads * headWidth] } },
      build: (graph, { qkv }) => attention(graph, pass(graph, qkv), { length, heads, window }),
      reference: ({ qkv }) => tape.attention(qkv, { batch, heads, apart: (_, query, key) => far(query, key) }),
      tolerance: { atol: 1e-4, rtol: 2e-5 },
    }));

  const cut = Math.ceil(length / 3);
  const bounds = (position: number) => position < cut ? [0, cut] : [cut, length];
  const documents = Uint32Array.from(Array.from({ length: batch * length }, (_, row) => bounds(row % length)).flat());
  const clock = Uint32Array.of(2, 7, 1, 0);
  const mask = dropoutMask({ probability: 0.25, stream: 3, clock, heads, length });
  attentionTest(
    `attention() sees ${window} positions within two documents of ${shape}, and drops`,
    (device) =>
      checkOp(device, {
        inputs: { qkv: { shape: [batch * length, 3 * heads * headWidth] } },
        data: { documents, clock },
        build: (graph, { qkv }, { documents, clock }) =>
          attention(graph, pass(graph, qkv), {
            length,
            heads,
            window,
            documents,
            dropout: { probability: 0.25, stream: 3, clock: clock! },
          }),
        reference: ({ qkv }) =>
          tape.attention(qkv, {
            batch,
            heads,
            mask,
            apart: (_, query, key) => far(query, key) || (query < cut) !== (key < cut),
          }),
        tolerance: { atol: 1e-4, rtol: 2e-5 },
      }),
  );
}

// blocks are of 32 or 64 rows and columns; of a head, invocations sum one vector each, or two
for (const { scarce, headWidth } of [{ scarce: false, headWidth: 8 }, { scarce: true, headWidth: 36 }]) {
  const tolerance = { atol: 1e-4, rtol: 2e-5 };
  for (const [batch, length, heads] of [[1, 70, 2], [3, 33, 1], ...scarce ? [] : [[2, 20, 3], [3, 1, 2]]] as const) {
    blocksTest(
      `attention() in blocks attends over ${batch} × ${length} with ${heads} heads of ${headWidth}`,
      (device) =>
        checkOp(device, {
          inputs: { qkv: { shape: [batch * length, 3 * heads * headWidth] } },
          build: (graph, { qkv }) => attention(graph, pass(graph, qkv), { length, heads }),
          reference: ({ qkv }) => tape.attention(qkv, { batch, heads }),
          tolerance,
        }),
      { scarce },
    );
  }
  for (const window of [0, 3, 40]) {
    const length = 100;
    blocksTest(
      `attention() in blocks sees ${window} positions to either side of ${length}`,
      (device) =>
        checkOp(device, {
          inputs: { qkv: { shape: [length, 3 * headWidth] } },
          build: (graph, { qkv }) => attention(graph, pass(graph, qkv), { length, heads: 1, window }),
          reference: ({ qkv }) =>
            tape.attention(qkv, { batch: 1, heads: 1, apart: (_, query, key) => Math.abs(query - key) > window }),
          tolerance,
        }),
      { scarce },
    );
  }
  blocksTest(
    "attention() in blocks survives scores in the thousands",
    (device) => {
      const shape = [70, 3 * headWidth] as const;
      return checkOp(device, {
        // the largest are far apart, so that maxima rise from block to block
        inputs: { qkv: { shape, values: normal(shape[0] * shape[1], { seed: 4, scale: 20 }) } },
        build: (graph, { qkv }) => attention(graph, pass(graph, qkv), { length: 70, heads: 1 }),
        reference: ({ qkv }) => tape.attention(qkv, { batch: 1, heads: 1 }),
        // as above: a score of 2,000 is off by 1e-4
        tolerance: { atol: 20 * 1e-3, rtol: 1e-3 },
        gradientTolerance: { atol: 20 * 20 * 1e-3, rtol: 1e-2 },
        step: 0,
      });
    },
    { scarce },
  );
}

for (const window of [100, 12]) {
  const [batch, length, heads, headWidth] = [2, 81, 2, 8];
  // documents that fill blocks, that end within one, of one token, and that leave whole blocks unseen
  const sizes = [[32, 1, 3, 45], [5, 76]];
  const bounds = sizes.flatMap((sizes) => {
    let start = 0;
    return sizes.flatMap((size) => {
      const bounds = [start, start += size];
      return Array<number[]>(size).fill(bounds);
    });
  });
  const apart = (sequence: number, query: number, key: number) => {
    const [first, behind] = bounds[sequence * length + query] as [number, number];
    return key < first || key >= behind || Math.abs(query - key) > window;
  };
  const clock = Uint32Array.of(2, 7, 1, 0);
  const mask = dropoutMask({ probability: 0.25, stream: 3, clock, heads, length });
  blocksTest(
    `attention() in blocks keeps documents apart, sees ${window} positions to either side, and drops`,
    (device) =>
      checkOp(device, {
        inputs: { qkv: { shape: [batch * length, 3 * heads * headWidth] } },
        data: { documents: Uint32Array.from(bounds.flat()), clock },
        build: (graph, { qkv }, { documents, clock }) =>
          attention(graph, pass(graph, qkv), {
            length,
            heads,
            window,
            documents,
            dropout: { probability: 0.25, stream: 3, clock: clock! },
          }),
        reference: ({ qkv }) => tape.attention(qkv, { batch, heads, mask, apart }),
        tolerance: { atol: 1e-4, rtol: 2e-5 },
      }),
  );
}

for (
  const [batch, length, heads, headWidth] of [
    [2, 3, 2, 4],
    [2, 17, 3, 8],
    [1, 300, 1, 64],
    [2, 5, 2, 6],
    [1, 9, 4, 26],
    [1, 4, 6, 2],
  ] as const
) {
  const width = heads * headWidth;
  kindTest(
    `rotary() turns queries and keys at ${batch} × ${length} positions, ${heads} heads of ${headWidth}`,
    async (device) => {
      const angles = rotaryAngles({ length, headWidth, base: 10_000 });
      await checkOp(device, {
        inputs: { qkv: { shape: [batch * length, 3 * width] } },
        data: { angles },
        build: (graph, { qkv }, { angles }) => {
          const turned = pass(graph, qkv);
          rotary(graph, turned, { length, heads, angles: angles! });
          return turned;
        },
        reference: ({ qkv }) =>
          tape.assemble(Array.from({ length: batch }, (_, b) =>
            Array.from({ length: 3 * heads }, (_, part) => {
              const head = tape.block(qkv, {
                first: b * length,
                rows: length,
                left: part * headWidth,
                columns: headWidth,
              });
              return part < 2 * heads ? tape.rotate(head, 10_000) : head;
            }))),
      });
    },
  );
}

/** An activation equal to a parameter, by dropout of nothing: the operation under test then overwrites its gradient. */
function pass(graph: Graph, x: Parameter): Tensor {
  return dropout(graph, x, { probability: 0, stream: 0, clock: graph.persistent("clock", [4], "u32") });
}

/** Dropout's factor of a probability, drawn anew from the counters that the kernels use. */
function dropoutMask(
  { probability, stream, clock, heads, length }: {
    probability: number;
    stream: number;
    clock: Uint32Array;
    heads: number;
    length: number;
  },
): NonNullable<tape.AttentionReference["mask"]> {
  const { threshold, scale } = dropoutParams({ probability, stream, clock: undefined! });
  return (sequence, head, query, key) => {
    const item = (sequence * heads + head) * length + query;
    const draws = philox([Math.floor(key / 4), item, clock[1]!, clock[2]!], [clock[0]!, stream], new Uint32Array(4));
    return draws[key % 4]! >= threshold ? scale : 0;
  };
}
