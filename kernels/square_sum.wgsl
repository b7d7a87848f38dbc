// partials[first + group] = Σ gradients² over the group's block: the first level of the global gradient norm.
struct Params {
  size4: u32, // in fours
  block4: u32, // fours a workgroup
  first: u32, // where this call's groups begin: a flat buffer may be summed by several calls
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gradients: array<vec4f>; // [4 · size4]
@group(0) @binding(2) var<storage, read_write> partials: array<f32>; // [groups of all calls]

var<workgroup> lane_sums: array<f32, WORKGROUP_SIZE>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3u) {
  let begin = group.x * params.block4;
  let last = min(begin + params.block4, params.size4);
  var sum = 0.0;
  for (var i = begin + local; i < last; i += WORKGROUP_SIZE) {
    sum += dot(gradients[i], gradients[i]);
  }
  lane_sums[local] = sum;
  workgroupBarrier();
  if (local == 0u) {
    for (var lane = 1u; lane < WORKGROUP_SIZE; lane++) {
      sum += lane_sums[lane];
    }
    partials[params.first + group.x] = sum;
  }
}
