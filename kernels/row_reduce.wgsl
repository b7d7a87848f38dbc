// A workgroup works on WORKGROUP_SIZE / LANES rows at once, LANES neighbouring invocations a row.
override LANES: u32 = 8u;

var<workgroup> lane_values: array<vec2f, WORKGROUP_SIZE>;

// The row of an invocation; beyond the last where there are more invocations than rows.
fn row_index(local: u32, group: vec3u, groups: vec3u) -> u32 {
  return (group.x + group.y * groups.x) * (WORKGROUP_SIZE / LANES) + local / LANES;
}

// Both components summed over the lanes of this invocation's row. Uniform control flow only: it holds barriers.
fn row_sum(local: u32, value: vec2f) -> vec2f {
  lane_values[local] = value;
  workgroupBarrier();
  let first = local - local % LANES;
  var total = vec2f(0.0);
  for (var lane = 0u; lane < LANES; lane++) {
    total += lane_values[first + lane];
  }
  workgroupBarrier();
  return total;
}
