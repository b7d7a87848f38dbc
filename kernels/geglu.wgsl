// y = activation(u[:, :hidden]) · u[:, hidden:] (Shazeer, "GLU variants improve transformer", 2020).
override ACTIVATION: u32 = 1u; // as in activations.wgsl

struct Params {
  rows: u32,
  hidden: u32, // in vec4
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> u: array<vec4f>; // [rows, 2 · hidden]
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>; // [rows, hidden]

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * 64u;
  if (i >= params.rows * params.hidden) {
    return;
  }
  let at = i / params.hidden * 2u * params.hidden + i % params.hidden;
  y[i] = activate(u[at], ACTIVATION) * u[at + params.hidden];
}
