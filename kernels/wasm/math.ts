// Elementary functions on four floats at once. Tests state and check their errors.

@inline
export function madd(a: v128, b: v128, c: v128): v128 {
  return RELAXED ? f32x4.relaxed_madd(a, b, c) : f32x4.add(f32x4.mul(a, b), c);
}

@inline
export function splat(x: f32): v128 {
  return f32x4.splat(x);
}

@inline
export function sum(x: v128): f32 {
  return f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1) + f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3);
}

@inline
export function highest(x: v128): f32 {
  return max(
    max(f32x4.extract_lane(x, 0), f32x4.extract_lane(x, 1)),
    max(f32x4.extract_lane(x, 2), f32x4.extract_lane(x, 3)),
  );
}

// Constants lie in memory: V8 makes a constant vector anew at every use, by three instructions where a load is one. That
// halves the speed of everything below.
const EXP_LEAST = memory.data<f32>([-88]);
const EXP_MOST = memory.data<f32>([89]);
const LOG2_E = memory.data<f32>([1.44269504088896341]);
const ROUNDING = memory.data<f32>([12582912]);
const LN2_LOW = memory.data<f32>([2.12194440e-4]);
const LN2_HIGH = memory.data<f32>([-0.693359375]);
const EXP_6 = memory.data<f32>([1.9875691500e-4]);
const EXP_5 = memory.data<f32>([1.3981999507e-3]);
const EXP_4 = memory.data<f32>([8.3334519073e-3]);
const EXP_3 = memory.data<f32>([4.1665795894e-2]);
const EXP_2 = memory.data<f32>([1.6666665459e-1]);
const EXP_1 = memory.data<f32>([5.0000001201e-1]);
const ONE = memory.data<f32>([1]);
const ERF_P = memory.data<f32>([0.3275911]);
const ERF_5 = memory.data<f32>([1.061405429]);
const ERF_4 = memory.data<f32>([-1.453152027]);
const ERF_3 = memory.data<f32>([1.421413741]);
const ERF_2 = memory.data<f32>([-0.284496736]);
const ERF_1 = memory.data<f32>([0.254829592]);
const ERF_MOST = memory.data<f32>([10]);
const HALF = memory.data<f32>([0.5]);
const ROOT_HALF = memory.data<f32>([0.70710678118654752]);
const MINUS_HALF = memory.data<f32>([-0.5]);
const GELU_MOST = memory.data<f32>([14]);
const GELU_LEAST = memory.data<f32>([-14]);
const DENSITY_0 = memory.data<f32>([0.39894228040143268]);
const TANH_MOST = memory.data<f32>([20]);
const TANH_LEAST = memory.data<f32>([-20]);
const TANH_FACTOR = memory.data<f32>([0.79788456080286536]);
const TANH_CUBE = memory.data<f32>([0.044715]);
const TANH_SLOPE = memory.data<f32>([0.134145]);
const SIGMOID_MOST = memory.data<f32>([80]);
const SIGMOID_LEAST = memory.data<f32>([-80]);
const SILU_LEAST = memory.data<f32>([-100]);

@inline
function constant(at: usize): v128 {
  return v128.load32_splat(at);
}

/**
 * e^x: x = n · ln 2 + r with |r| ≤ ln 2 / 2, a polynomial of degree 6 for e^r, and n put into the exponent. Relative error
 * below 2e-7 from -87 to 88; below that 0, above infinity. Not a number stays not a number.
 */
@inline
export function exp(x: v128): v128 {
  // beyond these 2^n is 0 or infinity. pmin and pmax are one instruction each, min and max are many; a NaN of x stays
  const bounded = f32x4.pmin(f32x4.pmax(x, constant(EXP_LEAST)), constant(EXP_MOST));
  // added to 1.5 · 2²³, a number is rounded to a whole one, which then stands in the last bits
  const shifted = madd(bounded, constant(LOG2_E), constant(ROUNDING));
  const n = f32x4.sub(shifted, constant(ROUNDING));
  // ln 2 in two parts, the first of which n multiplies exactly
  const r = madd(n, constant(LN2_LOW), madd(n, constant(LN2_HIGH), bounded));
  let p = constant(EXP_6);
  p = madd(p, r, constant(EXP_5));
  p = madd(p, r, constant(EXP_4));
  p = madd(p, r, constant(EXP_3));
  p = madd(p, r, constant(EXP_2));
  p = madd(p, r, constant(EXP_1));
  p = madd(p, f32x4.mul(r, r), f32x4.add(r, constant(ONE)));
  return f32x4.mul(p, i32x4.shl(i32x4.add(shifted, i32x4.splat(127)), 23));
}

