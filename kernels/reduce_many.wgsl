// For each of several sums  y[i] += Σ_s partials[s, i], as reduce_partials: what is left of all sums that were cut into slices,
// at once. A workgroup works on one of them; so many invocations share an element as the sum's entry says.
struct Params {
  sums: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> sums: array<vec4u>; // [sums, 2]: first workgroup, place of partials, of y, size; slices, lanes
@group(0) @binding(2) var<storage, read> partials: array<f32>; // of all sums
@group(0) @binding(3) var<storage, read_write> y: array<f32>; // of all sums

const AHEAD = 4u; // partials that an invocation reads at once

var<workgroup> lane_sums: array<f32, WORKGROUP_SIZE>;

// The last sum that begins at a workgroup or before.
fn sum_of(group: u32) -> u32 {
  var low = 0u;
  var high = params.sums;
  while (high - low > 1u) {
    let middle = (low + high) / 2u;
    if (sums[2u * middle].x <= group) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return low;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(local_invocation_index) local: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let index = group.x + group.y * groups.x;
  let entry = sum_of(index);
  let place = sums[2u * entry];
  let slices = sums[2u * entry + 1u].x;
  let lanes = sums[2u * entry + 1u].y;
  let width = WORKGROUP_SIZE / lanes;
  let i = (index - place.x) * width + local % width;
  let lane = local / width;
  var sum = 0.0;
  if (i < place.w) {
    for (var slice = lane; slice < slices; slice += AHEAD * lanes) {
      var ahead = array<f32, AHEAD>();
      for (var k = 0u; k < AHEAD; k++) {
        let next = slice + k * lanes;
        ahead[k] = select(0.0, partials[place.y + min(next, slices - 1u) * place.w + i], next < slices);
      }
      for (var k = 0u; k < AHEAD; k++) {
        sum += ahead[k];
      }
    }
  }
  lane_sums[local] = sum;
  workgroupBarrier();
  if (lane > 0u || i >= place.w) {
    return;
  }
  for (var other = 1u; other < lanes; other++) {
    sum += lane_sums[other * width + local];
  }
  y[place.z + i] += sum;
}
