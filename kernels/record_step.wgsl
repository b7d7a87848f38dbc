// Ends a step: ring[clock.step mod size] = (Σ loss, correct, labels, gradient norm); totals are cleared; and with NORM
//   update_scale = min(1, clip / norm)
// (Pascanu et al., 2013), or 0 if the norm or a loss is not finite, so that one bad batch cannot poison the weights; with
// OTHER, the loss of the same step in another ring counts too. One workgroup does it all: the partials are few.
// With SCALED, gradients come multiplied by a loss scale, so that small ones do not vanish in f16 (Micikevicius et al., "Mixed
// precision training", 2018): the norm and update_scale are divided by it. It is halved, down to 1, where the losses are finite and
// the gradients are not, and doubled after GROWTH_STEPS steps without that.
override NORM: bool = false;
override OTHER: bool = false;
override SCALED: bool = false;
override GROWTH_STEPS: f32 = 2000.0;
override HIGHEST_SCALE: f32 = 16777216.0;

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
@group(0) @binding(7) var<storage, read_write> scaling: array<vec4f>; // [1]: loss scale, steps without overflow, 0, 0

// Infinities and what is not a number have all of these; comparisons with NaN are not reliable on every back end.
const EXPONENT: u32 = 0x7f800000u;

var<workgroup> lane_sums: array<f32, WORKGROUP_SIZE>;

fn is_finite(x: f32) -> bool {
  return (bitcast<u32>(x) & EXPONENT) != EXPONENT;
}

fn next_scaling(now: vec4f, is_gradient_finite: bool) -> vec4f {
  if (!is_gradient_finite) {
    return vec4f(max(0.5 * now.x, 1.0), 0.0, 0.0, 0.0);
  }
  if (now.y + 1.0 >= GROWTH_STEPS) {
    return vec4f(min(2.0 * now.x, HIGHEST_SCALE), 0.0, 0.0, 0.0);
  }
  return vec4f(now.x, now.y + 1.0, 0.0, 0.0);
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
    var norm = sqrt(sum);
    var loss_scale = 1.0;
    if (SCALED) {
      loss_scale = scaling[0].x;
      norm /= loss_scale;
    }
    record.w = norm;
    var scale = 1.0;
    if (params.clip > 0.0 && norm > params.clip) {
      scale = params.clip / norm;
    }
    var is_loss_finite = is_finite(record.x);
    if (OTHER) {
      is_loss_finite = is_loss_finite && is_finite(other_ring[clock[1] % params.ring_size].x);
    }
    update_scale[0] = select(0.0, scale / loss_scale, is_loss_finite && is_finite(sum));
    if (SCALED && is_loss_finite) {
      scaling[0] = next_scaling(scaling[0], is_finite(sum));
    }
  }
  ring[clock[1] % params.ring_size] = record;
  totals[0] = vec4f(0.0);
}
