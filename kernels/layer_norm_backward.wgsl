// With n = (x - mean) · rstd and g = d_y · weight:  d_x (+)= rstd · (g - mean(g) - n · mean(g · n)).
override ACCUMULATE: bool = false;

struct Params {
  rows: u32,
  columns4: u32, // of a row, in fours
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>; // [rows, width]
@group(0) @binding(2) var<storage, read> weight: array<vec4f>; // [width]
@group(0) @binding(3) var<storage, read> moments: array<vec2f>; // [rows] of (mean, rstd)
@group(0) @binding(4) var<storage, read> d_y: array<vec4f>; // [rows, width]
@group(0) @binding(5) var<storage, read_write> d_x: array<vec4f>; // [rows, width]

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
  let moment = moments[row];
  var sum = vec4f(0.0);
  var product = vec4f(0.0);
  for (var i = lane; i < params.columns4; i += LANES) {
    let g = d_y[first + i] * weight[i];
    sum += g;
    product += g * ((x[first + i] - moment.x) * moment.y);
  }
  let sums = vec2f(dot(sum, vec4f(1.0)), dot(product, vec4f(1.0)));
  let means = row_sum(local, sums) / f32(4u * params.columns4);
  if (wanted >= params.rows) {
    return;
  }
  for (var i = lane; i < params.columns4; i += LANES) {
    let n = (x[first + i] - moment.x) * moment.y;
    var value = moment.y * (d_y[first + i] * weight[i] - means.x - n * means.y);
    if (ACCUMULATE) {
      value += d_x[first + i];
    }
    d_x[first + i] = value;
  }
}
