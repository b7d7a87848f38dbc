// d_u[:, :hidden] = d_y · gate · activation'(input),  d_u[:, hidden:] = d_y · activation(input). Overwrites.
override ACTIVATION: u32 = 1u; // as in activations.wgsl

struct Params {
  rows: u32,
  hidden4: u32, // hidden / 4
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> u: array<vec4f>; // [rows, 2 · hidden] of (input, gate)
@group(0) @binding(2) var<storage, read> d_y: array<vec4f>; // [rows, hidden]
@group(0) @binding(3) var<storage, read_write> d_u: array<vec4f>; // [rows, 2 · hidden]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups);
  if (i >= params.rows * params.hidden4) {
    return;
  }
  let at = i / params.hidden4 * 2u * params.hidden4 + i % params.hidden4;
  d_u[at] = d_y[i] * u[at + params.hidden4] * activation_derivative(u[at], ACTIVATION);
  d_u[at + params.hidden4] = d_y[i] * activate(u[at], ACTIVATION);
}
