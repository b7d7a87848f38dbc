// d_x = d_y · activation'(x), in place on the gradient.
override ACTIVATION: u32 = 1u; // as in activations.wgsl

struct Params {
  size4: u32, // in fours
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>; // [4 · size4], the activation's input
@group(0) @binding(2) var<storage, read_write> d_y: array<vec4f>; // [4 · size4]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups);
  if (i >= params.size4) {
    return;
  }
  if (ACTIVATION == 2u) {
    // no product: 0 · infinity is not 0
    d_y[i] = select(vec4f(0.0), d_y[i], x[i] > vec4f(0.0));
  } else {
    d_y[i] *= activation_derivative(x[i], ACTIVATION);
  }
}
