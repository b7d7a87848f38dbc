// d_x[row] (+)= d_y[window] / end where the row is of its window's first document, rows 0 … end - 1, or 0.
// It walks all rows: every row has one writer and is written, so nothing has to be cleared first.
override ACCUMULATE: bool = false;

struct Params {
  windows: u32,
  length: u32, // rows of a window
  columns4: u32, // of a row, in fours
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> documents: array<vec2u>; // [windows · length] of (begin, end)
@group(0) @binding(2) var<storage, read> d_y: array<vec4f>; // [windows, width]
@group(0) @binding(3) var<storage, read_write> d_x: array<vec4f>; // [windows · length, width]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups);
  if (i >= params.windows * params.length * params.columns4) {
    return;
  }
  let row = i / params.columns4;
  let window = row / params.length;
  let end = documents[window * params.length].y;
  var value = vec4f(0.0);
  if (row % params.length < end) {
    value = d_y[window * params.columns4 + i % params.columns4] / f32(end);
  }
  if (ACCUMULATE) {
    value += d_x[i];
  }
  d_x[i] = value;
}
