// y[slot] = x[positions[slot]]: takes the masked rows out, so that the head runs on them only. Unused slots hold
// position 0; their labels say that they do not count.
struct Params {
  slots: u32,
  width: u32, // in vec4
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> positions: array<u32>; // [slots]
@group(0) @binding(2) var<storage, read> x: array<vec4f>; // [rows, width]
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>; // [slots, width]

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * 64u;
  if (i < params.slots * params.width) {
    y[i] = x[positions[i / params.width] * params.width + i % params.width];
  }
}
