// The matrix product that everything else is made of: a register tile of 4 × 8 outputs.
import { madd } from "./math";

/**
 * c [4, 8] = (accumulate ? c : 0) + Σ_k a[k, row] · b[k, column]: for each k, a holds four neighbouring floats and b eight,
 * `a_step` and `b_step` bytes after those before; rows of c are `c_row` bytes apart.
 *
 * Where memory accesses are checked by instructions, as in Deno, these are what limits a loop. So fewer are better than a
 * larger tile: one load of a and four shuffles are quicker than a load for each row, and six rows want more registers than
 * there are. Unrolling k makes V8 spill.
 */
export function tile(
  k: i32, a: usize, a_step: usize, b: usize, b_step: usize, c: usize, c_row: usize, accumulate: bool,
): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0), c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0), c31 = f32x4.splat(0);
  const row1 = c + c_row, row2 = row1 + c_row, row3 = row2 + c_row;
  if (accumulate) {
    c00 = v128.load(c), c01 = v128.load(c, 16);
    c10 = v128.load(row1), c11 = v128.load(row1, 16);
    c20 = v128.load(row2), c21 = v128.load(row2, 16);
    c30 = v128.load(row3), c31 = v128.load(row3, 16);
  }
  for (let i = 0; i < k; i++) {
    const rows = v128.load(a);
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    let x = v128.shuffle<f32>(rows, rows, 0, 0, 0, 0);
    c00 = madd(x, b0, c00), c01 = madd(x, b1, c01);
    x = v128.shuffle<f32>(rows, rows, 1, 1, 1, 1);
    c10 = madd(x, b0, c10), c11 = madd(x, b1, c11);
    x = v128.shuffle<f32>(rows, rows, 2, 2, 2, 2);
    c20 = madd(x, b0, c20), c21 = madd(x, b1, c21);
    x = v128.shuffle<f32>(rows, rows, 3, 3, 3, 3);
    c30 = madd(x, b0, c30), c31 = madd(x, b1, c31);
    a += a_step;
    b += b_step;
  }
  v128.store(c, c00), v128.store(c, c01, 16);
  v128.store(row1, c10), v128.store(row1, c11, 16);
  v128.store(row2, c20), v128.store(row2, c21, 16);
  v128.store(row3, c30), v128.store(row3, c31, 16);
}

/** Stores the transpose of four vectors: four rows, `row` bytes apart. */
@inline
export function store_transposed(to: usize, row: usize, r0: v128, r1: v128, r2: v128, r3: v128): void {
  const low01 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5), high01 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
  const low23 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5), high23 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<f64>(low01, low23, 0, 2));
  v128.store(to + row, v128.shuffle<f64>(low01, low23, 1, 3));
  v128.store(to + 2 * row, v128.shuffle<f64>(high01, high23, 0, 2));
  v128.store(to + 3 * row, v128.shuffle<f64>(high01, high23, 1, 3));
}

/** Up to four rows of a, `row` bytes apart with neighbouring k, as [k, 4], filled up with zeros. */
export function pack_rows(to: usize, a: usize, row: usize, rows: i32, k: i32): void {
  let i = 0;
  if (rows == 4) {
    for (; i + 4 <= k; i += 4) {
      const r0 = v128.load(a), r1 = v128.load(a + row), r2 = v128.load(a + 2 * row), r3 = v128.load(a + 3 * row);
      store_transposed(to, 16, r0, r1, r2, r3);
      to += 64;
      a += 16;
    }
  }
  for (; i < k; i++) {
    for (let r = 0; r < 4; r++) store<f32>(to + (<usize>r << 2), r < rows ? load<f32>(a + <usize>r * row) : 0);
    to += 16;
    a += 4;
  }
}

/**
 * c [m, n] (+)= a · b for a small product of one thread, n a multiple of 4; strides are in floats. Either a_step or a_row is
 * 1. Of b up to 7 floats beyond a row's end are read, and of a with a_row 1 up to 3. `scratch` holds 32 floats and, with
 * a_step 1, 4 · k.
 */
export function small_product(
  m: i32, n: i32, k: i32, a: usize, a_row: i32, a_step: i32, b: usize, b_row: i32, c: usize, c_row: i32,
  accumulate: bool, scratch: usize,
): void {
  const c_bytes = <usize>c_row << 2;
  const b_bytes = <usize>b_row << 2;
  const is_packed = a_step == 1;
  const packed = scratch + 128;
  const step: usize = is_packed ? 16 : <usize>a_step << 2;
  for (let i = 0; i < m; i += 4) {
    const rows = min(4, m - i);
    let from = a + (<usize>(i * a_row) << 2);
    if (is_packed) {
      pack_rows(packed, from, <usize>a_row << 2, rows, k);
      from = packed;
    }
    let to = c + <usize>i * c_bytes;
    for (let j = 0; j < n; j += 8) {
      if (rows == 4 && n - j >= 8) {
        tile(k, from, step, b, b_bytes, to, c_bytes, accumulate);
      } else {
        tile(k, from, step, b, b_bytes, scratch, 32, false);
        for (let r = 0; r < rows; r++) {
          copy_row(to + <usize>r * c_bytes, scratch + (<usize>r << 5), min(8, n - j), accumulate);
        }
      }
      to += 32;
      b += 32;
    }
    b -= <usize>((n + 7) >> 3) << 5;
  }
}

/** Four or eight floats. */
function copy_row(to: usize, from: usize, count: i32, accumulate: bool): void {
  for (let i: usize = 0; i < <usize>count << 2; i += 16) {
    const value = v128.load(from + i);
    v128.store(to + i, accumulate ? f32x4.add(v128.load(to + i), value) : value);
  }
}
