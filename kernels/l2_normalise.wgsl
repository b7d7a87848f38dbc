// y = scale · x / max(‖x‖, epsilon) over each row. The norm is kept for the gradient.
struct Params {
  rows: u32,
  columns4: u32, // of a row, in fours
  scale: f32,
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>; // [rows, width]
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>; // [rows, width]
@group(0) @binding(3) var<storage, read_write> norms: array<f32>; // [rows]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(local_invocation_index) local: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let wanted = row_index(local, group, groups);
  let row = min(wanted, params.rows - 1u);
  let lane = local % LANES;
  let first = row * params.columns4;
  var sum = 0.0;
  for (var i = lane; i < params.columns4; i += LANES) {
    sum += dot(x[first + i], x[first + i]);
  }
  let norm = sqrt(row_sum(local, vec2f(sum, 0.0)).x);
  if (wanted >= params.rows) {
    return;
  }
  let factor = params.scale / max(norm, params.epsilon);
  for (var i = lane; i < params.columns4; i += LANES) {
    y[first + i] = factor * x[first + i];
  }
  if (lane == 0u) {
    norms[row] = norm;
  }
}
