// What both matrix products share: operands, and what happens to a finished element.
//   c[row, column] (+)= activation(Σ_k A[row, k] · B[k, column] + bias[column]) + residual[row, column]
// A is stored [m, k], or [k, m] with TRANSPOSE_A; B is stored [k, n], or [n, k] with TRANSPOSE_B. Rows of storage are
// multiples of 4 floats; where k runs along them, the padding of A is zero. With split_k < k, slice z of the grid
// sums its own range of k and writes c[z]; reduce_partials adds the slices up.
override TRANSPOSE_A: bool = false;
override TRANSPOSE_B: bool = false;
override BIAS: bool = false;
override ACTIVATION: u32 = 0u; // 0 none, others as in activations.wgsl
override KEEP_INPUT: bool = false; // also write the activation's input, which its derivative needs
override RESIDUAL: bool = false;
override ACCUMULATE: bool = false; // += instead of =
override BIAS_GRADIENT: bool = false; // with TRANSPOSE_A: d_bias[row] (+)= Σ_k A[row, k]
// The product is the gradient of an activation's output (1) or of a gate's (2), and that of its input is wanted: what went in is
// in residual, [m, c_stride] or [m, 2 · n] of (input, gate), and so is c.
override GRADIENT_OF: u32 = 0u;
// What comes next works on pairs of columns `pair` apart: a gate (1), whose result [m, n / 2] goes to activation_input, or rotary
// positions (2) of the first two thirds of the columns, with the angles of `period` positions in residual: [period, pair] of (cos, sin).
override PAIRED: u32 = 0u;

struct Params {
  m: u32,
  n: u32,
  k: u32,
  split_k: u32, // a multiple of 16
  a_stride: u32,
  b_stride: u32,
  c_stride: u32,
  pair: u32,
  period: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4f>;
@group(0) @binding(2) var<storage, read> b: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read> residual: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> c: array<vec4f>; // [splits, m, c_stride]
@group(0) @binding(6) var<storage, read_write> activation_input: array<vec4f>; // [m, c_stride]
@group(0) @binding(7) var<storage, read_write> d_bias: array<f32>; // [splits, m]

// Finishes four neighbouring elements of one row; what lies behind its last column becomes zero.
fn finish(row: u32, column: u32, slice: u32, sums: vec4f) {
  if (row >= params.m || column >= params.n) {
    return;
  }
  let inside = vec4u(column, column + 1u, column + 2u, column + 3u) < vec4u(params.n);
  if (GRADIENT_OF == 2u) {
    finish_gate_gradient(row, column / 4u, sums);
    return;
  }
  let at = ((slice * params.m + row) * params.c_stride + column) / 4u;
  var values = sums;
  if (BIAS) {
    values += bias[column / 4u];
  }
  if (KEEP_INPUT) {
    activation_input[at] = select(vec4f(0.0), values, inside);
  }
  if (GRADIENT_OF == 1u && ACTIVATION == 2u) {
    // no product: 0 · infinity is not 0
    values = select(vec4f(0.0), values, residual[at] > vec4f(0.0));
  } else if (GRADIENT_OF == 1u) {
    values *= activation_derivative(residual[at], ACTIVATION);
  } else if (ACTIVATION != 0u) {
    values = activate(values, ACTIVATION);
  }
  if (RESIDUAL) {
    values += residual[at];
  }
  if (ACCUMULATE) {
    values += c[at];
  }
  c[at] = select(vec4f(0.0), values, inside);
}

// With activation(input) · gate, both in u:  d_input = d · gate · activation'(input),  d_gate = d · activation(input).
fn finish_gate_gradient(row: u32, column4: u32, d: vec4f) {
  let hidden4 = params.n / 4u;
  let at = row * 2u * hidden4 + column4;
  let input = residual[at];
  c[at] = d * residual[at + hidden4] * activation_derivative(input, ACTIVATION);
  c[at + hidden4] = d * activate(input, ACTIVATION);
}

// The first column of a pair, counted in pairs.
fn paired_column(number: u32) -> u32 {
  return number / params.pair * 2u * params.pair + number % params.pair;
}

// Finishes four pairs of columns of one row, from pair `number` on.
fn finish_pairs(row: u32, number: u32, first_sums: vec4f, second_sums: vec4f) {
  if (row >= params.m || 2u * number >= params.n) {
    return;
  }
  let column = paired_column(number);
  var first = first_sums;
  var second = second_sums;
  if (BIAS) {
    first += bias[column / 4u];
    second += bias[(column + params.pair) / 4u];
  }
  if (PAIRED == 1u) {
    activation_input[row * (params.pair / 4u) + number / 4u] = activate(first, ACTIVATION) * second;
  } else if (column < params.n / 3u * 2u) {
    let at = (row % params.period * params.pair + number % params.pair) / 2u;
    let angles = array<vec4f, 2>(residual[at], residual[at + 1u]);
    let cosine = vec4f(angles[0].x, angles[0].z, angles[1].x, angles[1].z);
    let sine = vec4f(angles[0].y, angles[0].w, angles[1].y, angles[1].w);
    let turned = first * cosine - second * sine;
    second = second * cosine + first * sine;
    first = turned;
  }
  let at = (row * params.c_stride + column) / 4u;
  c[at] = first;
  c[at + params.pair / 4u] = second;
}

fn finish_bias_gradient(row: u32, slice: u32, sum: f32) {
  if (row < params.m) {
    let at = slice * params.m + row;
    if (ACCUMULATE) {
      d_bias[at] += sum;
    } else {
      d_bias[at] = sum;
    }
  }
}
