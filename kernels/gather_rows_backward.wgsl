// d_x[row] (+)= d_y[inverse[row]], or 0 where the row was not selected (inverse[row] = NOT_SELECTED).
// It walks all rows, not the selected ones: every row has one writer and is written, so nothing has to be cleared first.
const NOT_SELECTED: u32 = 0xffffffffu;
override ACCUMULATE: bool = false;

struct Params {
  rows: u32,
  columns4: u32, // of a row, in fours
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> inverse: array<u32>; // [rows]
@group(0) @binding(2) var<storage, read> d_y: array<vec4f>; // [count, width]
@group(0) @binding(3) var<storage, read_write> d_x: array<vec4f>; // [rows, width]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups);
  if (i >= params.rows * params.columns4) {
    return;
  }
  let from_row = inverse[i / params.columns4];
  var value = vec4f(0.0);
  if (from_row != NOT_SELECTED) {
    value = d_y[from_row * params.columns4 + i % params.columns4];
  }
  if (ACCUMULATE) {
    value += d_x[i];
  }
  d_x[i] = value;
}
