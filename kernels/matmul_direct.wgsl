// Matrix product without workgroup memory: an invocation keeps 8 × 4 outputs in registers and reads both operands as
// vec4 straight from memory. On a software adapter 5 times the speed of the tiled product, whose barriers cost there
// what they save on a GPU. Operands and epilogue: matmul_epilogue.wgsl. A workgroup covers 64 rows × 32 columns.

// Four rows from `row` on, one vector each over k .. k + 3; or, transposed, four k, one vector each over the rows.
fn load_a(row: u32, k: u32, last: u32) -> mat4x4f {
  let stride = params.a_stride / 4u;
  if (TRANSPOSE_A) {
    let at = min(row, params.a_stride - 4u) / 4u;
    return mat4x4f(
      select(vec4f(0.0), a[min(k, last - 1u) * stride + at], k < last),
      select(vec4f(0.0), a[min(k + 1u, last - 1u) * stride + at], k + 1u < last),
      select(vec4f(0.0), a[min(k + 2u, last - 1u) * stride + at], k + 2u < last),
      select(vec4f(0.0), a[min(k + 3u, last - 1u) * stride + at], k + 3u < last),
    );
  }
  let end = params.m - 1u;
  let at = k / 4u;
  return mat4x4f(
    a[min(row, end) * stride + at],
    a[min(row + 1u, end) * stride + at],
    a[min(row + 2u, end) * stride + at],
    a[min(row + 3u, end) * stride + at],
  );
}

// Four k, one vector each over four columns; or, transposed, four columns, one vector each over k .. k + 3.
fn load_b(column: u32, k: u32) -> mat4x4f {
  let stride = params.b_stride / 4u;
  let first = select(k, column, TRANSPOSE_B);
  let end = select(params.k, params.n, TRANSPOSE_B) - 1u;
  let at = select(column, k, TRANSPOSE_B) / 4u;
  return mat4x4f(
    b[min(first, end) * stride + at],
    b[min(first + 1u, end) * stride + at],
    b[min(first + 2u, end) * stride + at],
    b[min(first + 3u, end) * stride + at],
  );
}

// WGSL's matrices hold columns, so `right * row` is a row of the product of row-wise blocks.
fn multiply(left: mat4x4f, right: mat4x4f) -> mat4x4f {
  let rows = select_transposed(left);
  if (TRANSPOSE_B) {
    // right's vectors run along k: dot products
    return mat4x4f(rows[0] * right, rows[1] * right, rows[2] * right, rows[3] * right);
  }
  return mat4x4f(right * rows[0], right * rows[1], right * rows[2], right * rows[3]);
}

fn select_transposed(block: mat4x4f) -> mat4x4f {
  if (TRANSPOSE_A) {
    return transpose(block);
  }
  return block;
}

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let row = id.y * 8u;
  let column = id.x * 4u;
  if (row >= params.m || column >= params.n) {
    return;
  }
  let first = id.z * params.split_k;
  let last = min(params.k, first + params.split_k);
  var upper = mat4x4f();
  var lower = mat4x4f();
  var upper_sum = vec4f(0.0);
  var lower_sum = vec4f(0.0);
  for (var k = first; k < last; k += 4u) {
    let right = load_b(column, k);
    let upper_left = load_a(row, k, last);
    let lower_left = load_a(row + 4u, k, last);
    upper += multiply(upper_left, right);
    lower += multiply(lower_left, right);
    if (BIAS_GRADIENT) {
      upper_sum += upper_left[0] + upper_left[1] + upper_left[2] + upper_left[3];
      lower_sum += lower_left[0] + lower_left[1] + lower_left[2] + lower_left[3];
    }
  }
  for (var i = 0u; i < 4u; i++) {
    finish(row + i, column, 1u, id.z, upper[i]);
    finish(row + 4u + i, column, 1u, id.z, lower[i]);
    if (BIAS_GRADIENT && id.x == 0u) {
      finish_bias_gradient(row + i, id.z, upper_sum[i]);
      finish_bias_gradient(row + 4u + i, id.z, lower_sum[i]);
    }
  }
}
