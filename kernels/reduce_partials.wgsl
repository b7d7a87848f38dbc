// y[i] (+)= Σ_s partials[s, i]: adds up what several workgroups summed apart, always in the same order. LANES invocations
// share a sum: each adds every LANES-th partial, the first of them what they have.
override ACCUMULATE: bool = false;
override LANES: u32 = 1u;
const SUMS = WORKGROUP_SIZE / LANES;

struct Params {
  size: u32,
  splits: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partials: array<f32>; // [splits, size]
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // [size]

var<workgroup> lane_sums: array<f32, WORKGROUP_SIZE>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(local_invocation_index) local: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let i = (group.x + group.y * groups.x) * SUMS + local % SUMS;
  let lane = local / SUMS;
  var sum = 0.0;
  if (i < params.size) {
    for (var split = lane; split < params.splits; split += LANES) {
      sum += partials[split * params.size + i];
    }
  }
  if (LANES > 1u) {
    lane_sums[local] = sum;
    workgroupBarrier();
    for (var other = 1u; other < LANES; other++) {
      sum += lane_sums[other * SUMS + local % SUMS];
    }
  }
  if (lane > 0u || i >= params.size) {
    return;
  }
  if (ACCUMULATE) {
    sum += y[i];
  }
  y[i] = sum;
}
