// c (+)= activation(A · B + bias) + residual: see kernels/matmul_epilogue.wgsl for what the constants mean.
import { gemm } from "./blas";
import { activate_other, gelu } from "./math";
import { pack_rows, store_transposed, tile } from "./gemm";
import { scratch, spare } from "./memory";

@unmanaged
class Matmul {
  a: usize;
  b: usize;
  bias: usize; // if BIAS
  residual: usize; // if RESIDUAL
  c: usize;
  activation_input: usize; // if KEEP_INPUT
  d_bias: usize; // if BIAS_GRADIENT
  m: i32;
  n: i32;
  k: i32;
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

@unmanaged
class PackedMatmul extends Matmul {
  packed: usize; // B as panels of eight columns: [n / 8, k, 8]
}

@unmanaged
class BlasMatmul extends Matmul {
  BY_COLUMNS: i32;
}

/** k that a tile runs over before the next: panels of 8 KiB stay in the first cache. */
const DEPTH = 256;

/** First half of a product, one item a panel of eight columns: B, packed and filled up with zeros. */
export function matmul_pack(args: usize, begin: i32, end: i32): void {
  const p = changetype<PackedMatmul>(args);
  const k = p.k;
  const stride = <usize>p.b_stride << 2;
  for (let panel = begin; panel < end; panel++) {
    const column = panel * 8;
    const columns = min(8, p.n - column);
    const to = p.packed + (<usize>(column * k) << 2);
    if (p.TRANSPOSE_B && columns == 8) {
      pack_transposed(to, p.b + <usize>column * stride, stride, k);
    } else if (p.TRANSPOSE_B) {
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

/** Eight rows of a transposed B as a panel [k, 8]. */
function pack_transposed(to: usize, b: usize, row: usize, k: i32): void {
  let i = 0;
  const lower = b + 4 * row;
  for (; i + 4 <= k; i += 4) {
    const at = <usize>i << 2;
    const r0 = v128.load(b + at), r1 = v128.load(b + at + row);
    const r2 = v128.load(b + at + 2 * row), r3 = v128.load(b + at + 3 * row);
    store_transposed(to, 32, r0, r1, r2, r3);
    const r4 = v128.load(lower + at), r5 = v128.load(lower + at + row);
    const r6 = v128.load(lower + at + 2 * row), r7 = v128.load(lower + at + 3 * row);
    store_transposed(to + 16, 32, r4, r5, r6, r7);
    to += 128;
  }
  for (; i < k; i++) {
    for (let j: usize = 0; j < 8; j++) store<f32>(to + (j << 2), load<f32>(b + j * row + (<usize>i << 2)));
    to += 32;
  }
}

/** Panels that a block of rows goes through at once, with their sums in scratch memory. */
const GROUP = 32;

/** Second half, one item a block of four rows. Scratch: 16 bytes for each k, and GROUP tiles. */
export function matmul(args: usize, begin: i32, end: i32): void {
  const p = changetype<PackedMatmul>(args);
  const k = p.k;
  const panels = (p.n + 7) >> 3;
  const a_stride = <usize>p.a_stride << 2, c_stride = <usize>p.c_stride << 2;
  // four rows packed together are read in order, whatever the layout of A
  const packed = scratch();
  const out = packed + (<usize>k << 4);
  const finishes = p.BIAS | p.ACTIVATION | p.KEEP_INPUT | p.RESIDUAL;
  for (let block = begin; block < end; block++) {
    const row = block * 4;
    const rows = min(4, p.m - row);
    if (p.TRANSPOSE_A) pack_columns(packed, p.a + (<usize>row << 2), a_stride, rows, k);
    else pack_rows(packed, p.a + <usize>row * a_stride, a_stride, rows, k);
    if (p.BIAS_GRADIENT) bias_gradient(p, packed, row, rows);
    // whole tiles go to C at once and are finished there, by rows; others wait in scratch memory
    const whole = rows < 4 || (finishes && p.ACCUMULATE) ? 0 : p.n >> 3;
    for (let first = 0; first < panels; first += GROUP) {
      const last = min(first + GROUP, panels);
      for (let depth = 0; depth < k; depth += DEPTH) {
        const steps = min(DEPTH, k - depth);
        const a = packed + (<usize>depth << 4);
        for (let panel = first; panel < last; panel++) {
          const b = p.packed + (<usize>(panel * k + depth) << 5);
          if (panel < whole) {
            const c = p.c + <usize>row * c_stride + (<usize>panel << 5);
            tile(steps, a, 16, b, 32, c, c_stride, depth > 0 || p.ACCUMULATE != 0);
          } else {
            tile(steps, a, 16, b, 32, out + (<usize>(panel - first) << 7), 32, depth > 0);
          }
        }
      }
      if (finishes) {
        for (let r = 0; r < rows; r++) {
          const at = <usize>(row + r) * c_stride + (<usize>first << 5);
          finish_row(p, p.c + at, at, first * 8, <usize>max(0, min(whole, last) - first) << 5);
        }
      }
      for (let panel = max(first, whole); panel < last; panel++) {
        finish(p, out + (<usize>(panel - first) << 7), row, rows, panel * 8);
      }
    }
  }
}

/** What is left after a system BLAS made the sums in c, one item a row: bias, activation and residual. */
export function matmul_finish(args: usize, begin: i32, end: i32): void {
  const p = changetype<Matmul>(args);
  const stride = <usize>p.c_stride << 2;
  const whole = <usize>(p.n & ~3) << 2;
  for (let row = begin; row < end; row++) {
    const at = <usize>row * stride;
    finish_row(p, p.c + at, at, 0, whole);
    if (p.n & 3) finish_part(p, v128.load(p.c + at + whole), at + whole, p.n & ~3);
  }
}

/** Rows or columns of an item of a product by a BLAS. */
const STRIP = 16;

/** A whole product by a BLAS, one item STRIP rows or columns of c: whoever makes some finishes them. */
export function matmul_blas(args: usize, begin: i32, end: i32): void {
  const p = changetype<BlasMatmul>(args);
  const first = begin * STRIP;
  const left = min((end - begin) * STRIP, (p.BY_COLUMNS ? p.n : p.m) - first);
  const row = p.BY_COLUMNS ? 0 : first, column = p.BY_COLUMNS ? first : 0;
  const rows = p.BY_COLUMNS ? p.m : left, columns = p.BY_COLUMNS ? left : p.n;
  const a = p.a + (<usize>(p.TRANSPOSE_A ? row : row * p.a_stride) << 2);
  const b = p.b + (<usize>(p.TRANSPOSE_B ? column * p.b_stride : column) << 2);
  const start = <usize>(row * p.c_stride + column) << 2;
  gemm(
    p.TRANSPOSE_A, p.TRANSPOSE_B, rows, columns, p.k, 1, a, p.a_stride, b, p.b_stride, p.c + start, p.c_stride, p.ACCUMULATE,
  );
  if (p.BIAS | p.ACTIVATION | p.KEEP_INPUT | p.RESIDUAL) {
    const whole = <usize>(columns & ~3) << 2;
    for (let r = 0; r < rows; r++) {
      const at = start + (<usize>(r * p.c_stride) << 2);
      finish_row(p, p.c + at, at, column, whole);
      if (columns & 3) finish_part(p, v128.load(p.c + at + whole), at + whole, column + (columns & ~3));
    }
  }
  if (!p.BIAS_GRADIENT) return;
  if (!p.BY_COLUMNS) matmul_bias_gradient(args, begin, end);
  else if (begin == 0) matmul_bias_gradient(args, 0, (p.m + STRIP - 1) / STRIP);
}

/**
 * d_bias (+)= Σ A over k, one item sixteen columns of a transposed A, a whole line of the cache: what a BLAS does not compute
 * with the product.
 */
export function matmul_bias_gradient(args: usize, begin: i32, end: i32): void {
  const p = changetype<Matmul>(args);
  const stride = <usize>p.a_stride << 2;
  for (let item = begin; item < end; item++) {
    const first = <usize>item << 6;
    const to = p.d_bias + first;
    if (p.m - item * 16 < 16) {
      for (let j = item * 16; j < p.m; j++) {
        const place = p.d_bias + (<usize>j << 2);
        let total: f32 = 0;
        for (let i = 0; i < p.k; i++) total += load<f32>(p.a + (<usize>j << 2) + <usize>i * stride);
        store<f32>(place, p.ACCUMULATE ? load<f32>(place) + total : total);
      }
      return;
    }
    let t0 = f32x4.splat(0), t1 = f32x4.splat(0), t2 = f32x4.splat(0), t3 = f32x4.splat(0);
    let at = p.a + first;
    for (let i = 0; i < p.k; i++) {
      t0 = f32x4.add(t0, v128.load(at)), t1 = f32x4.add(t1, v128.load(at, 16));
      t2 = f32x4.add(t2, v128.load(at, 32)), t3 = f32x4.add(t3, v128.load(at, 48));
      at += stride;
    }
    if (p.ACCUMULATE) {
      t0 = f32x4.add(t0, v128.load(to)), t1 = f32x4.add(t1, v128.load(to, 16));
      t2 = f32x4.add(t2, v128.load(to, 32)), t3 = f32x4.add(t3, v128.load(to, 48));
    }
    v128.store(to, t0), v128.store(to, t1, 16), v128.store(to, t2, 32), v128.store(to, t3, 48);
  }
}

/** Up to four neighbouring columns of a, which lie `step` bytes apart for the next k, as [k, 4]. */
function pack_columns(to: usize, a: usize, step: usize, columns: i32, k: i32): void {
  for (let i = 0; i < k; i++) {
    if (columns == 4) v128.store(to, v128.load(a));
    else for (let r = 0; r < 4; r++) store<f32>(to + (<usize>r << 2), r < columns ? load<f32>(a + (<usize>r << 2)) : 0);
    to += 16;
    a += step;
  }
}

/** d_bias of a block of rows, all four at once. */
function bias_gradient(p: Matmul, packed: usize, row: i32, rows: i32): void {
  let total = f32x4.splat(0);
  for (const end = packed + (<usize>p.k << 4); packed < end; packed += 16) total = f32x4.add(total, v128.load(packed));
  const copy = spare();
  v128.store(copy, total);
  for (let r = 0; r < rows; r++) {
    const value = load<f32>(copy + (<usize>r << 2));
    const at = p.d_bias + (<usize>(row + r) << 2);
    store<f32>(at, p.ACCUMULATE ? load<f32>(at) + value : value);
  }
}

/** Bias, activation, residual and accumulation of a tile of four rows and eight columns. */
function finish(p: Matmul, out: usize, row: i32, rows: i32, column: i32): void {
  const stride = <usize>p.c_stride << 2;
  const left = p.n - column;
  let at = <usize>row * stride + (<usize>column << 2);
  for (let r = 0; r < rows; r++) {
    if (left >= 8) finish_row(p, out, at, column, 32);
    else if (left >= 4) finish_row(p, out, at, column, 16);
    if (left < 4) finish_part(p, v128.load(out), at, column);
    else if (left < 8 && left > 4) finish_part(p, v128.load(out, 16), at + 16, column + 4);
    out += 32;
    at += stride;
  }
}

/** Finishes the sums of some whole vectors of a row, `at` bytes into c and what is shaped like it. */
function finish_row(p: Matmul, sums: usize, at: usize, column: i32, bytes: usize): void {
  const c = p.c + at;
  const residual = p.residual + at;
  const accumulate = p.ACCUMULATE;
  // most products by far add nothing, or one other matrix
  if (!(p.BIAS | p.ACTIVATION | p.KEEP_INPUT)) {
    if (!p.RESIDUAL && !accumulate) {
      for (let i: usize = 0; i < bytes; i += 16) v128.store(c + i, v128.load(sums + i));
      return;
    }
    if (!p.RESIDUAL || !accumulate) {
      const other = accumulate ? c : residual;
      for (let i: usize = 0; i < bytes; i += 16) v128.store(c + i, f32x4.add(v128.load(sums + i), v128.load(other + i)));
      return;
    }
  }
  const bias = p.bias + (<usize>column << 2);
  const input = p.activation_input + at;
  const has_bias = p.BIAS, keep = p.KEEP_INPUT, activation = p.ACTIVATION, has_residual = p.RESIDUAL;
  for (let i: usize = 0; i < bytes; i += 16) {
    let value = v128.load(sums + i);
    if (has_bias) value = f32x4.add(value, v128.load(bias + i));
    if (keep) v128.store(input + i, value);
    if (activation) value = activate(value, activation);
    if (has_residual) value = f32x4.add(value, v128.load(residual + i));
    if (accumulate) value = f32x4.add(value, v128.load(c + i));
    v128.store(c + i, value);
  }
}

@inline
function activate(value: v128, activation: i32): v128 {
  if (activation == 1) return gelu(value);
  if (activation == 2) return f32x4.max(value, f32x4.splat(0));
  return activation ? activate_other(value, activation) : value;
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
