// erf by Abramowitz and Stegun, formula 7.1.26: absolute error below 1.5e-7 before rounding.
fn erf(x: vec4f) -> vec4f {
  let magnitude = abs(x);
  let t = 1.0 / (1.0 + 0.3275911 * magnitude);
  let series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  // exp underflows to 0 from 10 on; without the clamp the square overflows for huge arguments
  let bounded = min(magnitude, vec4f(10.0));
  return sign(x) * (1.0 - series * exp(-bounded * bounded));
}

// The normal distribution function, and gelu(x) = x · cdf(x) (Hendrycks and Gimpel, 2016), exact form.
fn normal_cdf(x: vec4f) -> vec4f {
  return 0.5 * (1.0 + erf(x * 0.70710678118654752));
}

fn gelu(x: vec4f) -> vec4f {
  return x * normal_cdf(x);
}

// gelu'(x) = cdf(x) + x · density(x)
fn gelu_derivative(x: vec4f) -> vec4f {
  let bounded = clamp(x, vec4f(-20.0), vec4f(20.0));
  return normal_cdf(x) + bounded * 0.39894228040143268 * exp(-0.5 * bounded * bounded);
}
