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

struct Params {
  m: u32,
  n: u32,
  k: u32,
  split_k: u32, // a multiple of 16
  a_stride: u32,
  b_stride: u32,
  c_stride: u32,
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
  let at = ((slice * params.m + row) * params.c_stride + column) / 4u;
  var values = sums;
  if (BIAS) {
    values += bias[column / 4u];
  }
  if (KEEP_INPUT) {
    activation_input[at] = select(vec4f(0.0), values, inside);
  }
  if (ACTIVATION != 0u) {
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
