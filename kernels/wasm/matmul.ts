// c (+)= activation(A · B + bias) + residual: see kernels/matmul_epilogue.wgsl for what the constants mean.
import { gelu } from "./math";
import { packed_tile } from "./gemm";
import { scratch, spare } from "./memory";

@unmanaged
class Matmul {
  a: usize;
  b: usize;
  bias: usize;
  residual: usize;
  c: usize;
  activation_input: usize;
  d_bias: usize;
  packed: usize; // B as panels of eight columns: [n / 8, k, 8]
  m: i32;
  n: i32;
  k: i32;
  split_k: i32;
  a_stride: i32;
  b_stride: i32;
  c_stride: i32;
  TRANSPOSE_A: i32;
  TRANSPOSE_B: i32;
  BIAS: i32;
  ACTIVATION: i32;
  KEEP_INPUT: i32;
  RESIDUAL: i32;
  ACCUMULATE: i32;
  BIAS_GRADIENT: i32;
}

/** k that a tile runs over before the next: panels of 8 KiB stay in the first cache. */
const DEPTH = 256;

/** First half of a product, one item a panel of eight columns: B, packed and filled up with zeros. */
export function matmul_pack(args: usize, begin: i32, end: i32): void {
  const p = changetype<Matmul>(args);
  const k = p.k;
  const stride = <usize>p.b_stride << 2;
  for (let panel = begin; panel < end; panel++) {
    const column = panel * 8;
    const columns = min(8, p.n - column);
    const to = p.packed + (<usize>(column * k) << 2);
    if (p.TRANSPOSE_B) {
      if (columns < 8) memory.fill(to, 0, <usize>k << 5);
      for (let j = 0; j < columns; j++) {
        const from = p.b + <usize>(column + j) * stride;
        for (let i = 0; i < k; i++) store<f32>(to + (<usize>(i * 8 + j) << 2), load<f32>(from + (<usize>i << 2)));
      }
    } else {
      let from = p.b + (<usize>column << 2);
      for (let i = 0; i < k; i++) {
        const at = to + (<usize>i << 5);
        if (columns == 8) {
          v128.store(at, v128.load(from));
          v128.store(at, v128.load(from, 16), 16);
        } else {
          for (let j = 0; j < 8; j++) {
            store<f32>(at + (<usize>j << 2), j < columns ? load<f32>(from + (<usize>j << 2)) : 0);
          }
        }
        from += stride;
      }
    }
  }
}

/** Panels that a block of rows goes through at once, with their sums in scratch memory. */
const GROUP = 32;

/** Second half, one item a block of six rows. Scratch: 24 bytes for each k, and GROUP tiles. */
export function matmul(args: usize, begin: i32, end: i32): void {
  const p = changetype<Matmul>(args);
  const k = p.k;
  const panels = (p.n + 7) >> 3;
  // six rows packed together are read in order, whatever the layout of A
  const packed = scratch();
  const out = packed + <usize>k * 24;
  for (let block = begin; block < end; block++) {
    const row = block * 6;
    const rows = min(6, p.m - row);
    if (p.TRANSPOSE_A) pack_rows(packed, p.a + (<usize>row << 2), 4, <usize>p.a_stride << 2, rows, k);
    else pack_rows(packed, p.a + (<usize>(row * p.a_stride) << 2), <usize>p.a_stride << 2, 4, rows, k);
    if (p.BIAS_GRADIENT) bias_gradient(p, packed, row, rows);
    for (let first = 0; first < panels; first += GROUP) {
      const last = min(first + GROUP, panels);
      for (let depth = 0; depth < k; depth += DEPTH) {
        const steps = min(DEPTH, k - depth);
        const a = packed + <usize>depth * 24;
        for (let panel = first; panel < last; panel++) {
          const b = p.packed + (<usize>(panel * k + depth) << 5);
          packed_tile(steps, a, b, out + <usize>(panel - first) * 192, depth > 0);
        }
      }
      for (let panel = first; panel < last; panel++) {
        finish(p, out + <usize>(panel - first) * 192, row, rows, panel * 8);
      }
    }
  }
}

/** What is left after a system BLAS made the sums in c, one item a row: bias, activation and residual. */
export function matmul_finish(args: usize, begin: i32, end: i32): void {
  const p = changetype<Matmul>(args);
  const stride = <usize>p.c_stride << 2;
  for (let row = begin; row < end; row++) {
    for (let column = 0; column < p.n; column += 4) {
      const at = <usize>row * stride + (<usize>column << 2);
      const sums = v128.load(p.c + at);
      if (p.n - column >= 4) finish_vector(p, sums, at, p.bias + (<usize>column << 2));
      else finish_part(p, sums, at, column);
    }
  }
}

