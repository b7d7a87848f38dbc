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

/**
 * e^x: x = n · ln 2 + r with |r| ≤ ln 2 / 2, a polynomial of degree 6 for e^r, and n put into the exponent. Relative error
 * below 2e-7 from -87 to 88; below that 0, above infinity. Not a number stays not a number.
 */
export function exp(x: v128): v128 {
  // beyond these the result is 0 or infinity; min and max keep a NaN of x
  const bounded = f32x4.min(f32x4.max(x, splat(-104)), splat(89));
  const n = f32x4.nearest(f32x4.mul(bounded, splat(1.44269504088896341)));
  // ln 2 in two parts, the first of which n multiplies exactly
  let r = f32x4.sub(bounded, f32x4.mul(n, splat(0.693359375)));
  r = f32x4.sub(r, f32x4.mul(n, splat(-2.12194440e-4)));
  let p = splat(1.9875691500e-4);
  p = madd(p, r, splat(1.3981999507e-3));
  p = madd(p, r, splat(8.3334519073e-3));
  p = madd(p, r, splat(4.1665795894e-2));
  p = madd(p, r, splat(1.6666665459e-1));
  p = madd(p, r, splat(5.0000001201e-1));
  p = madd(p, f32x4.mul(r, r), f32x4.add(r, splat(1)));
  // 2^n in two factors, so that neither leaves the range of exponents
  const whole = i32x4.trunc_sat_f32x4_s(n);
  const half = i32x4.shr_s(whole, 1);
  const rest = i32x4.sub(whole, half);
  const bias = i32x4.splat(127);
  p = f32x4.mul(p, i32x4.shl(i32x4.add(half, bias), 23));
  return f32x4.mul(p, i32x4.shl(i32x4.add(rest, bias), 23));
}

/** Natural logarithm of a positive normal number: relative error below 2e-7 away from 1, absolute near it. */
export function log(x: f32): f32 {
  return <f32>Math.log(<f64>x);
}

/**
 * 1 - erf(|x|) = e^(-x²) · series(t), t = 1 / (1 + p |x|), by Abramowitz and Stegun 7.1.26; `power` is e^(-x²).
 */
@inline
function erfc_of(magnitude: v128, power: v128): v128 {
  const t = f32x4.div(splat(1), madd(splat(0.3275911), magnitude, splat(1)));
  let series = madd(splat(1.061405429), t, splat(-1.453152027));
  series = madd(series, t, splat(1.421413741));
  series = madd(series, t, splat(-0.284496736));
  series = madd(series, t, splat(0.254829592));
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
  const magnitude = f32x4.min(f32x4.abs(x), splat(10));
  const power = exp(f32x4.neg(f32x4.mul(magnitude, magnitude)));
  return with_sign(f32x4.sub(splat(1), erfc_of(magnitude, power)), x);
}

/** gelu(x) = x · cdf(x) */
export function gelu(x: v128): v128 {
  const cdf = f32x4.mul(splat(0.5), f32x4.add(splat(1), erf(f32x4.mul(x, splat(0.70710678118654752)))));
  return f32x4.mul(x, cdf);
}

/** cdf(x) of {@linkcode gelu_both}, for its caller. */
export let gelu_cdf: v128 = f32x4.splat(0);

/**
 * gelu'(x) = cdf(x) + x · density(x), and cdf(x) in `gelu_cdf`. The density and the error function share e^(-x² / 2).
 */
export function gelu_both(x: v128): v128 {
  const bounded = f32x4.max(f32x4.min(x, splat(14)), splat(-14));
  const power = exp(f32x4.mul(splat(-0.5), f32x4.mul(bounded, bounded)));
  const magnitude = f32x4.mul(f32x4.abs(bounded), splat(0.70710678118654752));
  const erf_x = with_sign(f32x4.sub(splat(1), erfc_of(magnitude, power)), x);
  gelu_cdf = f32x4.mul(splat(0.5), f32x4.add(splat(1), erf_x));
  return madd(bounded, f32x4.mul(splat(0.39894228040143268), power), gelu_cdf);
}

/** gelu'(x) */
@inline
export function gelu_derivative(x: v128): v128 {
  return gelu_both(x);
}
