// y[i] (+)= Σ_s partials[s, i]: adds up what several workgroups summed apart, always in the same order.
override ACCUMULATE: bool = false;

struct Params {
  size: u32,
  splits: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partials: array<f32>; // [splits, size]
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // [size]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups);
  if (i >= params.size) {
    return;
  }
  var sum = 0.0;
  for (var split = 0u; split < params.splits; split++) {
    sum += partials[split * params.size + i];
  }
  if (ACCUMULATE) {
    sum += y[i];
  }
  y[i] = sum;
}
