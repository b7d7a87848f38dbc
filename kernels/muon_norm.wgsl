// partials[z, block] = Σ direction² over a block of matrix z: the first level of its Frobenius norm.
struct Params {
  size4: u32, // of a matrix, in fours
  block4: u32, // fours a workgroup
  blocks: u32, // of a matrix
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> places: array<vec2u>; // [count] of (first four, whether the matrix is wide)
@group(0) @binding(2) var<storage, read> direction: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> partials: array<f32>; // [count, blocks]

var<workgroup> lane_sums: array<f32, WORKGROUP_SIZE>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3u) {
  let begin = group.x % params.blocks * params.block4;
  let last = min(begin + params.block4, params.size4);
  let first = places[group.x / params.blocks].x;
  var sum = 0.0;
  for (var i = begin + local; i < last; i += WORKGROUP_SIZE) {
    sum += dot(direction[first + i], direction[first + i]);
  }
  lane_sums[local] = sum;
  workgroupBarrier();
  if (local == 0u) {
    for (var lane = 1u; lane < WORKGROUP_SIZE; lane++) {
      sum += lane_sums[lane];
    }
    partials[group.x] = sum;
  }
}
