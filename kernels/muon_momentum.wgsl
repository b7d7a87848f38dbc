// Momentum of the matrices that Muon updates, and where they are to go (Nesterov), which takes the gradients' place:
//   g = (1-decay) · update_scale · gradient;  m = decay · m + g;  gradient = kept · (g + decay · m)
// kept = 0 (no step follows) clears the gradients.
// update_scale = 0 (a step that is not a number) leaves the momentum as it is, and zeros for a direction.
struct Params {
  size4: u32, // in fours
  decay: f32,
  kept: f32, // 0 or 1
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> update_scale: array<f32>; // [1]
@group(0) @binding(2) var<storage, read_write> gradients: array<vec4f>; // [4 · size4]
@group(0) @binding(3) var<storage, read_write> momentum: array<vec4f>; // [4 · size4]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups);
  if (i >= params.size4) {
    return;
  }
  let gradient = gradients[i];
  if (update_scale[0] == 0.0) {
    gradients[i] = vec4f(0.0);
    return;
  }
  let g = (1.0 - params.decay) * (update_scale[0] * gradient);
  let m = params.decay * momentum[i] + g;
  momentum[i] = m;
  gradients[i] = params.kept * (g + params.decay * m);
}
