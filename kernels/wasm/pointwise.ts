// Kernels that work on each vector of four by itself. See the WGSL files of the same names for the formulas.
import {
  activate_other, gelu, gelu_bounded, gelu_cdf, gelu_derivative, gelu_power, gelu_slope, madd, other_derivative, splat,
} from "./math";
import { factors0, factors1, factors2, factors3, keep, keep_four } from "./philox";

@unmanaged
class Add {
  x: usize;
  y: usize;
  size4: i32;
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
  size4: i32;
  ACTIVATION: i32;
}

export function activation_backward(args: usize, begin: i32, end: i32): void {
  const p = changetype<ActivationBackward>(args);
  if (p.ACTIVATION > 2) {
    for (let i = <usize>begin << 4, last = <usize>end << 4; i < last; i += 16) {
      v128.store(p.d_y + i, f32x4.mul(v128.load(p.d_y + i), other_derivative(v128.load(p.x + i), p.ACTIVATION)));
    }
    return;
  }
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
  hidden4: i32;
  ACTIVATION: i32;
}

/** One item a row. */
export function geglu(args: usize, begin: i32, end: i32): void {
  const p = changetype<Geglu>(args);
  const bytes = <usize>p.hidden4 << 4;
  for (let row = begin; row < end; row++) {
    const input = p.u + <usize>row * 2 * bytes;
    const gate = input + bytes;
    const y = p.y + <usize>row * bytes;
    if (p.ACTIVATION != 1) {
      for (let i: usize = 0; i < bytes; i += 16) {
        v128.store(y + i, f32x4.mul(activate_other(v128.load(input + i), p.ACTIVATION), v128.load(gate + i)));
      }
      continue;
    }
    for (let i: usize = 0; i < bytes; i += 16) {
      v128.store(y + i, f32x4.mul(gelu(v128.load(input + i)), v128.load(gate + i)));
    }
  }
}

@unmanaged
class GegluBackward {
  u: usize;
  d_y: usize;
  d_u: usize;
  rows: i32;
  hidden4: i32;
  ACTIVATION: i32;
}

/** One item a row. */
export function geglu_backward(args: usize, begin: i32, end: i32): void {
  const p = changetype<GegluBackward>(args);
  const bytes = <usize>p.hidden4 << 4;
  for (let row = begin; row < end; row++) {
    const at = <usize>row * 2 * bytes;
    const input = p.u + at, gate = input + bytes;
    const d_input = p.d_u + at, d_gate = d_input + bytes;
    const d_y = p.d_y + <usize>row * bytes;
    if (p.ACTIVATION != 1) {
      for (let i: usize = 0; i < bytes; i += 16) {
        const d = v128.load(d_y + i);
        const x = v128.load(input + i);
        v128.store(d_input + i, f32x4.mul(f32x4.mul(d, v128.load(gate + i)), other_derivative(x, p.ACTIVATION)));
        v128.store(d_gate + i, f32x4.mul(d, activate_other(x, p.ACTIVATION)));
      }
      continue;
    }
    for (let i: usize = 0; i < bytes; i += 16) {
      const d = v128.load(d_y + i);
      const x = v128.load(input + i);
      const bounded = gelu_bounded(x);
      const power = gelu_power(bounded);
      const cdf = gelu_cdf(bounded, power);
      const slope = gelu_slope(bounded, power, cdf);
      v128.store(d_input + i, f32x4.mul(f32x4.mul(d, v128.load(gate + i)), slope));
      v128.store(d_gate + i, f32x4.mul(d, f32x4.mul(x, cdf)));
    }
  }
}

@unmanaged
class Dropout {
  x: usize;
  residual: usize; // if RESIDUAL
  clock: usize;
  y: usize;
  size4: i32;
  threshold: u32;
  scale: f32;
  stream: u32;
  RESIDUAL: i32;
  ACCUMULATE: i32;
}

export function dropout(args: usize, begin: i32, end: i32): void {
  const p = changetype<Dropout>(args);
  let i = begin;
  for (; i + 4 <= end; i += 4) {
    keep_four(p.clock, i, 0, p.stream, p.threshold, p.scale);
    const at = <usize>i << 4;
    drop(p, at, factors0);
    drop(p, at + 16, factors1);
    drop(p, at + 32, factors2);
    drop(p, at + 48, factors3);
  }
  for (; i < end; i++) drop(p, <usize>i << 4, keep(p.clock, i, 0, p.stream, p.threshold, p.scale));
}

@inline
function drop(p: Dropout, at: usize, factors: v128): void {
  let value = f32x4.mul(v128.load(p.x + at), factors);
  if (p.RESIDUAL) value = f32x4.add(value, v128.load(p.residual + at));
  if (p.ACCUMULATE) value = f32x4.add(value, v128.load(p.y + at));
  v128.store(p.y + at, value);
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

/** One item a row: its queries, then its keys, head after head. */
export function rotary(args: usize, begin: i32, end: i32): void {
  const p = changetype<Rotary>(args);
  const half = <usize>p.half_head << 2;
  const parts = p.width / p.half_head;
  for (let row = begin; row < end; row++) {
    const angles = p.angles + (<usize>(row % p.length * p.half_head) << 3);
    let at = p.qkv + (<usize>(row * 3 * p.width) << 2);
    for (let part = 0; part < parts; part++) {
      if (p.half_head % 4 == 0) turn_vectors(at, half, angles, p.direction);
      else turn_floats(at, half, angles, p.direction);
      at += half << 1;
    }
  }
}

function turn_vectors(at: usize, half: usize, angles: usize, direction: f32): void {
  for (let i: usize = 0; i < half; i += 16) {
    const first = v128.load(angles + (i << 1)), second = v128.load(angles + (i << 1), 16);
    const cos = v128.shuffle<f32>(first, second, 0, 2, 4, 6);
    const sin = f32x4.mul(splat(direction), v128.shuffle<f32>(first, second, 1, 3, 5, 7));
    const x = v128.load(at + i), y = v128.load(at + i + half);
    v128.store(at + i, f32x4.sub(f32x4.mul(x, cos), f32x4.mul(y, sin)));
    v128.store(at + i + half, madd(y, cos, f32x4.mul(x, sin)));
  }
}

function turn_floats(at: usize, half: usize, angles: usize, direction: f32): void {
  for (let i: usize = 0; i < half; i += 4) {
    const cos = load<f32>(angles + (i << 1)), sin = direction * load<f32>(angles + (i << 1), 4);
    const x = load<f32>(at + i), y = load<f32>(at + i + half);
    store<f32>(at + i, x * cos - y * sin);
    store<f32>(at + i + half, y * cos + x * sin);
  }
}

@unmanaged
class PadColumns {
  x: usize;
  y: usize;
  size: i32;
  x_columns: i32;
  y_columns: i32;
}

/** One item a group of columns. */
export function pad_columns(args: usize, begin: i32, end: i32): void {
  const p = changetype<PadColumns>(args);
  const from = <usize>p.x_columns << 2, to = <usize>p.y_columns << 2;
  const kept = min(from, to);
  for (let group = <usize>begin; group < <usize>end; group++) {
    const y = p.y + group * to;
    memory.copy(y, p.x + group * from, kept);
    memory.fill(y + kept, 0, to - kept);
  }
}
