import { assert, assertEquals } from "@std/assert";
import type { Device } from "../../lib/device/device.ts";
import { Graph } from "../../lib/graph/graph.ts";
import { crossEntropy, NO_LABEL } from "../../lib/ops/cross_entropy.ts";
import { assertClose, type Tolerance } from "../helpers/assert_close.ts";
import { kindTest } from "../helpers/devices.ts";
import { normal, random } from "../helpers/random.ts";
import * as tape from "../reference/tape.ts";

/** Runs the loss on its own and compares loss, accuracy, predictions and gradient with the float64 reference. */
async function check(
  device: Device,
  { rows, vocab, scale = 1, weighs, tolerance = { atol: 2e-6, rtol: 1e-5 } }: {
    rows: number;
    vocab: number;
    scale?: number;
    /** Weight of a row. Default: none has one. */
    weighs?: (row: number) => number;
    tolerance?: Tolerance;
  },
): Promise<void> {
  const stride = Math.ceil(vocab / 4) * 4;
  const values = normal(rows * vocab, { seed: 1, scale });
  const next = random(2);
  const labels = Uint32Array.from({ length: rows }, (_, i) => i % 5 === 4 ? NO_LABEL : Math.floor(next() * vocab));
  const counted = [...labels.keys()].filter((at) => labels[at] !== NO_LABEL);
  const lossScale = 0.125;

  const graph = new Graph();
  const logits = graph.persistent("logits", [rows, stride]);
  const tensors = {
    labels: graph.persistent("labels", [rows], "u32"),
    scalars: graph.persistent("scalars", [4]),
    totals: graph.persistent("totals", [4]),
  };
  const weights = weighs && graph.persistent("weights", [rows]);
  const { losses, predictions } = crossEntropy(graph, logits, { vocab, ...tensors, weights });
  graph.keep(losses);
  const program = await graph.compile(device);
  try {
    const padded = new Float32Array(rows * stride).fill(123);
    for (let at = 0; at < rows; at++) {
      padded.set(values.subarray(at * vocab, (at + 1) * vocab), at * stride);
    }
    device.write(logits, padded);
    device.write(tensors.labels, labels);
    if (weights) device.write(weights, Float32Array.from({ length: rows }, (_, row) => weighs(row)));
    device.write(tensors.scalars, Float32Array.of(lossScale, 0, 0, 0));
    program.run();
    const read = await device.read([logits, losses, predictions, tensors.totals]);
    const [gradient, lossOf] = [new Float32Array(read[0]!), new Float32Array(read[1]!)];
    const [predicted, totals] = [new Uint32Array(read[2]!), new Float32Array(read[3]!)];

    const expectedGradient = new Float64Array(rows * stride);
    let loss = 0;
    let correct = 0;
    for (let at = 0; at < rows; at++) {
      const row = values.subarray(at * vocab, (at + 1) * vocab);
      const best = row.indexOf(row.reduce((a, b) => Math.max(a, b)));
      assertEquals(predicted[at], best);
      if (labels[at] === NO_LABEL) {
        assertEquals(lossOf[at], 0);
        continue;
      }
      correct += Number(best === labels[at]);
      const x = tape.leaf([1, vocab], row);
      const y = tape.crossEntropy(x, [labels[at]!], weighs?.(at) ?? 1);
      tape.backpropagate(y, [lossScale]);
      expectedGradient.set(x.grad, at * stride);
      assertClose([lossOf[at]!], y.data, { ...tolerance, label: `loss of at ${at}` });
      loss += y.data[0]!;
    }
    assertClose(gradient, expectedGradient, { ...tolerance, label: "d_logits" });
    assertClose(totals, [loss, correct, counted.length, 0], { atol: 1e-5, rtol: 1e-5, label: "totals" });
  } finally {
    program.destroy();
  }
}

// weights of float32, so that the reference has the same ones
const uneven = (row: number) => Math.fround([0, 1, 0.3, 7.25, 1e-3][row % 5]!);

for (const [rows, vocab] of [[1, 1], [7, 5], [33, 70], [3, 2053]] as const) {
  kindTest(
    `crossEntropy() of ${rows} weighted rows over ${vocab} classes`,
    (device) => check(device, { rows, vocab, weighs: uneven, tolerance: { atol: 1e-5, rtol: 1e-5 } }),
  );
}

kindTest("crossEntropy() of weighted rows with logits in the thousands", (device) =>
  // float32 rounds logits of 1e4 to 1e-3, and the largest weight is 7
  check(device, { rows: 20, vocab: 70, scale: 1e4, weighs: uneven, tolerance: { atol: 7e-2, rtol: 1e-5 } }));

for (const [rows, vocab] of [[1, 1], [7, 5], [33, 70], [9, 600], [3, 2053], [2, 30522]] as const) {
  kindTest(`crossEntropy() of ${rows} rows over ${vocab} tokens`, (device) => check(device, { rows, vocab }));
}

kindTest("crossEntropy() of logits in the thousands", (device) =>
  // float32 rounds logits of 1e4 to 1e-3
  check(device, { rows: 20, vocab: 70, scale: 1e4, tolerance: { atol: 1e-2, rtol: 1e-5 } }));

kindTest("crossEntropy() of logits near zero", (device) => check(device, { rows: 20, vocab: 70, scale: 1e-30 }));

kindTest("crossEntropy() is 0 without any label", async (device) => {
  const graph = new Graph();
  const logits = graph.persistent("logits", [6, 12]);
  const labels = graph.persistent("labels", [6], "u32");
  const scalars = graph.persistent("scalars", [4]);
  const totals = graph.persistent("totals", [4]);
  crossEntropy(graph, logits, { vocab: 10, labels, scalars, totals });
  const program = await graph.compile(device);
  device.write(logits, normal(72, { seed: 1 }));
  device.write(labels, new Uint32Array(6).fill(NO_LABEL));
  device.write(scalars, Float32Array.of(1, 0, 0, 0));
  program.run();
  const [gradient, sums] = await device.read([logits, totals]);
  program.destroy();
  assert(new Float32Array(gradient!).every((value) => value === 0));
  assertEquals([...new Float32Array(sums!)], [0, 0, 0, 0]);
});
