// totals += (Σ losses, number of correct predictions, number of labels, 0) over the masked rows of one batch.
// One workgroup; always accumulates, for several batches may make one step. record_step clears the totals.
const NO_LABEL: u32 = 0xffffffffu;

struct Params {
  rows: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> labels: array<u32>; // [rows]
@group(0) @binding(2) var<storage, read> losses: array<f32>; // [rows]
@group(0) @binding(3) var<storage, read> predictions: array<u32>; // [rows]
@group(0) @binding(4) var<storage, read_write> totals: array<vec4f>; // [1]

var<workgroup> partial: array<vec4f, WORKGROUP_SIZE>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(local_invocation_index) local: u32) {
  var sum = vec4f(0.0);
  for (var row = local; row < params.rows; row += WORKGROUP_SIZE) {
    let counts = labels[row] != NO_LABEL;
    let correct = counts && predictions[row] == labels[row];
    sum += vec4f(losses[row], f32(correct), f32(counts), 0.0);
  }
  partial[local] = sum;
  workgroupBarrier();
  if (local == 0u) {
    for (var i = 1u; i < WORKGROUP_SIZE; i++) {
      sum += partial[i];
    }
    totals[0] += sum;
  }
}
