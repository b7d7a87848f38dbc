// partials[s, p, column] = Σ x[row, column] over the rows of block s with row mod period = p.
// period = length sums over the batch (the gradient of position embeddings), period = 1 over all rows.
struct Params {
  rows: u32,
  columns4: u32, // of a row, in fours
  period: u32,
  repeats: u32, // of the period in a block
  splits: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>; // [rows, width]
@group(0) @binding(2) var<storage, read_write> partials: array<vec4f>; // [splits, period, width]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups);
  if (i >= params.splits * params.period * params.columns4) {
    return;
  }
  let column = i % params.columns4;
  let phase = i / params.columns4 % params.period;
  let split = i / (params.columns4 * params.period);
  var sum = vec4f(0.0);
  for (var repeat = 0u; repeat < params.repeats; repeat++) {
    let row = (split * params.repeats + repeat) * params.period + phase;
    if (row < params.rows) {
      sum += x[row * params.columns4 + column];
    }
  }
  partials[i] = sum;
}
