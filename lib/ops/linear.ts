import type { Parameter, Tensor } from "../tensor/tensor.ts";
import type { Graph } from "../graph/graph.ts";
import { reducePartials } from "./reduce_partials.ts";

/** Activation functions by name. */
export const activations = ["gelu", "relu", "gelu_tanh", "silu"] as const;
/** An activation function: GELU by the error function or by its approximation with tanh, ReLU, or SiLU, which is x · sigmoid(x). */
export type Activation = typeof activations[number];

/** The kernels' numbers for activations: kernels/activations.wgsl. */
export const activationCode: Readonly<Record<Activation, number>> = { gelu: 1, relu: 2, gelu_tanh: 3, silu: 4 };

/** Options of {@linkcode linear}. */
export interface LinearOptions {
  /** Added to every row: [outputs]. */
  bias?: Parameter | undefined;
  /** Applied to the sum. */
  activation?: Activation | undefined;
  /** Added last: [rows, outputs]. Not together with an activation. */
  residual?: Tensor | undefined;
}

/**
 * y = activation(x · Wᵀ + bias) + residual, for x: [rows, inputs] and W: [outputs, inputs].
 *
 * Rows of y are padded to a multiple of four floats. The gradient of y must be zero in that padding.
 *
 * @throws {TypeError} if the shapes do not fit.
 */
export function linear(graph: Graph, x: Tensor, weight: Parameter, options: LinearOptions = {}): Tensor {
  const { bias, activation, residual } = options;
  const [rows, inputs] = x.shape as [number, number];
  const [outputs] = weight.shape as [number, number];
  if (weight.shape[1] !== inputs || inputs % 4 !== 0) {
    throw new TypeError(
      `Cannot multiply ${x.name} [${x.shape}] by ${weight.name} [${weight.shape}]: widths must be equal and a multiple of 4`,
    );
  }
  if (activation && residual) throw new TypeError("Cannot apply an activation before a residual in one product");
  const stride = Math.ceil(outputs / 4) * 4;
  const y = graph.activation(weight.name, [rows, stride]);
  const keepInput = graph.training && activation !== undefined;
  const activationInput = keepInput ? graph.activation(`${weight.name}.input`, [rows, stride]) : undefined;
  product(graph, {
    sizes: { m: rows, n: outputs, k: inputs },
    strides: { a_stride: inputs, b_stride: inputs, c_stride: stride },
    tensors: { a: x, b: weight, bias, residual, c: y, activation_input: activationInput },
    constants: {
      TRANSPOSE_B: true,
      BIAS: bias !== undefined,
      ACTIVATION: activation ? activationCode[activation] : 0,
      KEEP_INPUT: keepInput,
      RESIDUAL: residual !== undefined,
    },
  });

  graph.onBackward(() => {
    const d_y = graph.gradientOf(y);
    if (activation) {
      const size4 = rows * stride / 4;
      graph.call("activation_backward", {
        tensors: { x: activationInput, d_y },
        params: { size4 },
        constants: { ACTIVATION: activationCode[activation] },
        grid: [size4],
      });
    }
    weightGradient(graph, { x, d_y, weight, bias });
    const d_x = graph.gradient(x);
    product(graph, {
      sizes: { m: rows, n: inputs, k: outputs },
      strides: { a_stride: stride, b_stride: inputs, c_stride: inputs },
      tensors: { a: d_y, b: weight, c: d_x.tensor },
      constants: { ACCUMULATE: d_x.accumulate },
    });
    if (residual) graph.passGradient(d_y, residual);
  });
  return y;
}

/** d_W += d_yᵀ · x and d_bias += Σ d_y; the long sum over rows is split where few tiles would leave the device idle. */
function weightGradient(
  graph: Graph,
  { x, d_y, weight, bias }: { x: Tensor; d_y: Tensor; weight: Parameter; bias: Parameter | undefined },
): void {
  const [outputs, inputs] = weight.shape as [number, number];
  const [rows, stride] = d_y.shape as [number, number];
  const splitK = chooseSplit(graph.parallelism, { m: outputs, n: inputs, k: rows });
  const splits = Math.ceil(rows / splitK);
  const call = {
    sizes: { m: outputs, n: inputs, k: rows },
    strides: { a_stride: stride, b_stride: inputs, c_stride: inputs },
    constants: { TRANSPOSE_A: true, BIAS_GRADIENT: bias !== undefined },
  };
  if (splits === 1) {
    product(graph, {
      ...call,
      tensors: { a: d_y, b: x, c: weight.gradient, d_bias: bias?.gradient },
      constants: { ...call.constants, ACCUMULATE: true },
    });
    return;
  }
  const partials = graph.activation(`d_${weight.name}.partials`, [splits, outputs, inputs]);
  const biasPartials = bias && graph.activation(`d_${bias.name}.partials`, [splits, outputs]);
  product(graph, { ...call, splitK, tensors: { a: d_y, b: x, c: partials, d_bias: biasPartials } });
  reducePartials(graph, partials, { tensor: weight.gradient, accumulate: true });
  if (bias && biasPartials) reducePartials(graph, biasPartials, { tensor: bias.gradient, accumulate: true });
}

/** Length of one slice of k: short enough that the tiles of all slices fill the device, not shorter than 256. */
export function chooseSplit(parallelism: number, { m, n, k }: { m: number; n: number; k: number }): number {
  const tiles = Math.ceil(m / 64) * Math.ceil(n / 64);
  const splits = Math.max(1, Math.min(Math.ceil(parallelism / tiles), Math.floor(k / 256)));
  return Math.ceil(k / splits / 16) * 16;
}

interface Product {
  sizes: { m: number; n: number; k: number };
  strides: { a_stride: number; b_stride: number; c_stride: number };
  splitK?: number;
  tensors: Readonly<Record<string, Tensor | undefined>>;
  constants: Readonly<Record<string, number | boolean>>;
}

/** One call of the matrix product kernel; kernels/matmul_epilogue.wgsl says what the constants mean. */
export function product(graph: Graph, { sizes, strides, splitK, tensors, constants }: Product): void {
  const split_k = splitK ?? Math.ceil(sizes.k / 16) * 16;
  graph.call("matmul", {
    tensors,
    params: { ...sizes, split_k, ...strides },
    constants,
    grid: [sizes.n, sizes.m, Math.ceil(sizes.k / split_k)],
  });
}
