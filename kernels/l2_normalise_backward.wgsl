// With r = 1 / max(‖x‖, epsilon) and n = x · r:  d_x (+)= scale · r · (d_y - n · Σ (n · d_y)) over each row, without the second
// term where the norm is below epsilon, for there r is constant.
override ACCUMULATE: bool = false;

struct Params {
  rows: u32,
  columns4: u32, // of a row, in fours
  scale: f32,
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>; // [rows, width]
@group(0) @binding(2) var<storage, read> norms: array<f32>; // [rows]
@group(0) @binding(3) var<storage, read> d_y: array<vec4f>; // [rows, width]
@group(0) @binding(4) var<storage, read_write> d_x: array<vec4f>; // [rows, width]

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
  let norm = norms[row];
  let r = 1.0 / max(norm, params.epsilon);
  var sum = 0.0;
  for (var i = lane; i < params.columns4; i += LANES) {
    sum += dot(x[first + i] * r, d_y[first + i]);
  }
  let along = select(0.0, row_sum(local, vec2f(sum, 0.0)).x, norm > params.epsilon);
  if (wanted >= params.rows) {
    return;
  }
  for (var i = lane; i < params.columns4; i += LANES) {
    var value = params.scale * r * (d_y[first + i] - x[first + i] * r * along);
    if (ACCUMULATE) {
      value += d_x[first + i];
    }
    d_x[first + i] = value;
  }
}
