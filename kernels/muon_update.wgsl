// A matrix takes a step against its orthogonalised direction x, with decoupled weight decay, and its gradient is cleared:
//   p -= rate · relative_rate · (gain · x + decay · p)
// The matrix begins first4 fours behind the beginnings of parameters and gradients. update_scale = 0 changes no parameter.
struct Params {
  size4: u32, // of the matrix, in fours
  first4: u32,
  relative_rate: f32,
  gain: f32,
  weight_decay: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> scalars: array<f32>; // loss scale, rate
@group(0) @binding(2) var<storage, read> update_scale: array<f32>; // [1]
@group(0) @binding(3) var<storage, read> x: array<vec4f>; // [4 · size4]
@group(0) @binding(4) var<storage, read_write> parameters: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> gradients: array<vec4f>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups);
  if (i >= params.size4) {
    return;
  }
  let at = params.first4 + i;
  gradients[at] = vec4f(0.0);
  if (update_scale[0] == 0.0) {
    return;
  }
  let rate = scalars[1] * params.relative_rate;
  parameters[at] -= rate * (params.gain * x[i] + params.weight_decay * parameters[at]);
}
