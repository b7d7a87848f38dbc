// y = x + factor · I, of square matrices whose side is a multiple of four.
struct Params {
  side4: u32, // in fours
  factor: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>; // [side, side]
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>; // [side, side]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups);
  if (i >= params.side4 * params.side4 * 4u) {
    return;
  }
  let column = i % params.side4 * 4u;
  let diagonal = vec4u(column, column + 1u, column + 2u, column + 3u) == vec4u(i / params.side4);
  y[i] = x[i] + select(vec4f(0.0), vec4f(params.factor), diagonal);
}
