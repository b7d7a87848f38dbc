import type { Activation } from "../tensor/activations.ts";
import type { OpChoices, Parameter, Tensor } from "../tensor/tensor.ts";
import type { Graph } from "../graph/graph.ts";

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
 * $y = activation(x · Wᵀ + bias) + residual$, for x: [rows, inputs] and W: [outputs, inputs].
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
    choices: { transposeB: true, activation },
  });

  graph.onBackward(() => {
    const d_y = graph.gradientOf(y);
    if (activation) {
      graph.call("activation_backward", {
        tensors: { x: activationInput, d_y },
        params: { size: rows * stride },
        choices: { activation },
      });
    }
    // $d_W += d_yᵀ · x$ and $d_bias += Σ d_y$
    product(graph, {
      sizes: { m: outputs, n: inputs, k: rows },
      strides: { a_stride: stride, b_stride: inputs, c_stride: inputs },
      tensors: { a: d_y, b: x, c: weight.gradient, d_bias: bias?.gradient },
      choices: { transposeA: true, accumulate: true },
    });
    // $d_x = d_y · W$, or added where x has another consumer
    const d_x = graph.gradient(x);
    product(graph, {
      sizes: { m: rows, n: inputs, k: outputs },
      strides: { a_stride: stride, b_stride: inputs, c_stride: inputs },
      tensors: { a: d_y, b: weight, c: d_x.tensor },
      choices: { accumulate: d_x.accumulate },
    });
    if (residual) graph.passGradient(d_y, residual);
  });
  return y;
}

/** Operands of {@linkcode product}: c: [m, n] of a: [m, k] and b: [k, n], strides in floats. */
export interface Product {
  sizes: { m: number; n: number; k: number };
  strides: { a_stride: number; b_stride: number; c_stride: number };
  tensors: Readonly<Record<string, Tensor | undefined>>;
  choices: OpChoices;
}

/** c (+)= activation(A · B + bias) + residual; the activation's input and Σ A, a bias's gradient, are kept where they are given. */
export function product(graph: Graph, { sizes, strides, tensors, choices }: Product): void {
  graph.call("matmul", { tensors, params: { ...sizes, ...strides }, choices });
}
