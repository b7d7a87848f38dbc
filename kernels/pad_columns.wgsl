// y[row, group, i] = x[row, group, i] for i < min(x_columns, y_columns), and 0 beyond: groups of columns made wider, or cut back. A head
// whose width is no multiple of four floats is attended with as one that is. Overwrites.
struct Params {
  size: u32, // of y
  x_columns: u32, // columns of a group of x
  y_columns: u32, // columns of a group of y
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // [rows · groups, x_columns]
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // [rows · groups, y_columns]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups);
  if (i >= params.size) {
    return;
  }
  let column = i % params.y_columns;
  var value = 0.0;
  if (column < params.x_columns) {
    value = x[i / params.y_columns * params.x_columns + column];
  }
  y[i] = value;
}
