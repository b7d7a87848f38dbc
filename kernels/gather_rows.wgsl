// y[i] = x[selection[i]]: takes the masked rows out, so that the head runs on them only. Unused room holds
// row 0; its labels say that it does not count.
struct Params {
  count: u32,
  columns4: u32, // of a row, in fours
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> selection: array<u32>; // [count]
@group(0) @binding(2) var<storage, read> x: array<vec4f>; // [rows, width]
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>; // [count, width]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups);
  if (i < params.count * params.columns4) {
    y[i] = x[selection[i / params.columns4] * params.columns4 + i % params.columns4];
  }
}
