// Softmax cross-entropy of each masked position, in nats, and in the same pass its gradient, which replaces the logits:
//   loss = log Σ exp(logits) - logits[label],   d_logits = (softmax(logits) - onehot(label)) · loss_scale.
// Also the most probable token (the lowest id where several are equal). A row whose label is 0xffffffff weighs nothing.
override GRADIENT: bool = false;

struct Params {
  rows: u32,
  vocab: u32,
  stride: u32, // floats between rows; the padding gets gradient 0
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> labels: array<u32>; // [rows]
@group(0) @binding(2) var<storage, read> scalars: array<f32>; // [0] = loss_scale
@group(0) @binding(3) var<storage, read_write> logits: array<f32>; // [rows, stride]
@group(0) @binding(4) var<storage, read_write> losses: array<f32>; // [rows]
@group(0) @binding(5) var<storage, read_write> predictions: array<u32>; // [rows]

var<workgroup> lane_best: array<f32, WORKGROUP_SIZE>;
var<workgroup> lane_token: array<u32, WORKGROUP_SIZE>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(local_invocation_index) local: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let wanted = row_index(local, group, groups);
  let row = min(wanted, params.rows - 1u);
  let lane = local % LANES;
  let first = row * params.stride;
  var best = -3.4e38;
  var token = 0u;
  for (var v = lane; v < params.vocab; v += LANES) {
    let logit = logits[first + v];
    if (logit > best) {
      best = logit;
      token = v;
    }
  }
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
  var sum = 0.0;
  for (var v = lane; v < params.vocab; v += LANES) {
    sum += exp(logits[first + v] - best);
  }
  let label = labels[row];
  let counts = label < params.vocab;
  // before the barriers inside row_sum: after them another lane may overwrite it with its gradient
  let label_logit = logits[first + min(label, params.vocab - 1u)];
  let total = row_sum(local, vec2f(sum, 0.0)).x;
  if (wanted >= params.rows) {
    return;
  }
  if (lane == 0u) {
    losses[row] = select(0.0, log(total) + best - label_logit, counts);
    predictions[row] = token;
  }
  if (GRADIENT) {
    let weight = select(0.0, scalars[0] / total, counts);
    for (var v = lane; v < params.stride; v += LANES) {
      var d_logit = 0.0;
      if (v < params.vocab && counts) {
        d_logit = exp(logits[first + v] - best) * weight - select(0.0, scalars[0], v == label);
      }
      logits[first + v] = d_logit;
    }
  }
}
