// y[z] += factor · I for each of some square matrices, or with COPY y[z] = x[z] + factor · I.
override COPY: bool = false;

struct Params {
  count: u32, // of matrices
  side: u32, // a multiple of four
  factor: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>; // [count, side, side]
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>; // [count, side, side]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups);
  let side4 = params.side / 4u;
  if (!COPY) {
    if (i < params.count * params.side) {
      let row = i % params.side;
      y[i * side4 + row / 4u][row % 4u] += params.factor;
    }
    return;
  }
  if (i >= params.count * params.side * side4) {
    return;
  }
  let column = i % side4 * 4u;
  let diagonal = vec4u(column, column + 1u, column + 2u, column + 3u) == vec4u(i / side4 % params.side);
  y[i] = x[i] + select(vec4f(0.0), vec4f(params.factor), diagonal);
}
