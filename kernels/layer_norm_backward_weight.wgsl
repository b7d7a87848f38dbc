// Over the rows of block s:  partials[s, 0] = Σ d_y · n (for d_weight),  partials[s, 1] = Σ d_y (for d_bias),
// with n = (x - mean) · rstd. One invocation a block and four columns; reduce_partials adds the blocks up.
override BIAS: bool = false;

struct Params {
  rows: u32,
  columns4: u32, // of a row, in fours
  block: u32, // rows of a block
  splits: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>; // [rows, width]
@group(0) @binding(2) var<storage, read> moments: array<vec2f>; // [rows] of (mean, rstd)
@group(0) @binding(3) var<storage, read> d_y: array<vec4f>; // [rows, width]
@group(0) @binding(4) var<storage, read_write> weight_partials: array<vec4f>; // [splits, width]
@group(0) @binding(5) var<storage, read_write> bias_partials: array<vec4f>; // [splits, width]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups);
  if (i >= params.splits * params.columns4) {
    return;
  }
  let column = i % params.columns4;
  let first = i / params.columns4 * params.block;
  let last = min(first + params.block, params.rows);
  var for_weight = vec4f(0.0);
  var for_bias = vec4f(0.0);
  for (var row = first; row < last; row++) {
    let moment = moments[row];
    let d = d_y[row * params.columns4 + column];
    for_weight += d * ((x[row * params.columns4 + column] - moment.x) * moment.y);
    for_bias += d;
  }
  weight_partials[i] = for_weight;
  if (BIAS) {
    bias_partials[i] = for_bias;
  }
}
