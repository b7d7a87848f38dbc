import { layerNorm } from "../../lib/ops/layer_norm.ts";
import { checkOp } from "../helpers/check_op.ts";
import { kindTest } from "../helpers/devices.ts";
import { normal } from "../helpers/random.ts";
import * as tape from "../reference/tape.ts";

const epsilon = 1e-5;

for (const [rows, width] of [[1, 4], [3, 20], [9, 64], [37, 132], [130, 516], [1100, 4], [5, 2052]] as const) {
  for (const withBias of [false, true]) {
    kindTest(
      `layerNorm() normalises [${rows}, ${width}] ${withBias ? "with" : "without"} bias`,
      (device) =>
        checkOp(device, {
          inputs: { x: { shape: [rows, width] }, weight: { shape: [width] }, bias: { shape: [width] } },
          build: (graph, { x, weight, bias }) =>
            layerNorm(graph, x, { weight, bias: withBias ? bias : undefined, epsilon }),
          reference: ({ x, weight, bias }) => tape.layerNorm(x, { weight, ...(withBias ? { bias } : {}), epsilon }),
          // d_weight sums 130 rows
          tolerance: { atol: 5e-5, rtol: 2e-5 },
        }),
    );
  }
}

for (const scale of [1e-12, 1e-3, 1e12]) {
  kindTest(`layerNorm() normalises rows of size ${scale}`, (device) =>
    checkOp(device, {
      inputs: { x: { shape: [5, 32], scale }, weight: { shape: [32] } },
      build: (graph, { x, weight }) => layerNorm(graph, x, { weight, epsilon }),
      reference: ({ x, weight }) => tape.layerNorm(x, { weight, epsilon }),
      // d_x is as large as rstd
      gradientTolerance: { atol: 3e-5 * Math.max(1, 1 / Math.max(scale, epsilon ** 0.5)), rtol: 3e-5 },
      step: 0,
    }));
}

kindTest("layerNorm() keeps a small variance beside a large mean", (device) =>
  checkOp(device, {
    // float32 itself rounds 1000 + x to steps of 6e-5; the values are what the reference sees as well
    inputs: { x: { shape: [4, 64], values: normal(256, { seed: 3 }).map((v) => 1000 + v) }, weight: { shape: [64] } },
    build: (graph, { x, weight }) => layerNorm(graph, x, { weight, epsilon }),
    reference: ({ x, weight }) => tape.layerNorm(x, { weight, epsilon }),
    // the mean is rounded to 6e-5 of rows whose spread is 1
    tolerance: { atol: 5e-4, rtol: 1e-4 },
    step: 1e-6,
  }));
