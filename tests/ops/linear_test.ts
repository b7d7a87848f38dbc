import { assertThrows } from "@std/assert";
import { Graph } from "../../lib/graph/graph.ts";
import type { Parameter } from "../../lib/tensor/tensor.ts";
import { linear } from "../../lib/ops/linear.ts";
import { activations } from "../../lib/tensor/activations.ts";
import { checkOp } from "../helpers/check_op.ts";
import { kindTest, productTest } from "../helpers/devices.ts";
import * as tape from "../reference/tape.ts";

for (
  const [rows, inputs, outputs] of [[1, 4, 1], [7, 12, 5], [64, 32, 64], [67, 20, 33], [130, 68, 70], [600, 16, 12], [
    150,
    132,
    260,
  ]] as const
) {
  productTest(
    `linear() multiplies [${rows}, ${inputs}] by [${outputs}, ${inputs}]ᵀ with a bias`,
    (device) =>
      checkOp(device, {
        inputs: { x: { shape: [rows, inputs] }, weight: { shape: [outputs, inputs] }, bias: { shape: [outputs] } },
        build: (graph, { x, weight, bias }) => linear(graph, x, weight, { bias }),
        reference: ({ x, weight, bias }) => tape.linear(x, weight, bias),
        // d_weight sums up to 600 products
        tolerance: { atol: 1e-4, rtol: 2e-5 },
      }),
  );
}

for (const activation of activations) {
  productTest(`linear() applies ${activation} and differentiates it`, (device) =>
    checkOp(device, {
      inputs: { x: { shape: [19, 8] }, weight: { shape: [12, 8], scale: 0.7 }, bias: { shape: [12] } },
      build: (graph, { x, weight, bias }) => linear(graph, x, weight, { bias, activation }),
      reference: ({ x, weight, bias }) => tape[activation](tape.linear(x, weight, bias)),
    }));
}

for (const activation of activations) {
  kindTest(`linear() applies ${activation} to huge and tiny inputs without overflow`, (device) => {
    // of more than 1e19 the square has no room in f32
    const huge = activation === "relu2" ? 1e18 : 1e37;
    const column = [-huge, -1e12, -200, -101, -40, -9, -1e-20, 0, 1e-20, 9, 40, 101, 200, 1e12, huge, 5];
    return checkOp(device, {
      // x picks the first column of the weight: 3 outputs more than whole vectors
      inputs: {
        x: { shape: [1, 4], values: Float32Array.of(1, 0, 0, 0) },
        weight: {
          shape: [19, 4],
          values: Float32Array.from({ length: 76 }, (_, i) => i % 4 ? 0 : column[i / 4 % 16]!),
        },
      },
      build: (graph, { x, weight }) => linear(graph, x, weight, { activation }),
      reference: ({ x, weight }) => tape[activation](tape.linear(x, weight)),
      // of 9 the distribution function is 1 but for 1e-7, which a factor of 9 multiplies
      tolerance: { atol: 2e-6, rtol: 1e-6 },
      gradientTolerance: { atol: 2e-6, rtol: 1e-5 },
      step: 0,
    });
  });

  kindTest(`linear() differentiates ${activation} from -12 to 12`, (device) => {
    const count = 97;
    return checkOp(device, {
      inputs: {
        x: { shape: [1, 4], values: Float32Array.of(1, 0, 0, 0) },
        weight: {
          shape: [count, 4],
          values: Float32Array.from({ length: 4 * count }, (_, i) => i % 4 ? 0 : (i / 4 - 48) / 4 + 0.01),
        },
      },
      build: (graph, { x, weight }) => linear(graph, x, weight, { activation }),
      reference: ({ x, weight }) => tape[activation](tape.linear(x, weight)),
      tolerance: { atol: 2e-6, rtol: 2e-6 },
      // d_x sums the products of 97 of them
      gradientTolerance: { atol: 1e-4, rtol: 1e-5 },
      step: 0,
    });
  });
}

// wider than tall, so that threads with a BLAS share out columns, and the last has some more than whole vectors
for (const outputs of [270, 259]) {
  productTest(
    `linear() finishes ${outputs} columns, some at a time, with a bias and an activation`,
    (device) =>
      checkOp(device, {
        inputs: {
          x: { shape: [37, 260] },
          weight: { shape: [outputs, 260], scale: 0.1 },
          bias: { shape: [outputs] },
        },
        build: (graph, { x, weight, bias }) => linear(graph, x, weight, { bias, activation: "gelu" }),
        reference: ({ x, weight, bias }) => tape.gelu(tape.linear(x, weight, bias)),
        tolerance: { atol: 1e-4, rtol: 2e-5 },
      }),
  );
}

productTest("linear() finishes 300 columns, some at a time, with a bias and a residual", (device) =>
  checkOp(device, {
    inputs: { x: { shape: [37, 300] }, weight: { shape: [300, 300], scale: 0.1 }, bias: { shape: [300] } },
    build: (graph, { x, weight, bias }) => linear(graph, x, weight, { bias, residual: x }),
    reference: ({ x, weight, bias }) => tape.add(tape.linear(x, weight, bias), x),
    tolerance: { atol: 1e-4, rtol: 2e-5 },
  }));

productTest("linear() adds a residual and passes its gradient on", (device) =>
  checkOp(device, {
    inputs: { x: { shape: [19, 8] }, weight: { shape: [8, 8] } },
    build: (graph, { x, weight }) => linear(graph, x, weight, { residual: x }),
    reference: ({ x, weight }) => tape.add(tape.linear(x, weight), x),
  }));

productTest("linear() gives an activation with two consumers the sum of their gradients", (device) =>
  checkOp(device, {
    inputs: { x: { shape: [9, 8] }, first: { shape: [8, 8] }, second: { shape: [8, 8] } },
    build: (graph, { x, first, second }) => {
      const middle = linear(graph, x, first);
      return linear(graph, middle, second, { residual: middle });
    },
    reference: ({ x, first, second }) => {
      const middle = tape.linear(x, first);
      return tape.add(tape.linear(middle, second), middle);
    },
    tolerance: { atol: 1e-4, rtol: 2e-5 },
  }));

for (const [scale, other] of [[1e-18, 1e-18], [1e15, 1e-10], [1e-30, 1e20]] as const) {
  productTest(
    `linear() keeps its precision for inputs of size ${scale} and weights of size ${other}`,
    (device) =>
      checkOp(device, {
        inputs: { x: { shape: [5, 8], scale }, weight: { shape: [8, 8], scale: other } },
        build: (graph, { x, weight }) => linear(graph, x, weight),
        reference: ({ x, weight }) => tape.linear(x, weight),
        // below 1e-38 float32 has no normal numbers left, and devices may flush them to zero
        tolerance: { atol: Math.max(2e-5 * scale * other, 2e-36), rtol: 2e-5 },
        gradientTolerance: { atol: 2e-5 * Math.max(scale, other), rtol: 2e-5 },
        step: 0,
      }),
  );
}

Deno.test("linear() rejects widths that do not fit", () => {
  const graph = new Graph();
  const x = graph.activation("x", [2, 8]);
  const weight = { ...graph.activation("w", [4, 12]), gradient: graph.activation("d_w", [4, 12]) } satisfies Parameter;
  assertThrows(() => linear(graph, x, weight), TypeError, "Cannot multiply x [2,8] by w [4,12]");
});
