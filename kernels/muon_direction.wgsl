// x = gain / (√Σ partials + ε) · direction, of a matrix that begins first4 fours behind direction's beginning: its Frobenius norm
// becomes `gain`, and so its singular values are at most that.
struct Params {
  size4: u32, // of x, in fours
  first4: u32,
  count: u32, // of partials
  gain: f32,
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partials: array<f32>; // [count] of Σ direction²
@group(0) @binding(2) var<storage, read> direction: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> x: array<vec4f>; // [4 · size4]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups);
  if (i >= params.size4) {
    return;
  }
  var total = 0.0;
  for (var part = 0u; part < params.count; part++) {
    total += partials[part];
  }
  x[i] = params.gain / (sqrt(total) + params.epsilon) * direction[params.first4 + i];
}