/** Natural logarithm of a positive normal number: relative error below 2e-7 away from 1, absolute near it. */
export function log(x: f32): f32 {
  return Mathf.log(x);
}

/**
 * 1 - erf(|x|) = e^(-x²) · series(t), t = 1 / (1 + p |x|), by Abramowitz and Stegun 7.1.26; `power` is e^(-x²).
 */
@inline
function erfc_of(magnitude: v128, power: v128): v128 {
  const t = f32x4.div(constant(ONE), madd(constant(ERF_P), magnitude, constant(ONE)));
  let series = madd(constant(ERF_5), t, constant(ERF_4));
  series = madd(series, t, constant(ERF_3));
  series = madd(series, t, constant(ERF_2));
  series = madd(series, t, constant(ERF_1));
  return f32x4.mul(f32x4.mul(series, t), power);
}

@inline
function with_sign(magnitude: v128, x: v128): v128 {
  return v128.or(magnitude, v128.and(x, i32x4.splat(<i32>0x80000000)));
}

/** erf(x): absolute error below 6e-7, most of it rounding. */
@inline
export function erf(x: v128): v128 {
  // beyond 10 the power is 0; without the bound the square of a huge argument overflows
  const magnitude = f32x4.pmin(f32x4.abs(x), constant(ERF_MOST));
  const power = exp(f32x4.neg(f32x4.mul(magnitude, magnitude)));
  return with_sign(f32x4.sub(constant(ONE), erfc_of(magnitude, power)), x);
}

/** gelu(x) = x · cdf(x) */
@inline
export function gelu(x: v128): v128 {
  const cdf = f32x4.mul(constant(HALF), f32x4.add(constant(ONE), erf(f32x4.mul(x, constant(ROOT_HALF)))));
  return f32x4.mul(x, cdf);
}

/** What the cumulative distribution and the density have in common: e^(-x² / 2), x within ±14. */
@inline
export function gelu_power(bounded: v128): v128 {
  return exp(f32x4.mul(constant(MINUS_HALF), f32x4.mul(bounded, bounded)));
}

/** x where the distribution is neither 0 nor 1 in f32, the nearer bound elsewhere. */
@inline
export function gelu_bounded(x: v128): v128 {
  return f32x4.pmax(f32x4.pmin(x, constant(GELU_MOST)), constant(GELU_LEAST));
}

/** cdf(x) from {@linkcode gelu_power}. */
@inline
export function gelu_cdf(bounded: v128, power: v128): v128 {
  const magnitude = f32x4.mul(f32x4.abs(bounded), constant(ROOT_HALF));
  const erf_x = with_sign(f32x4.sub(constant(ONE), erfc_of(magnitude, power)), bounded);
  return f32x4.mul(constant(HALF), f32x4.add(constant(ONE), erf_x));
}

/** gelu'(x) = cdf(x) + x · density(x), from {@linkcode gelu_power} and {@linkcode gelu_cdf}. */
@inline
export function gelu_slope(bounded: v128, power: v128, cdf: v128): v128 {
  return madd(bounded, f32x4.mul(constant(DENSITY_0), power), cdf);
}

/** gelu'(x) */
@inline
export function gelu_derivative(x: v128): v128 {
  const bounded = gelu_bounded(x);
  const power = gelu_power(bounded);
  return gelu_slope(bounded, power, gelu_cdf(bounded, power));
}

/** x where the tangent of {@linkcode gelu_tangent} is neither 1 nor -1, the nearer bound elsewhere. */
@inline
function tanh_bounded(x: v128): v128 {
  return f32x4.pmax(f32x4.pmin(x, constant(TANH_MOST)), constant(TANH_LEAST));
}

/** tanh(√(2/π) · (x + 0.044715 x³)) of a bounded x, from e^2u: exactly ±1 where it is that in f32. */
@inline
function gelu_tangent(bounded: v128): v128 {
  const square = f32x4.mul(bounded, bounded);
  const u = f32x4.mul(f32x4.mul(constant(TANH_FACTOR), bounded), madd(constant(TANH_CUBE), square, constant(ONE)));
  // 2u beyond ±20 changes nothing
  const power = exp(tanh_bounded(f32x4.add(u, u)));
  return f32x4.sub(constant(ONE), f32x4.div(f32x4.splat(2), f32x4.add(power, constant(ONE))));
}

