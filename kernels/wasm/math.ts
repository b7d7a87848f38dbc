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
@inline
export function exp(x: v128): v128 {
  // beyond these 2^n is 0 or infinity. pmin and pmax are one instruction each, min and max are many; a NaN of x stays
  const bounded = f32x4.pmin(f32x4.pmax(x, splat(-88)), splat(89));
  // added to 1.5 · 2²³, a number is rounded to a whole one, which then stands in the last bits
  const shifted = madd(bounded, splat(1.44269504088896341), splat(12582912));
  const n = f32x4.sub(shifted, splat(12582912));
  // ln 2 in two parts, the first of which n multiplies exactly
  const r = madd(n, splat(2.12194440e-4), madd(n, splat(-0.693359375), bounded));
  let p = splat(1.9875691500e-4);
  p = madd(p, r, splat(1.3981999507e-3));
  p = madd(p, r, splat(8.3334519073e-3));
  p = madd(p, r, splat(4.1665795894e-2));
  p = madd(p, r, splat(1.6666665459e-1));
  p = madd(p, r, splat(5.0000001201e-1));
  p = madd(p, f32x4.mul(r, r), f32x4.add(r, splat(1)));
  return f32x4.mul(p, i32x4.shl(i32x4.add(shifted, i32x4.splat(127)), 23));
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
  const magnitude = f32x4.pmin(f32x4.abs(x), splat(10));
  const power = exp(f32x4.neg(f32x4.mul(magnitude, magnitude)));
  return with_sign(f32x4.sub(splat(1), erfc_of(magnitude, power)), x);
}

/** gelu(x) = x · cdf(x) */
@inline
export function gelu(x: v128): v128 {
  const cdf = f32x4.mul(splat(0.5), f32x4.add(splat(1), erf(f32x4.mul(x, splat(0.70710678118654752)))));
  return f32x4.mul(x, cdf);
}

/** What the cumulative distribution and the density have in common: e^(-x² / 2), x within ±14. */
@inline
export function gelu_power(bounded: v128): v128 {
  return exp(f32x4.mul(splat(-0.5), f32x4.mul(bounded, bounded)));
}

/** x where the distribution is neither 0 nor 1 in f32, the nearer bound elsewhere. */
@inline
export function gelu_bounded(x: v128): v128 {
  return f32x4.pmax(f32x4.pmin(x, splat(14)), splat(-14));
}

/** cdf(x) from {@linkcode gelu_power}. */
@inline
export function gelu_cdf(bounded: v128, power: v128): v128 {
  const magnitude = f32x4.mul(f32x4.abs(bounded), splat(0.70710678118654752));
  const erf_x = with_sign(f32x4.sub(splat(1), erfc_of(magnitude, power)), bounded);
  return f32x4.mul(splat(0.5), f32x4.add(splat(1), erf_x));
}

/** gelu'(x) = cdf(x) + x · density(x), from {@linkcode gelu_power} and {@linkcode gelu_cdf}. */
@inline
export function gelu_slope(bounded: v128, power: v128, cdf: v128): v128 {
  return madd(bounded, f32x4.mul(splat(0.39894228040143268), power), cdf);
}

/** gelu'(x) */
@inline
export function gelu_derivative(x: v128): v128 {
  const bounded = gelu_bounded(x);
  const power = gelu_power(bounded);
  return gelu_slope(bounded, power, gelu_cdf(bounded, power));
}
