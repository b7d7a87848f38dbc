// Matrices take a step against their orthogonalised directions x, with decoupled weight decay, and their gradients are cleared:
//   p -= rate · relative_rate · (√(rows / columns) · x + decay · p), without the root for wide ones
// update_scale = 0 changes no parameter.
struct Params {
  count: u32, // of matrices
  rows4: u32, // in fours
  side4: u32,
  relative_rate: f32,
  weight_decay: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> places: array<vec2u>; // [count] of (first four, whether the matrix is wide)
@group(0) @binding(2) var<storage, read> scalars: array<f32>; // loss scale, rate
@group(0) @binding(3) var<storage, read> update_scale: array<f32>; // [1]
@group(0) @binding(4) var<storage, read> x: array<vec4f>; // [count, side, rows]
@group(0) @binding(5) var<storage, read_write> parameters: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> gradients: array<vec4f>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups);
  if (i >= params.count * params.rows4 * params.side4) {
    return;
  }
  let block = block_at(i);
  for (var r = 0u; r < 4u; r++) {
    gradients[block.first + r * block.width4] = vec4f(0.0);
  }
  if (update_scale[0] == 0.0) {
    return;
  }
  let rate = scalars[1] * params.relative_rate;
  let matrix = block.matrix * params.rows4 * params.side4 * 4u;
  let first = matrix + select(
    4u * block.column4 * block.height4 + block.row4,
    4u * block.row4 * block.width4 + block.column4,
    block.is_wide,
  );
  let step = mat4x4f(
    x[first],
    x[first + params.rows4],
    x[first + 2u * params.rows4],
    x[first + 3u * params.rows4],
  );
  var rows = step;
  var gain = 1.0;
  if (!block.is_wide) {
    rows = transpose(step);
    gain = sqrt(f32(params.rows4) / f32(params.side4));
  }
  for (var r = 0u; r < 4u; r++) {
    let at = block.first + r * block.width4;
    parameters[at] -= rate * (gain * rows[r] + params.weight_decay * parameters[at]);
  }
}
