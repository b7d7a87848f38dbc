// Kernels that work on each vector of four by itself. See the WGSL files of the same names for the formulas.
import { gelu, gelu_derivative, splat } from "./math";
import { keep } from "./philox";

@unmanaged
class Add {
  x: usize;
  y: usize;
  size: i32;
}

export function add(args: usize, begin: i32, end: i32): void {
  const p = changetype<Add>(args);
  for (let i = <usize>begin << 4, last = <usize>end << 4; i < last; i += 16) {
    v128.store(p.y + i, f32x4.add(v128.load(p.y + i), v128.load(p.x + i)));
  }
}

@unmanaged
class ActivationBackward {
  x: usize;
  d_y: usize;
  size: i32;
  ACTIVATION: i32;
}

export function activation_backward(args: usize, begin: i32, end: i32): void {
  const p = changetype<ActivationBackward>(args);
  for (let i = <usize>begin << 4, last = <usize>end << 4; i < last; i += 16) {
    const x = v128.load(p.x + i);
    const d = v128.load(p.d_y + i);
    v128.store(
      p.d_y + i,
      p.ACTIVATION == 1 ? f32x4.mul(d, gelu_derivative(x)) : v128.and(d, f32x4.gt(x, splat(0))),
    );
  }
}

@unmanaged
class Geglu {
  u: usize;
  y: usize;
  rows: i32;
  hidden: i32; // in vectors
}

export function geglu(args: usize, begin: i32, end: i32): void {
  const p = changetype<Geglu>(args);
  for (let i = begin; i < end; i++) {
    const input = p.u + (<usize>(i / p.hidden * 2 * p.hidden + i % p.hidden) << 4);
    const gate = input + (<usize>p.hidden << 4);
    v128.store(p.y + (<usize>i << 4), f32x4.mul(gelu(v128.load(input)), v128.load(gate)));
  }
}

@unmanaged
class GegluBackward {
  u: usize;
  d_y: usize;
  d_u: usize;
  rows: i32;
  hidden: i32; // in vectors
}

export function geglu_backward(args: usize, begin: i32, end: i32): void {
  const p = changetype<GegluBackward>(args);
  const gate = <usize>p.hidden << 4;
  for (let i = begin; i < end; i++) {
    const at = <usize>(i / p.hidden * 2 * p.hidden + i % p.hidden) << 4;
    const d = v128.load(p.d_y + (<usize>i << 4));
    const x = v128.load(p.u + at);
    v128.store(p.d_u + at, f32x4.mul(f32x4.mul(d, v128.load(p.u + at + gate)), gelu_derivative(x)));
    v128.store(p.d_u + at + gate, f32x4.mul(d, gelu(x)));
  }
}

@unmanaged
class Dropout {
  x: usize;
  residual: usize;
  clock: usize;
  y: usize;
  size: i32;
  threshold: u32;
  scale: f32;
  stream: u32;
  RESIDUAL: i32;
  ACCUMULATE: i32;
}

export function dropout(args: usize, begin: i32, end: i32): void {
  const p = changetype<Dropout>(args);
  for (let i = begin; i < end; i++) {
    const at = <usize>i << 4;
    let value = f32x4.mul(v128.load(p.x + at), keep(p.clock, i, 0, p.stream, p.threshold, p.scale));
    if (p.RESIDUAL) value = f32x4.add(value, v128.load(p.residual + at));
    if (p.ACCUMULATE) value = f32x4.add(value, v128.load(p.y + at));
    v128.store(p.y + at, value);
  }
}

@unmanaged
class Rotary {
  angles: usize;
  qkv: usize;
  rows: i32;
  length: i32;
  width: i32;
  half_head: i32;
  direction: f32;
}

/** One item a pair of floats. */
export function rotary(args: usize, begin: i32, end: i32): void {
  const p = changetype<Rotary>(args);
  for (let i = begin; i < end; i++) {
    const row = i / p.width;
    const pair = i % p.width;
    const offset = pair % p.half_head;
    const at = p.qkv + (<usize>(row * 3 * p.width + pair / p.half_head * 2 * p.half_head + offset) << 2);
    const other = at + (<usize>p.half_head << 2);
    const angle = p.angles + (<usize>(row % p.length * p.half_head + offset) << 3);
    const cos = load<f32>(angle);
    const sin = p.direction * load<f32>(angle, 4);
    const x = load<f32>(at);
    const y = load<f32>(other);
    store<f32>(at, x * cos - y * sin);
    store<f32>(other, y * cos + x * sin);
  }
}
