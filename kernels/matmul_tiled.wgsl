// Matrix product for a GPU: a workgroup of 16 × 16 invocations makes 64 × 64 outputs, 4 × 4 each, from tiles of 64 × 16
// of both operands in workgroup memory. Operands and epilogue: matmul_epilogue.wgsl.
// An invocation's rows and columns lie 16 apart, so that neighbours read neighbouring banks and write neighbouring floats.
const TILE = 64u;
const DEPTH = 16u;

var<workgroup> a_tile: array<f32, DEPTH * TILE>;
var<workgroup> b_tile: array<f32, DEPTH * TILE>;

// One vector of a tile, read by invocation `local`; `inner` says that k runs along the vector.
fn place_a(local: u32, vector: vec4f) {
  for (var i = 0u; i < 4u; i++) {
    if (TRANSPOSE_A) {
      a_tile[(local / 16u) * TILE + (local % 16u) * 4u + i] = vector[i];
    } else {
      a_tile[((local % 4u) * 4u + i) * TILE + local / 4u] = vector[i];
    }
  }
}

fn place_b(local: u32, vector: vec4f) {
  for (var i = 0u; i < 4u; i++) {
    if (TRANSPOSE_B) {
      b_tile[((local % 4u) * 4u + i) * TILE + local / 4u] = vector[i];
    } else {
      b_tile[(local / 16u) * TILE + (local % 16u) * 4u + i] = vector[i];
    }
  }
}

// Where in storage the vector of invocation `local` lies, and whether it lies inside: (index, 1 or 0).
fn locate(local: u32, outer0: u32, outers: u32, k: u32, last: u32, stride: u32, inner: bool) -> vec2u {
  let outer = outer0 + select((local % 16u) * 4u, local / 4u, inner);
  let depth = k + select(local / 16u, (local % 4u) * 4u, inner);
  let index = select(depth * stride + outer, outer * stride + depth, inner) / 4u;
  return vec2u(index, u32(outer < outers && depth < last));
}

@compute @workgroup_size(16, 16)
fn main(
  @builtin(local_invocation_id) position: vec3u,
  @builtin(local_invocation_index) local: u32,
  @builtin(workgroup_id) group: vec3u,
) {
  let row0 = group.y * TILE;
  let column0 = group.x * TILE;
  let first = group.z * params.split_k;
  let last = min(params.k, first + params.split_k);
  var sums: array<vec4f, 4>;
  var a_sums = vec4f(0.0);
  for (var k = first; k < last; k += DEPTH) {
    let from_a = locate(local, row0, params.m, k, last, params.a_stride, !TRANSPOSE_A);
    let from_b = locate(local, column0, params.n, k, last, params.b_stride, TRANSPOSE_B);
    var a_vector = vec4f(0.0);
    var b_vector = vec4f(0.0);
    if (from_a.y == 1u) {
      a_vector = a[from_a.x];
    }
    if (from_b.y == 1u) {
      b_vector = b[from_b.x];
    }
    place_a(local, a_vector);
    place_b(local, b_vector);
    workgroupBarrier();
    for (var d = 0u; d < DEPTH; d++) {
      let at_a = d * TILE + position.y;
      let at_b = d * TILE + position.x;
      let left = vec4f(a_tile[at_a], a_tile[at_a + 16u], a_tile[at_a + 32u], a_tile[at_a + 48u]);
      let right = vec4f(b_tile[at_b], b_tile[at_b + 16u], b_tile[at_b + 32u], b_tile[at_b + 48u]);
      sums[0] += left.x * right;
      sums[1] += left.y * right;
      sums[2] += left.z * right;
      sums[3] += left.w * right;
      if (BIAS_GRADIENT) {
        a_sums += left;
      }
    }
    workgroupBarrier();
  }
  for (var i = 0u; i < 4u; i++) {
    let row = row0 + position.y + 16u * i;
    finish(row, column0 + position.x, 16u, group.z, sums[i]);
    if (BIAS_GRADIENT && group.x == 0u && position.x == 0u) {
      finish_bias_gradient(row, group.z, a_sums[i]);
    }
  }
}
