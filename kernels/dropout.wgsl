// y (+)= residual + kept(x) / (1 - p) (Srivastava et al., 2014). The same kernel with x = d_y is its gradient: the mask is
// drawn again from the same counter. One invocation a vec4, one Philox block each.
override RESIDUAL: bool = false;
override ACCUMULATE: bool = false;

struct Params {
  size4: u32, // in fours
  threshold: u32, // p · 2³²
  scale: f32, // 1 / (1 - p)
  stream: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>; // [4 · size4]
@group(0) @binding(2) var<storage, read> residual: array<vec4f>; // [4 · size4]
@group(0) @binding(3) var<storage, read> clock: array<u32>; // seed, step, micro-step
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>; // [4 · size4]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups);
  if (i >= params.size4) {
    return;
  }
  var value = x[i] * keep(i, 0u, params.stream, params.threshold, params.scale);
  if (RESIDUAL) {
    value += residual[i];
  }
  if (ACCUMULATE) {
    value += y[i];
  }
  y[i] = value;
}
