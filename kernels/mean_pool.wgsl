// y[window] = mean of the window's first document: rows 0 … end - 1, end = documents[window · length].y. A window whose document
// is empty gives 0.
struct Params {
  windows: u32,
  length: u32, // rows of a window
  columns4: u32, // of a row, in fours
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> documents: array<vec2u>; // [windows · length] of (begin, end)
@group(0) @binding(2) var<storage, read> x: array<vec4f>; // [windows · length, width]
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>; // [windows, width]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups);
  if (i >= params.windows * params.columns4) {
    return;
  }
  let first = i / params.columns4 * params.length;
  let end = documents[first].y;
  var sum = vec4f(0.0);
  for (var row = 0u; row < end; row++) {
    sum += x[(first + row) * params.columns4 + i % params.columns4];
  }
  y[i] = sum / f32(max(end, 1u));
}