/** d_bias (+)= Σ A over k, one item four columns of a transposed A: what a BLAS does not compute with the product. */
export function matmul_bias_gradient(args: usize, begin: i32, end: i32): void {
  const p = changetype<Matmul>(args);
  const stride = <usize>p.a_stride << 2;
  for (let item = begin; item < end; item++) {
    let at = p.a + (<usize>item << 4);
    let total = f32x4.splat(0);
    for (let i = 0; i < p.k; i++) {
      total = f32x4.add(total, v128.load(at));
      at += stride;
    }
    const copy = spare();
    v128.store(copy, total);
    const to = p.d_bias + (<usize>item << 4);
    for (let j = 0; j < min(4, p.m - item * 4); j++) {
      const value = load<f32>(copy + (<usize>j << 2));
      const place = to + (<usize>j << 2);
      store<f32>(place, p.ACCUMULATE ? load<f32>(place) + value : value);
    }
  }
}

function pack_rows(to: usize, a: usize, a_row: usize, a_step: usize, rows: i32, k: i32): void {
  if (rows == 6) {
    for (let i = 0; i < k; i++) {
      store<f32>(to, load<f32>(a));
      store<f32>(to, load<f32>(a + a_row), 4);
      store<f32>(to, load<f32>(a + 2 * a_row), 8);
      store<f32>(to, load<f32>(a + 3 * a_row), 12);
      store<f32>(to, load<f32>(a + 4 * a_row), 16);
      store<f32>(to, load<f32>(a + 5 * a_row), 20);
      to += 24;
      a += a_step;
    }
    return;
  }
  for (let i = 0; i < k; i++) {
    for (let r = 0; r < 6; r++) store<f32>(to + (<usize>r << 2), r < rows ? load<f32>(a + <usize>r * a_row) : 0);
    to += 24;
    a += a_step;
  }
}

function bias_gradient(p: Matmul, packed: usize, row: i32, rows: i32): void {
  for (let r = 0; r < rows; r++) {
    let total: f32 = 0;
    for (let i = 0; i < p.k; i++) total += load<f32>(packed + (<usize>(i * 6 + r) << 2));
    const at = p.d_bias + (<usize>(row + r) << 2);
    store<f32>(at, p.ACCUMULATE ? load<f32>(at) + total : total);
  }
}

/** Bias, activation, residual and accumulation of a tile of six rows and eight columns. */
function finish(p: Matmul, out: usize, row: i32, rows: i32, column: i32): void {
  const stride = <usize>p.c_stride << 2;
  const whole = p.n - column >= 8;
  const bias = p.bias + (<usize>column << 2);
  let at = <usize>row * stride + (<usize>column << 2);
  // most products by far add nothing: two copies a row
  if (whole && !(p.BIAS | p.KEEP_INPUT | p.ACTIVATION | p.RESIDUAL | p.ACCUMULATE)) {
    for (let r = 0; r < rows; r++) {
      v128.store(p.c + at, v128.load(out));
      v128.store(p.c + at, v128.load(out, 16), 16);
      out += 32;
      at += stride;
    }
    return;
  }
  for (let r = 0; r < rows; r++) {
    if (p.n - column >= 4) finish_vector(p, v128.load(out), at, bias);
    else finish_part(p, v128.load(out), at, column);
    if (whole) finish_vector(p, v128.load(out, 16), at + 16, bias + 16);
    else if (p.n - column > 4) finish_part(p, v128.load(out, 16), at + 16, column + 4);
    out += 32;
    at += stride;
  }
}

@inline
function activate(value: v128, activation: i32): v128 {
  if (activation == 1) return gelu(value);
  if (activation == 2) return f32x4.max(value, f32x4.splat(0));
  return value;
}

function finish_vector(p: Matmul, sums: v128, at: usize, bias: usize): void {
  let value = sums;
  if (p.BIAS) value = f32x4.add(value, v128.load(bias));
  if (p.KEEP_INPUT) v128.store(p.activation_input + at, value);
  value = activate(value, p.ACTIVATION);
  if (p.RESIDUAL) value = f32x4.add(value, v128.load(p.residual + at));
  if (p.ACCUMULATE) value = f32x4.add(value, v128.load(p.c + at));
  v128.store(p.c + at, value);
}

/** The last columns where n is no multiple of four: the same on copies, of which the valid part is kept. */
function finish_part(p: Matmul, sums: v128, at: usize, first: i32): void {
  const bytes = <usize>(p.n - first) << 2;
  const copy = spare();
  if (p.BIAS) memory.copy(copy, p.bias + (<usize>first << 2), bytes);
  let value = p.BIAS ? f32x4.add(sums, v128.load(copy)) : sums;
  v128.store(copy, value);
  if (p.KEEP_INPUT) memory.copy(p.activation_input + at, copy, bytes);
  value = activate(value, p.ACTIVATION);
  if (p.RESIDUAL) {
    memory.copy(copy, p.residual + at, bytes);
    value = f32x4.add(value, v128.load(copy));
  }
  if (p.ACCUMULATE) {
    memory.copy(copy, p.c + at, bytes);
    value = f32x4.add(value, v128.load(copy));
  }
  v128.store(copy, value);
  memory.copy(p.c + at, copy, bytes);
}
