// AdamW (Loshchilov and Hutter, 2019) over all parameters at once, laid out flat with the decayed ones first:
//   g = update_scale · gradient;  m = β₁ m + (1-β₁) g;  v = β₂ v + (1-β₂) g²
//   step = m / (1-β₁ᵗ) / (√(v / (1-β₂ᵗ)) + ε);  p -= rate · (step + decay · p)
// Embeddings, which come first of all, have a rate of their own.
// It also clears the gradient for the next step. update_scale = 0 (a step that is not a number) changes nothing else.
// With ROUNDED, the decayed parameters are also written where kernels read them that take f16.
override ROUNDED: bool = false;

struct Params {
  size4: u32, // in fours
  decayed4: u32, // fours that weight decay applies to
  beta1: f32,
  beta2: f32,
  epsilon: f32,
  weight_decay: f32,
  embedded4: u32, // fours of embeddings
  embedding_rate: f32, // by the rate of the others
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> scalars: array<f32>; // loss scale, rate, 1 / (1-β₁ᵗ), 1 / (1-β₂ᵗ)
@group(0) @binding(2) var<storage, read> update_scale: array<f32>; // [1]
@group(0) @binding(3) var<storage, read_write> parameters: array<vec4f>; // [4 · size4]
@group(0) @binding(4) var<storage, read_write> gradients: array<vec4f>; // [4 · size4]
@group(0) @binding(5) var<storage, read_write> first_moment: array<vec4f>; // [4 · size4]
@group(0) @binding(6) var<storage, read_write> second_moment: array<vec4f>; // [4 · size4]

@group(0) @binding(7) var<storage, read_write> rounded: array<vec4f>; // [4 · decayed4]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups);
  if (i >= params.size4) {
    return;
  }
  let gradient = gradients[i];
  gradients[i] = vec4f(0.0);
  if (update_scale[0] == 0.0) {
    return;
  }
  let g = update_scale[0] * gradient;
  let m = params.beta1 * first_moment[i] + (1.0 - params.beta1) * g;
  let v = params.beta2 * second_moment[i] + (1.0 - params.beta2) * g * g;
  first_moment[i] = m;
  second_moment[i] = v;
  let step = m * scalars[2] / (sqrt(v * scalars[3]) + params.epsilon);
  let decay = select(0.0, params.weight_decay, i < params.decayed4);
  let rate = scalars[1] * select(1.0, params.embedding_rate, i < params.embedded4);
  parameters[i] -= rate * (step + decay * parameters[i]);
  if (ROUNDED && i < params.decayed4) {
    rounded[i] = parameters[i];
  }
}
