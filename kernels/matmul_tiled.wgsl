// Matrix product for a GPU: a workgroup of 16 × 16 invocations makes 64 · ROWS × 64 · COLUMNS outputs, 4 · ROWS × 4 · COLUMNS
// each, from slices of both operands, DEPTH deep, in workgroup memory; the next slice is read while this one is multiplied.
// Operands and epilogue: matmul_epilogue.wgsl. Paired columns need COLUMNS = 2 and B transposed.
// The host writes the loops of constant length out. Tiles are arrays of rows: the compiler checks the index of a row's vector
// once for all rows, and what is left in the loop over DEPTH is reads of vec4 at constant offsets, and multiply-adds.
override ROWS: u32 = 2u;
override COLUMNS: u32 = 2u;
const DEPTH = 16u;
const A_WIDTH = 16u * ROWS; // of a tile in vec4
const B_WIDTH = 16u * COLUMNS;

var<workgroup> a_tile: array<array<vec4f, A_WIDTH>, DEPTH>;
var<workgroup> b_tile: array<array<vec4f, B_WIDTH>, DEPTH>;

// Vector `at` of the slice that begins at (row0, k): along the rows, or, where A is not transposed, along k.
fn fetch_a(at: u32, row0: u32, k: u32, last: u32) -> vec4f {
  let row = row0 + select(at / 4u, at % A_WIDTH * 4u, TRANSPOSE_A);
  let depth = k + select(at % 4u * 4u, at / A_WIDTH, TRANSPOSE_A);
  let index = select(row * params.a_stride + depth, depth * params.a_stride + row, TRANSPOSE_A) / 4u;
  let inside = row < params.m && depth < last;
  return select(vec4f(0.0), a[select(0u, index, inside)], inside);
}

// The same of B: along the columns, or, where B is transposed, along k.
fn fetch_b(at: u32, column0: u32, k: u32, last: u32) -> vec4f {
  var column = column0 + select(at % B_WIDTH * 4u, at / 4u, TRANSPOSE_B);
  if (PAIRED != 0u) {
    // an invocation's second four columns are those that its first are paired with
    let number = column0 / 2u + at / 4u % 64u;
    column = select(params.n, paired_column(number) + at / 256u * params.pair, 2u * number < params.n);
  }
  let depth = k + select(at / B_WIDTH, at % 4u * 4u, TRANSPOSE_B);
  let index = select(depth * params.b_stride + column, column * params.b_stride + depth, TRANSPOSE_B) / 4u;
  let inside = column < params.n && depth < last;
  return select(vec4f(0.0), b[select(0u, index, inside)], inside);
}

fn place_a(at: u32, vector: vec4f) {
  if (TRANSPOSE_A) {
    a_tile[at / A_WIDTH][at % A_WIDTH] = vector;
  } else {
    for (var i = 0u; i < 4u; i++) {
      a_tile[at % 4u * 4u + i][at / 16u][at / 4u % 4u] = vector[i];
    }
  }
}

fn place_b(at: u32, vector: vec4f) {
  if (TRANSPOSE_B) {
    for (var i = 0u; i < 4u; i++) {
      b_tile[at % 4u * 4u + i][at / 16u][at / 4u % 4u] = vector[i];
    }
  } else {
    b_tile[at / B_WIDTH][at % B_WIDTH] = vector;
  }
}

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3u) {
  let x = local % 16u;
  let y = local / 16u;
  let row0 = group.y * 64u * ROWS;
  let column0 = group.x * 64u * COLUMNS;
  let first = group.z * params.split_k;
  let last = min(params.k, first + params.split_k);
  var sums: array<vec4f, 4u * ROWS * COLUMNS>; // [4 · ROWS, COLUMNS]
  var from_a: array<vec4f, ROWS>;
  var from_b: array<vec4f, COLUMNS>;
  var a_sum = vec4f(0.0);
  for (var i = 0u; i < ROWS; i++) {
    from_a[i] = fetch_a(local + 256u * i, row0, first, last);
  }
  for (var i = 0u; i < COLUMNS; i++) {
    from_b[i] = fetch_b(local + 256u * i, column0, first, last);
  }
  for (var k = first; k < last; k += DEPTH) {
    for (var i = 0u; i < ROWS; i++) {
      place_a(local + 256u * i, from_a[i]);
      if (BIAS_GRADIENT) {
        a_sum += from_a[i];
      }
    }
    for (var i = 0u; i < COLUMNS; i++) {
      place_b(local + 256u * i, from_b[i]);
    }
    workgroupBarrier();
    for (var i = 0u; i < ROWS; i++) {
      from_a[i] = fetch_a(local + 256u * i, row0, k + DEPTH, last);
    }
    for (var i = 0u; i < COLUMNS; i++) {
      from_b[i] = fetch_b(local + 256u * i, column0, k + DEPTH, last);
    }
    for (var d = 0u; d < DEPTH; d++) {
      for (var i = 0u; i < ROWS; i++) {
        let left = a_tile[d][y + 16u * i];
        for (var j = 0u; j < COLUMNS; j++) {
          let right = b_tile[d][x + 16u * j];
          for (var r = 0u; r < 4u; r++) {
            sums[(4u * i + r) * COLUMNS + j] += left[r] * right;
          }
        }
      }
    }
    workgroupBarrier();
  }
  for (var i = 0u; i < ROWS; i++) {
    for (var r = 0u; r < 4u; r++) {
      if (PAIRED != 0u) {
        let at = (4u * i + r) * COLUMNS;
        finish_pairs(row0 + 64u * i + 4u * y + r, column0 / 2u + 4u * x, sums[at], sums[at + COLUMNS - 1u]);
      } else {
        for (var j = 0u; j < COLUMNS; j++) {
          finish(row0 + 64u * i + 4u * y + r, column0 + 64u * j + 4u * x, group.z, sums[(4u * i + r) * COLUMNS + j]);
        }
      }
    }
  }
  // with A transposed, all that an invocation fetched was of the same four rows
  if (BIAS_GRADIENT && group.x == 0u) {
    a_tile[local / A_WIDTH][local % A_WIDTH] = a_sum;
    workgroupBarrier();
    if (local < 64u * ROWS) {
      var sum = 0.0;
      for (var d = 0u; d < 16u / ROWS; d++) {
        sum += a_tile[d][local / 4u][local % 4u];
      }
      finish_bias_gradient(row0 + local, group.z, sum);
    }
  }
}
