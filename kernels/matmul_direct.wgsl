// Matrix product without workgroup memory: an invocation keeps 8 × 8 outputs in registers and reads both operands as
// vec4 straight from memory. For software adapters, where barriers cost what they save on a GPU and loads cost more than
// spilled registers: there 5 to 8 times the speed of the tiled product. A workgroup covers 64 rows × 64 columns.
// Operands and epilogue: matmul_epilogue.wgsl.

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
  let at = select(min(column, params.b_stride - 4u), k, TRANSPOSE_B) / 4u;
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
  let column = id.x * 8u;
  if (row >= params.m || column >= params.n) {
    return;
  }
  let first = id.z * params.split_k;
  let last = min(params.k, first + params.split_k);
  // four blocks by name: an array of them would not stay in registers
  var upper_left = mat4x4f();
  var upper_right = mat4x4f();
  var lower_left = mat4x4f();
  var lower_right = mat4x4f();
  var upper_sum = vec4f(0.0);
  var lower_sum = vec4f(0.0);
  for (var k = first; k < last; k += 4u) {
    let left = load_b(column, k);
    let right = load_b(column + 4u, k);
    let upper = load_a(row, k, last);
    upper_left += multiply(upper, left);
    upper_right += multiply(upper, right);
    let lower = load_a(row + 4u, k, last);
    lower_left += multiply(lower, left);
    lower_right += multiply(lower, right);
    if (BIAS_GRADIENT) {
      upper_sum += upper[0] + upper[1] + upper[2] + upper[3];
      lower_sum += lower[0] + lower[1] + lower[2] + lower[3];
    }
  }
  finish_block(row, column, id.z, upper_left);
  finish_block(row, column + 4u, id.z, upper_right);
  finish_block(row + 4u, column, id.z, lower_left);
  finish_block(row + 4u, column + 4u, id.z, lower_right);
  if (BIAS_GRADIENT && id.x == 0u) {
    finish_bias_block(row, id.z, upper_sum);
    finish_bias_block(row + 4u, id.z, lower_sum);
  }
}

fn finish_block(row: u32, column: u32, slice: u32, block: mat4x4f) {
  finish(row, column, slice, block[0]);
  finish(row + 1u, column, slice, block[1]);
  finish(row + 2u, column, slice, block[2]);
  finish(row + 3u, column, slice, block[3]);
}

fn finish_bias_block(row: u32, slice: u32, sums: vec4f) {
  finish_bias_gradient(row, slice, sums.x);
  finish_bias_gradient(row + 1u, slice, sums.y);
  finish_bias_gradient(row + 2u, slice, sums.z);
  finish_bias_gradient(row + 3u, slice, sums.w);
}
