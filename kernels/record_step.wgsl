// Ends a step: ring[clock.step mod size] = (Σ loss, correct, labels, gradient norm); totals are cleared; and with NORM
//   update_scale = min(1, clip / norm)
// (Pascanu et al., 2013), or 0 if the norm or a loss is not finite, so that one bad batch cannot poison the weights; with
// OTHER, the loss of the same step in another ring counts too. One workgroup does it all: the partials are few.
override NORM: bool = false;
override OTHER: bool = false;

struct Params {
  count: u32, // of partials
  ring_size: u32,
  clip: f32, // 0 = no clipping
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> clock: array<u32>; // seed, step, micro-step
@group(0) @binding(2) var<storage, read> partials: array<f32>; // [count] of Σ gradient²
@group(0) @binding(3) var<storage, read_write> totals: array<vec4f>; // [1]
@group(0) @binding(4) var<storage, read_write> ring: array<vec4f>; // [ring_size]
@group(0) @binding(5) var<storage, read_write> update_scale: array<f32>; // [1]
@group(0) @binding(6) var<storage, read> other_ring: array<vec4f>; // [ring_size]

// Infinities and what is not a number have all of these; comparisons with NaN are not reliable on every back end.
const EXPONENT: u32 = 0x7f800000u;

var<workgroup> lane_sums: array<f32, WORKGROUP_SIZE>;

fn is_finite(x: f32) -> bool {
  return (bitcast<u32>(x) & EXPONENT) != EXPONENT;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(local_invocation_index) local: u32) {
  var sum = 0.0;
  if (NORM) {
    for (var i = local; i < params.count; i += WORKGROUP_SIZE) {
      sum += partials[i];
    }
    lane_sums[local] = sum;
    workgroupBarrier();
  }
  if (local > 0u) {
    return;
  }
  var record = totals[0];
  if (NORM) {
    for (var lane = 1u; lane < WORKGROUP_SIZE; lane++) {
      sum += lane_sums[lane];
    }
    let norm = sqrt(sum);
    record.w = norm;
    var scale = 1.0;
    if (params.clip > 0.0 && norm > params.clip) {
      scale = params.clip / norm;
    }
    var usable = is_finite(sum) && is_finite(record.x);
    if (OTHER) {
      usable = usable && is_finite(other_ring[clock[1] % params.ring_size].x);
    }
    update_scale[0] = select(0.0, scale, usable);
  }
  ring[clock[1] % params.ring_size] = record;
  totals[0] = vec4f(0.0);
}
