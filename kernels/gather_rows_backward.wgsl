// d_x[row] (+)= d_y[slots[row]], or 0 where no slot took the row (slots[row] = 0xffffffff).
// It walks the rows, not the slots: every row has one writer and is written, so nothing has to be cleared first.
override ACCUMULATE: bool = false;

struct Params {
  rows: u32,
  width: u32, // in vec4
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> slots: array<u32>; // [rows]
@group(0) @binding(2) var<storage, read> d_y: array<vec4f>; // [slots, width]
@group(0) @binding(3) var<storage, read_write> d_x: array<vec4f>; // [rows, width]

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * 64u;
  if (i >= params.rows * params.width) {
    return;
  }
  let slot = slots[i / params.width];
  var value = vec4f(0.0);
  if (slot != 0xffffffffu) {
    value = d_y[slot * params.width + i % params.width];
  }
  if (ACCUMULATE) {
    value += d_x[i];
  }
  d_x[i] = value;
}
