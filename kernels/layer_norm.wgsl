// y = (x - mean) · rstd · weight + bias over each row (Ba et al., 2016), rstd = 1 / √(variance + epsilon).
// Two passes for the variance: the difference of two large sums would lose it. mean and rstd are kept for the gradient.
override BIAS: bool = false;

struct Params {
  rows: u32,
  columns4: u32, // of a row, in fours
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>; // [rows, width]
@group(0) @binding(2) var<storage, read> weight: array<vec4f>; // [width]
@group(0) @binding(3) var<storage, read> bias: array<vec4f>; // [width]
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>; // [rows, width]
@group(0) @binding(5) var<storage, read_write> moments: array<vec2f>; // [rows] of (mean, rstd)

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
  let size = f32(4u * params.columns4);
  var sum = vec4f(0.0);
  for (var i = lane; i < params.columns4; i += LANES) {
    sum += x[first + i];
  }
  let mean = row_sum(local, vec2f(dot(sum, vec4f(1.0)), 0.0)).x / size;
  var squares = vec4f(0.0);
  for (var i = lane; i < params.columns4; i += LANES) {
    let centred = x[first + i] - mean;
    squares += centred * centred;
  }
  let variance = row_sum(local, vec2f(dot(squares, vec4f(1.0)), 0.0)).x / size;
  let rstd = 1.0 / sqrt(variance + params.epsilon);
  if (wanted >= params.rows) {
    return;
  }
  for (var i = lane; i < params.columns4; i += LANES) {
    var value = (x[first + i] - mean) * rstd * weight[i];
    if (BIAS) {
      value += bias[i];
    }
    y[first + i] = value;
  }
  if (lane == 0u) {
    moments[row] = vec2f(mean, rstd);
  }
}
