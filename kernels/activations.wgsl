// Activations besides the exact GELU, and the choice among all of them: 1 GELU, 2 ReLU, 3 GELU by tanh, 4 SiLU, 5 tanh,
// 6 the square of ReLU.

// tanh(√(2/π) · (x + 0.044715 x³)), from e^2u: exactly ±1 where it is that in f32, so that nothing huge is left over.
fn gelu_tangent(x: vec4f) -> vec4f {
  // beyond 10 the tangent is ±1; without the clamps the cube and the power overflow
  let bounded = clamp(x, vec4f(-20.0), vec4f(20.0));
  let u = 0.79788456080286536 * bounded * (1.0 + 0.044715 * bounded * bounded);
  return tangent(u);
}

// tanh(u) from e^2u: beyond 10 it is ±1, and the power would overflow.
fn tangent(u: vec4f) -> vec4f {
  return 1.0 - 2.0 / (exp(2.0 * clamp(u, vec4f(-10.0), vec4f(10.0))) + 1.0);
}

// x · (1 + tangent) / 2 (Hendrycks and Gimpel, 2016), the approximation.
fn gelu_tanh(x: vec4f) -> vec4f {
  return x * (0.5 * (1.0 + gelu_tangent(x)));
}

fn gelu_tanh_derivative(x: vec4f) -> vec4f {
  let bounded = clamp(x, vec4f(-20.0), vec4f(20.0));
  let tangent = gelu_tangent(x);
  let slope = 0.79788456080286536 * (1.0 + 0.134145 * bounded * bounded);
  return 0.5 * (1.0 + tangent) + 0.5 * bounded * (1.0 - tangent * tangent) * slope;
}

// Near 0 the quotient would lose the digits of x: there the series x - x³/3 + 2x⁵/15 is exact to f32.
fn tanh_of(x: vec4f) -> vec4f {
  let square = x * x;
  let series = x * (1.0 + square * (-0.33333333333333 + square * 0.13333333333333));
  return select(tangent(x), series, abs(x) < vec4f(0.05));
}

fn sigmoid(x: vec4f) -> vec4f {
  return 1.0 / (1.0 + exp(-clamp(x, vec4f(-80.0), vec4f(80.0))));
}

// x · sigmoid(x) (Elfwing, Uchibe and Doya, 2017), which is nothing long before x is huge.
fn silu(x: vec4f) -> vec4f {
  return max(x, vec4f(-100.0)) * sigmoid(x);
}

fn silu_derivative(x: vec4f) -> vec4f {
  let s = sigmoid(x);
  return s * (1.0 + clamp(x, vec4f(-80.0), vec4f(80.0)) * (1.0 - s));
}

fn activate(x: vec4f, activation: u32) -> vec4f {
  switch activation {
    case 1u: {
      return gelu(x);
    }
    case 2u: {
      return max(x, vec4f(0.0));
    }
    case 3u: {
      return gelu_tanh(x);
    }
    case 4u: {
      return silu(x);
    }
    case 5u: {
      return tanh_of(x);
    }
    case 6u: {
      let positive = max(x, vec4f(0.0));
      return positive * positive;
    }
    default: {
      return x;
    }
  }
}

fn activation_derivative(x: vec4f, activation: u32) -> vec4f {
  switch activation {
    case 1u: {
      return gelu_derivative(x);
    }
    case 2u: {
      return select(vec4f(0.0), vec4f(1.0), x > vec4f(0.0));
    }
    case 3u: {
      return gelu_tanh_derivative(x);
    }
    case 5u: {
      let y = tanh_of(x);
      return 1.0 - y * y;
    }
    case 6u: {
      return 2.0 * max(x, vec4f(0.0));
    }
    default: {
      return silu_derivative(x);
    }
  }
}
