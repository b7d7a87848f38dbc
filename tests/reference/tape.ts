/**
 * Reverse-mode differentiation in float64 from a handful of primitives: the oracle for the kernels and the model.
 * Written to be obviously right, not fast; nothing here is shared with lib/.
 */

/** An array that gradients flow into. */
export interface Value {
  readonly shape: readonly number[];
  readonly data: Float64Array;
  readonly grad: Float64Array;
  readonly inputs: readonly Value[];
  readonly backward: () => void;
}

function node(
  shape: readonly number[],
  inputs: readonly Value[],
  make: (y: Float64Array) => (d: Float64Array) => void,
) {
  const data = new Float64Array(shape.reduce((a, b) => a * b, 1));
  const grad = new Float64Array(data.length);
  const backward = make(data);
  return { shape, data, grad, inputs, backward: () => backward(grad) };
}

export function leaf(shape: readonly number[], data: ArrayLike<number>): Value {
  return node(shape, [], (y) => {
    y.set(Float64Array.from(data));
    return () => {};
  });
}

/** Runs the tape backward from y with the given gradient of y. */
export function backpropagate(y: Value, gradient: ArrayLike<number>): void {
  const order: Value[] = [];
  const seen = new Set<Value>();
  const visit = (value: Value) => {
    if (seen.has(value)) return;
    seen.add(value);
    value.inputs.forEach(visit);
    order.push(value);
  };
  visit(y);
  y.grad.set(Float64Array.from(gradient));
  for (const value of order.reverse()) value.backward();
}

/** y[i] = f(x[i]), with derivative df. */
export function map(x: Value, f: (x: number) => number, df: (x: number) => number): Value {
  return node(x.shape, [x], (y) => {
    for (let i = 0; i < y.length; i++) y[i] = f(x.data[i]!);
    return (d) => {
      for (let i = 0; i < y.length; i++) x.grad[i]! += d[i]! * df(x.data[i]!);
    };
  });
}

export function add(a: Value, b: Value): Value {
  return node(a.shape, [a, b], (y) => {
    for (let i = 0; i < y.length; i++) y[i] = a.data[i]! + b.data[i]!;
    return (d) => {
      for (let i = 0; i < y.length; i++) {
        a.grad[i]! += d[i]!;
        b.grad[i]! += d[i]!;
      }
    };
  });
}

export function multiply(a: Value, b: Value): Value {
  return node(a.shape, [a, b], (y) => {
    for (let i = 0; i < y.length; i++) y[i] = a.data[i]! * b.data[i]!;
    return (d) => {
      for (let i = 0; i < y.length; i++) {
        a.grad[i]! += d[i]! * b.data[i]!;
        b.grad[i]! += d[i]! * a.data[i]!;
      }
    };
  });
}

/** y[i] = x[index(i)]: slices, transposes, broadcasts and look-ups are all this. */
export function take(x: Value, shape: readonly number[], index: (i: number) => number): Value {
  return node(shape, [x], (y) => {
    for (let i = 0; i < y.length; i++) y[i] = x.data[index(i)]!;
    return (d) => {
      for (let i = 0; i < y.length; i++) x.grad[index(i)]! += d[i]!;
    };
  });
}

/** a [m, k] · b [k, n] */
export function matmul(a: Value, b: Value): Value {
  const [m, k] = a.shape as [number, number];
  const n = b.shape[1]!;
  return node([m, n], [a, b], (y) => {
    for (let i = 0; i < m; i++) {
      for (let p = 0; p < k; p++) {
        for (let j = 0; j < n; j++) y[i * n + j]! += a.data[i * k + p]! * b.data[p * n + j]!;
      }
    }
    return (d) => {
      for (let i = 0; i < m; i++) {
        for (let p = 0; p < k; p++) {
          for (let j = 0; j < n; j++) {
            a.grad[i * k + p]! += d[i * n + j]! * b.data[p * n + j]!;
            b.grad[p * n + j]! += d[i * n + j]! * a.data[i * k + p]!;
          }
        }
      }
    };
  });
}

