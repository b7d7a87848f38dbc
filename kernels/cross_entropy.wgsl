// Softmax cross-entropy of each masked position, in nats, and its gradient, which replaces the logits. One pass over a row finds its
// maximum and Σ exp together, a second one writes the gradient:
//   loss = weight · (log Σ exp(logits) - logits[label]),   d_logits = (softmax(logits) - onehot(label)) · weight · scale,
// where weight is the row's, without WEIGHTED 1, and scale is scalars[0], 1 / labels for a mean, and with SCALED times the loss
// scale of record_step.
// Also the most probable token (the lowest id where several are equal). A row whose label is 0xffffffff weighs nothing.
override GRADIENT: bool = false;
override SCALED: bool = false;
override WEIGHTED: bool = false;

struct Params {
  rows: u32,
  vocab: u32,
  stride: u32, // floats between rows, a multiple of 4; the padding gets gradient 0
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> labels: array<u32>; // [rows]
@group(0) @binding(2) var<storage, read> scalars: array<f32>; // [4]
@group(0) @binding(3) var<storage, read_write> logits: array<vec4f>; // [rows, stride]
@group(0) @binding(4) var<storage, read_write> losses: array<f32>; // [rows]
@group(0) @binding(5) var<storage, read_write> predictions: array<u32>; // [rows]
@group(0) @binding(6) var<storage, read> scaling: array<vec4f>; // [1]: see record_step
@group(0) @binding(7) var<storage, read> weights: array<f32>; // [rows]

var<workgroup> lane_best: array<f32, WORKGROUP_SIZE>;
var<workgroup> lane_token: array<u32, WORKGROUP_SIZE>;

const LEAST = -3.4e38;

// Which of four neighbouring columns are of the vocabulary.
fn is_token(first: u32) -> vec4<bool> {
  return vec4u(first, first + 1u, first + 2u, first + 3u) < vec4u(params.vocab);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(local_invocation_index) local: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let wanted = row_index(local, group, groups);
  let row = min(wanted, params.rows - 1u);
  let lane = local % LANES;
  let first = row * params.stride / 4u;
  var best = LEAST;
  var token = 0u;
  var sum = 0.0; // Σ exp(logit - best)
  for (var v = lane; 4u * v < params.vocab; v += LANES) {
    let four = select(vec4f(LEAST), logits[first + v], is_token(4u * v));
    let highest = max(max(four.x, four.y), max(four.z, four.w));
    if (highest > best) {
      sum *= exp(best - highest);
      best = highest;
      token = 4u * v + select(select(select(3u, 2u, four.z == best), 1u, four.y == best), 0u, four.x == best);
    }
    sum += dot(exp(four - best), vec4f(1.0));
  }
  let own_best = best;
  lane_best[local] = best;
  lane_token[local] = token;
  workgroupBarrier();
  for (var i = 0u; i < LANES; i++) {
    let at = local - lane + i;
    if (lane_best[at] > best || (lane_best[at] == best && lane_token[at] < token)) {
      best = lane_best[at];
      token = lane_token[at];
    }
  }
  sum *= exp(own_best - best);
  let label = labels[row];
  let counts = label < params.vocab;
  // before the barriers inside row_sum: after them another lane may overwrite it with its gradient
  let label_logit = logits[first + min(label, params.vocab - 1u) / 4u][label % 4u];
  let total = row_sum(local, vec2f(sum, 0.0)).x;
  if (wanted >= params.rows) {
    return;
  }
  var weight = 1.0;
  if (WEIGHTED) {
    weight = weights[row];
  }
  if (lane == 0u) {
    losses[row] = select(0.0, (log(total) + best - label_logit) * weight, counts);
    predictions[row] = token;
  }
  if (GRADIENT) {
    var scale = scalars[0] * weight;
    if (SCALED) {
      scale *= scaling[0].x;
    }
    let factor = select(0.0, scale / total, counts);
    for (var v = lane; 4u * v < params.stride; v += LANES) {
      let columns = vec4u(4u * v, 4u * v + 1u, 4u * v + 2u, 4u * v + 3u);
      let hit = select(vec4f(0.0), vec4f(scale), columns == vec4u(label));
      let d_logits = exp(logits[first + v] - best) * factor - hit;
      logits[first + v] = select(vec4f(0.0), d_logits, is_token(4u * v) & vec4<bool>(counts));
    }
  }
}