/** x · (1 + tangent) / 2 */
export function gelu_tanh(x: v128): v128 {
  const tangent = gelu_tangent(tanh_bounded(x));
  return f32x4.mul(x, f32x4.mul(constant(HALF), f32x4.add(constant(ONE), tangent)));
}

/** Derivative of {@linkcode gelu_tanh}. */
export function gelu_tanh_derivative(x: v128): v128 {
  const bounded = tanh_bounded(x);
  const tangent = gelu_tangent(bounded);
  const square = f32x4.mul(bounded, bounded);
  const slope = f32x4.mul(constant(TANH_FACTOR), madd(constant(TANH_SLOPE), square, constant(ONE)));
  const rest = f32x4.sub(constant(ONE), f32x4.mul(tangent, tangent));
  const half = f32x4.mul(constant(HALF), f32x4.add(constant(ONE), tangent));
  return f32x4.add(half, f32x4.mul(f32x4.mul(f32x4.mul(constant(HALF), bounded), rest), slope));
}

/** x where the sigmoid is neither 0 nor 1 in f32, the nearer bound elsewhere. */
@inline
function sigmoid_bounded(x: v128): v128 {
  return f32x4.pmax(f32x4.pmin(x, constant(SIGMOID_MOST)), constant(SIGMOID_LEAST));
}

@inline
function sigmoid(bounded: v128): v128 {
  return f32x4.div(constant(ONE), f32x4.add(constant(ONE), exp(f32x4.neg(bounded))));
}

/** x · sigmoid(x), which is nothing long before x is huge. */
export function silu(x: v128): v128 {
  return f32x4.mul(f32x4.pmax(x, constant(SILU_LEAST)), sigmoid(sigmoid_bounded(x)));
}

/** Derivative of {@linkcode silu}. */
export function silu_derivative(x: v128): v128 {
  const bounded = sigmoid_bounded(x);
  const s = sigmoid(bounded);
  return f32x4.mul(s, f32x4.add(constant(ONE), f32x4.mul(bounded, f32x4.sub(constant(ONE), s))));
}

/** tanh from e^2x; near 0, where the quotient would lose the digits of x, the series x - x³/3 + 2x⁵/15. */
export function tanh4(x: v128): v128 {
  const bounded = tanh_bounded(x);
  const power = exp(tanh_bounded(f32x4.add(bounded, bounded)));
  const quotient = f32x4.sub(constant(ONE), f32x4.div(f32x4.splat(2), f32x4.add(power, constant(ONE))));
  const square = f32x4.mul(bounded, bounded);
  const terms = madd(square, madd(square, f32x4.splat(0.13333333333333), f32x4.splat(-0.33333333333333)), constant(ONE));
  const isSmall = f32x4.lt(f32x4.abs(x), f32x4.splat(0.05));
  return v128.bitselect(f32x4.mul(bounded, terms), quotient, isSmall);
}

/** What activations of other numbers than 1 give: 2 ReLU, 3 GELU by tanh, 4 SiLU, 5 tanh, 6 the square of ReLU. No part of any loop, which would slow GELU. */
export function activate_other(x: v128, activation: i32): v128 {
  if (activation == 2) return f32x4.max(x, f32x4.splat(0));
  if (activation == 3) return gelu_tanh(x);
  if (activation == 5) return tanh4(x);
  if (activation == 6) {
    const positive = f32x4.max(x, f32x4.splat(0));
    return f32x4.mul(positive, positive);
  }
  return silu(x);
}

/** Derivatives of {@linkcode activate_other}. */
export function other_derivative(x: v128, activation: i32): v128 {
  if (activation == 2) return v128.and(constant(ONE), f32x4.gt(x, f32x4.splat(0)));
  if (activation == 3) return gelu_tanh_derivative(x);
  if (activation == 5) {
    const y = tanh4(x);
    return f32x4.sub(constant(ONE), f32x4.mul(y, y));
  }
  if (activation == 6) {
    const positive = f32x4.max(x, f32x4.splat(0));
    return f32x4.add(positive, positive);
  }
  return silu_derivative(x);
}