/** Sum over the last dimension, kept with size 1. */
export function sumRows(x: Value): Value {
  const n = x.shape.at(-1)!;
  return node([...x.shape.slice(0, -1), 1], [x], (y) => {
    for (let i = 0; i < x.data.length; i++) y[Math.floor(i / n)]! += x.data[i]!;
    return (d) => {
      for (let i = 0; i < x.data.length; i++) x.grad[i]! += d[Math.floor(i / n)]!;
    };
  });
}

// ---- composed of the primitives ----

export const scale = (x: Value, factor: number) => map(x, (v) => v * factor, () => factor);
export const transpose = (x: Value) => {
  const [m, n] = x.shape as [number, number];
  return take(x, [n, m], (i) => (i % m) * n + Math.floor(i / m));
};
/** [m, 1] → [m, n] */
export const spread = (x: Value, n: number) => take(x, [x.shape[0]!, n], (i) => Math.floor(i / n));
/** [n] → [m, n] */
export const repeat = (x: Value, m: number) => take(x, [m, x.data.length], (i) => i % x.data.length);
export const relu = (x: Value) => map(x, (v) => Math.max(v, 0), (v) => v > 0 ? 1 : 0);
export const relu2 = (x: Value) => map(x, (v) => Math.max(v, 0) ** 2, (v) => 2 * Math.max(v, 0));
export const gelu = (x: Value) =>
  map(x, (v) => v * cdf(v), (v) => cdf(v) + v * Math.exp(-v * v / 2) / Math.sqrt(2 * Math.PI));

const slope = Math.sqrt(2 / Math.PI);
const tangent = (x: number) => Math.tanh(slope * (x + 0.044715 * x ** 3));
export const gelu_tanh = (x: Value) =>
  map(x, (v) => v * (1 + tangent(v)) / 2, (v) => {
    // the square of a cosine overflows where the tangent's derivative is nothing
    const rest = Math.abs(v) > 50 ? 0 : (1 - tangent(v) ** 2) * slope * (1 + 3 * 0.044715 * v * v);
    return (1 + tangent(v)) / 2 + v / 2 * rest;
  });

export const tanh = (x: Value) => map(x, Math.tanh, (v) => 1 - Math.tanh(v) ** 2);

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
export const silu = (x: Value) =>
  map(x, (v) => v * sigmoid(v), (v) => sigmoid(v) + (Math.abs(v) > 700 ? 0 : v * sigmoid(v) * sigmoid(-v)));

const cdf = (x: number) => (1 + erf(x / Math.SQRT2)) / 2;

/** erf to float64: its series where that converges fast, a continued fraction elsewhere. */
export function erf(x: number): number {
  const z = Math.abs(x);
  if (z > 6) return Math.sign(x);
  if (z < 3) {
    let term = z;
    let sum = z;
    for (let n = 1; Math.abs(term) > 1e-18 * sum; n++) {
      term *= -z * z / n;
      sum += term / (2 * n + 1);
    }
    return Math.sign(x) * sum * 2 / Math.sqrt(Math.PI);
  }
  let fraction = 0;
  for (let n = 60; n > 0; n--) fraction = n / 2 / (z + fraction);
  return Math.sign(x) * (1 - Math.exp(-z * z) / ((z + fraction) * Math.sqrt(Math.PI)));
}

/** x · weightᵀ + bias */
export function linear(x: Value, weight: Value, bias?: Value): Value {
  const y = matmul(x, transpose(weight));
  return bias ? add(y, repeat(bias, y.shape[0]!)) : y;
}

export function layerNorm(
  x: Value,
  { weight, bias, epsilon }: { weight: Value; bias?: Value; epsilon: number },
): Value {
  const [m, n] = x.shape as [number, number];
  const centred = add(x, scale(spread(sumRows(x), n), -1 / n));
  const variance = scale(sumRows(multiply(centred, centred)), 1 / n);
  const rstd = map(variance, (v) => (v + epsilon) ** -0.5, (v) => -0.5 * (v + epsilon) ** -1.5);
  const y = multiply(multiply(centred, spread(rstd, n)), repeat(weight, m));
  return bias ? add(y, repeat(bias, m)) : y;
}

/** Logarithm of Σ exp over each row: [m, 1]. */
export function logSumExp(x: Value): Value {
  const [m, n] = x.shape as [number, number];
  const highest = Float64Array.from({ length: m }, (_, i) => Math.max(...x.data.subarray(i * n, (i + 1) * n)));
  const shift = leaf([m, 1], highest);
  const exps = map(add(x, scale(spread(shift, n), -1)), Math.exp, Math.exp);
  return add(map(sumRows(exps), Math.log, (v) => 1 / v), shift);
}

