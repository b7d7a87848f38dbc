// d_token[t] += scale · Σ d_y[row] over the rows that hold token t. Always accumulates: a tied decoder adds to it too.
// Serves positions as well, where rows are grouped by position. Rows come grouped by token, so each token has one writer and no atomics are needed:
// rows order[starts[u] .. starts[u + 1]] hold token unique[u]; unused u have starts[u] = starts[u + 1].
struct Params {
  rows: u32, // also the capacity of unique
  columns4: u32, // of a row, in fours
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> unique: array<u32>; // [rows]
@group(0) @binding(2) var<storage, read> starts: array<u32>; // [rows + 1]
@group(0) @binding(3) var<storage, read> order: array<u32>; // [rows]
@group(0) @binding(4) var<storage, read> d_y: array<vec4f>; // [rows, width]
@group(0) @binding(5) var<storage, read_write> d_token: array<vec4f>; // [vocab, width]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups);
  if (i >= params.rows * params.columns4) {
    return;
  }
  let group = i / params.columns4;
  let column = i % params.columns4;
  let end = starts[group + 1u];
  var sum = vec4f(0.0);
  for (var at = starts[group]; at < end; at++) {
    sum += d_y[order[at] * params.columns4 + column];
  }
  if (starts[group] < end) {
    d_token[unique[group] * params.columns4 + column] += params.scale * sum;
  }
}
