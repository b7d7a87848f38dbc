// With n = (x - mean) · rstd and g = d_y · weight:  d_x (+)= rstd · (g - mean(g) - n · mean(g · n)), and over the rows of block s
//   weight_partials[s] = Σ d_y · n,   bias_partials[s] = Σ d_y,
// which reduce_partials adds up. With ACTIVATION, x is what that made, and d_x is the gradient of what went in. A workgroup walks the rows of a block, WORKGROUP_SIZE / LANES at once.
override ACCUMULATE: bool = false;
override BIAS: bool = false;
override ACTIVATION: u32 = 0u; // as in activations.wgsl
override VECTORS: u32 = 4u; // of a row, for each of its lanes: columns4 / LANES, rounded up
const ROWS = WORKGROUP_SIZE / LANES;

struct Params {
  rows: u32,
  columns4: u32, // of a row, in fours
  block: u32, // rows of a block, a multiple of ROWS
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>; // [rows, width]
@group(0) @binding(2) var<storage, read> weight: array<vec4f>; // [width]
@group(0) @binding(3) var<storage, read> moments: array<vec2f>; // [rows] of (mean, rstd)
@group(0) @binding(4) var<storage, read> d_y: array<vec4f>; // [rows, width]
@group(0) @binding(5) var<storage, read_write> d_x: array<vec4f>; // [rows, width]
@group(0) @binding(6) var<storage, read_write> weight_partials: array<vec4f>; // [blocks, width]
@group(0) @binding(7) var<storage, read_write> bias_partials: array<vec4f>; // [blocks, width]
@group(0) @binding(8) var<storage, read> activation_input: array<vec4f>; // [rows, width]

var<workgroup> row_sums: array<vec4f, WORKGROUP_SIZE>;

// Σ over the rows that the workgroup walks at once: for the lanes of the first of them. Uniform control flow only.
fn sum_over_rows(local: u32, value: vec4f) -> vec4f {
  row_sums[local] = value;
  workgroupBarrier();
  var sum = value;
  for (var row = 1u; row < ROWS; row++) {
    sum += row_sums[row * LANES + local % LANES];
  }
  workgroupBarrier();
  return sum;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(local_invocation_index) local: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let block = group.x + group.y * groups.x;
  let begin = block * params.block;
  let end = min(begin + params.block, params.rows);
  let lane = local % LANES;
  var for_weight: array<vec4f, VECTORS>;
  var for_bias: array<vec4f, VECTORS>;
  for (var row0 = begin; row0 < end; row0 += ROWS) {
    let wanted = row0 + local / LANES;
    let row = min(wanted, params.rows - 1u);
    let first = row * params.columns4;
    let moment = moments[row];
    var sum = vec4f(0.0);
    var product = vec4f(0.0);
    for (var v = 0u; v < VECTORS; v++) {
      let i = v * LANES + lane;
      if (i < params.columns4 && wanted < end) {
        let d = d_y[first + i];
        let n = (x[first + i] - moment.x) * moment.y;
        sum += d * weight[i];
        product += d * weight[i] * n;
        for_weight[v] += d * n;
        for_bias[v] += d;
      }
    }
    let sums = vec2f(dot(sum, vec4f(1.0)), dot(product, vec4f(1.0)));
    let means = row_sum(local, sums) / f32(4u * params.columns4);
    for (var v = 0u; v < VECTORS; v++) {
      let i = v * LANES + lane;
      if (i < params.columns4 && wanted < end) {
        let n = (x[first + i] - moment.x) * moment.y;
        var value = moment.y * (d_y[first + i] * weight[i] - means.x - n * means.y);
        if (ACCUMULATE) {
          value += d_x[first + i];
        }
        if (ACTIVATION == 2u) {
          // no product: 0 · infinity is not 0
          value = select(vec4f(0.0), value, activation_input[first + i] > vec4f(0.0));
        } else if (ACTIVATION != 0u) {
          value *= activation_derivative(activation_input[first + i], ACTIVATION);
        }
        d_x[first + i] = value;
      }
    }
  }
  for (var v = 0u; v < VECTORS; v++) {
    let i = v * LANES + lane;
    let all = sum_over_rows(local, for_weight[v]);
    if (local < LANES && i < params.columns4 && begin < end) {
      weight_partials[block * params.columns4 + i] = all;
    }
    if (BIAS) {
      let all = sum_over_rows(local, for_bias[v]);
      if (local < LANES && i < params.columns4 && begin < end) {
        bias_partials[block * params.columns4 + i] = all;
      }
    }
  }
}