export function softmax(x: Value): Value {
  return map(add(x, scale(spread(logSumExp(x), x.shape[1]!), -1)), Math.exp, Math.exp);
}

/** Rows [first, first + rows) and columns [left, left + columns). */
export function block(x: Value, { first, rows, left, columns }: Record<"first" | "rows" | "left" | "columns", number>) {
  const n = x.shape[1]!;
  return take(x, [rows, columns], (i) => (first + Math.floor(i / columns)) * n + left + i % columns);
}

/** Puts equally shaped blocks next to each other: blocks[r][c]. */
export function assemble(blocks: readonly (readonly Value[])[]): Value {
  const [rows, columns] = blocks[0]![0]!.shape as [number, number];
  const across = blocks[0]!.length;
  const flat = blocks.flat();
  return node([blocks.length * rows, across * columns], flat, (y) => {
    const place = (b: number, i: number) =>
      ((Math.floor(b / across) * rows + Math.floor(i / columns)) * across + b % across) * columns + i % columns;
    flat.forEach((value, b) => value.data.forEach((v, i) => y[place(b, i)] = v));
    return (d) => flat.forEach((value, b) => value.grad.forEach((_, i) => value.grad[i]! += d[place(b, i)]!));
  });
}

/** Turns halves of a head, [length, headWidth], by position · base^(-2i / headWidth). */
export function rotate(x: Value, base: number): Value {
  const [length, n] = x.shape as [number, number];
  const half = n / 2;
  const angle = (i: number) => Math.floor(i / n) * base ** (-(i % half) / half);
  const cos = leaf(x.shape, Float64Array.from(x.data, (_, i) => Math.cos(angle(i))));
  const sin = leaf(x.shape, Float64Array.from(x.data, (_, i) => (i % n < half ? -1 : 1) * Math.sin(angle(i))));
  const swapped = take(x, [length, n], (i) => i - i % n + (i % n + half) % n);
  return add(multiply(x, cos), multiply(swapped, sin));
}

export interface AttentionReference {
  batch: number;
  heads: number;
  /** Rotary base; none: no rotation. */
  base?: number;
  /** Factor of each probability, by (sequence, head, query, key): dropout's mask. */
  mask?: (sequence: number, head: number, query: number, key: number) => number;
  /** Whether a query does not see a key, because it belongs to another document. */
  apart?: (sequence: number, query: number, key: number) => boolean;
}

/** Attention over qkv [batch · length, 3 · width]. */
export function attention(qkv: Value, { batch, heads, base, mask, apart }: AttentionReference): Value {
  const length = qkv.shape[0]! / batch;
  const columns = qkv.shape[1]! / 3 / heads;
  return assemble(Array.from({ length: batch }, (_, b) =>
    Array.from({ length: heads }, (_, h) => {
      const part = (p: number) =>
        block(qkv, { first: b * length, rows: length, left: (p * heads + h) * columns, columns });
      const turn = (x: Value) => base === undefined ? x : rotate(x, base);
      let scores = scale(matmul(turn(part(0)), transpose(turn(part(1)))), columns ** -0.5);
      if (apart) {
        const hidden = Float64Array.from(
          scores.data,
          (_, i) => apart(b, Math.floor(i / length), i % length) ? -1e30 : 0,
        );
        scores = add(scores, leaf(scores.shape, hidden));
      }
      let p = softmax(scores);
      if (mask) {
        p = multiply(
          p,
          leaf(p.shape, Float64Array.from(p.data, (_, i) => mask(b, h, Math.floor(i / length), i % length))),
        );
      }
      return matmul(p, part(2));
    })));
}

/** Σ of the cross-entropy of each row with its label, times `weight`: [1, 1]. */
export function crossEntropy(logits: Value, labels: ArrayLike<number>, weight: number): Value {
  const [m, n] = logits.shape as [number, number];
  const picked = take(logits, [m, 1], (i) => i * n + labels[i]!);
  const losses = add(logSumExp(logits), scale(picked, -1));
  return scale(sumRows(take(losses, [1, m], (i) => i)), weight);
}
