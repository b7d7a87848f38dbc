/**
 * The products of a softmax classifier on a device: what costs time in fitting it.
 *
 * @module
 */

import { allocateTensor, type Device, type Program } from "../device/device.ts";
import { Graph } from "../graph/graph.ts";
import { crossEntropy, NO_LABEL } from "../ops/cross_entropy.ts";
import { product } from "../ops/linear.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Matrix } from "./matrix.ts";

/** Class of a row that is left out. */
export const LEFT_OUT: number = NO_LABEL;

/** A softmax classifier's losses on the rows of a matrix. */
export interface SoftmaxProblem {
  /** The mean cross-entropy of the rows that have a class in nats, and its gradient by the weights [classes, columns]. */
  gradient(
    weights: Float64Array<ArrayBuffer>,
    labels: Uint32Array<ArrayBuffer>,
  ): Promise<{ value: number; gradient: Float64Array<ArrayBuffer> }>;
  /** The mean cross-entropy of the rows that have a class, and the likeliest class of each row. */
  evaluate(
    weights: Float64Array<ArrayBuffer>,
    labels: Uint32Array<ArrayBuffer>,
  ): Promise<{ value: number; predictions: Uint32Array<ArrayBuffer> }>;
  /** Xᵀ X / rows: [columns, columns]. */
  gram(): Promise<Float64Array<ArrayBuffer>>;
  /** Gives the memory back. */
  destroy(): void;
}

/** Puts a matrix on a device, and records there what is computed of it for a number of classes. */
export async function softmaxProblem(device: Device, matrix: Matrix, classes: number): Promise<SoftmaxProblem> {
  const { rows, columns, values } = matrix;
  const own: Program[] = [];
  const tensors: ReturnType<typeof allocateTensor>[] = [];
  const tensor = (name: string, shape: readonly number[], dtype: "f32" | "u32" = "f32") => {
    const made = allocateTensor(device, name, { shape, dtype });
    tensors.push(made);
    return made;
  };
  const x = tensor("features", [rows, columns]);
  const shared = {
    x,
    w: tensor("weights of classes", [classes, columns]),
    labels: tensor("classes", [rows], "u32"),
    scalars: tensor("scale", [4]),
  };
  device.write(x, values);
  const learning = await record(device, shared, true);
  const measuring = await record(device, shared, false);
  own.push(learning.program, measuring.program);
  const write = (weights: Float64Array<ArrayBuffer>, labels: Uint32Array<ArrayBuffer>) => {
    const count = labels.reduce((count, label) => label === LEFT_OUT ? count : count + 1, 0);
    device.write(shared.w, Float32Array.from(weights));
    device.write(shared.labels, labels);
    device.write(shared.scalars, Float32Array.of(1 / Math.max(1, count), 0, 0, 0));
    return Math.max(1, count);
  };
  return {
    async gradient(weights, labels) {
      const count = write(weights, labels);
      learning.program.run();
      const [losses, gradient] = await device.read([learning.losses, learning.gradient]);
      return { value: sumOf(losses!, labels) / count, gradient: Float64Array.from(new Float32Array(gradient!)) };
    },
    async evaluate(weights, labels) {
      const count = write(weights, labels);
      measuring.program.run();
      const [losses, predictions] = await device.read([measuring.losses, measuring.predictions]);
      return { value: sumOf(losses!, labels) / count, predictions: new Uint32Array(predictions!) };
    },
    async gram() {
      const graph = new Graph();
      const result = graph.persistent("gram", [columns, columns]);
      product(graph, {
        sizes: { m: columns, n: columns, k: rows },
        strides: { a_stride: columns, b_stride: columns, c_stride: columns },
        tensors: { a: x, b: x, c: result },
        choices: { transposeA: true },
      });
      const program = await graph.compile(device);
      try {
        program.run();
        const [bytes] = await device.read([result]);
        return Float64Array.from(new Float32Array(bytes!), (value) => value / rows);
      } finally {
        program.destroy();
      }
    },
    destroy() {
      for (const program of own) program.destroy();
      for (const { storage } of tensors) storage.buffer.destroy();
    },
  };
}

type Shared = Readonly<Record<"x" | "w" | "labels" | "scalars", Tensor>>;

/** logits = X · Wᵀ, their cross-entropies, and where wanted the gradient by W. */
async function record(device: Device, { x, w, labels, scalars }: Shared, training: boolean) {
  const graph = new Graph({ training });
  const [rows, columns] = x.shape as [number, number];
  const classes = w.shape[0]!;
  const stride = Math.ceil(classes / 4) * 4;
  const logits = graph.activation("logits of classes", [rows, stride]);
  product(graph, {
    sizes: { m: rows, n: classes, k: columns },
    strides: { a_stride: columns, b_stride: columns, c_stride: stride },
    tensors: { a: x, b: w, c: logits },
    choices: { transposeB: true },
  });
  const { losses, predictions } = crossEntropy(graph, logits, { vocab: classes, labels, scalars });
  graph.keep(losses);
  const gradient = graph.persistent("gradient of classes", [classes, columns]);
  if (training) {
    product(graph, {
      sizes: { m: classes, n: columns, k: rows },
      strides: { a_stride: stride, b_stride: columns, c_stride: columns },
      tensors: { a: logits, b: x, c: gradient },
      choices: { transposeA: true },
    });
  }
  return { program: await graph.compile(device), losses, predictions, gradient };
}

/** Σ of the losses of rows with a class. */
function sumOf(losses: ArrayBuffer, labels: Uint32Array): number {
  let sum = 0;
  for (const [row, loss] of new Float32Array(losses).entries()) if (labels[row] !== LEFT_OUT) sum += loss;
  return sum;
}
