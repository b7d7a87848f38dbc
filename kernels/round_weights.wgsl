// y = x, as exactly as y can hold it: weights in f16 of those in f32.
struct Params {
  size4: u32, // in fours
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>; // [4 · size4]
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>; // [4 · size4]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups);
  if (i < params.size4) {
    y[i] = x[i];
  }
}
