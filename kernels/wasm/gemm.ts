// The matrix product that everything else is made of: a register tile of 6 × 8 outputs.
import { madd } from "./math";

/**
 * out [6, 8] = (accumulate ? out : 0) + Σ_k a[row, k] · b[k, column]. a is addressed by byte strides of its rows and of k;
 * b holds eight neighbouring floats for each k, `b_step` bytes apart. Twelve vectors stay in registers, which with two of
 * b and one of a is what the 16 registers of SSE hold.
 */
export function tile(
  k: i32, a: usize, a_row: usize, a_step: usize, b: usize, b_step: usize, out: usize, accumulate: bool,
): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0), c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0), c31 = f32x4.splat(0);
  let c40 = f32x4.splat(0), c41 = f32x4.splat(0);
  let c50 = f32x4.splat(0), c51 = f32x4.splat(0);
  if (accumulate) {
    c00 = v128.load(out), c01 = v128.load(out, 16);
    c10 = v128.load(out, 32), c11 = v128.load(out, 48);
    c20 = v128.load(out, 64), c21 = v128.load(out, 80);
    c30 = v128.load(out, 96), c31 = v128.load(out, 112);
    c40 = v128.load(out, 128), c41 = v128.load(out, 144);
    c50 = v128.load(out, 160), c51 = v128.load(out, 176);
  }
  const a1 = a_row, a2 = a1 + a1, a3 = a2 + a1, a4 = a3 + a1, a5 = a4 + a1;
  for (let i = 0; i < k; i++) {
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    let x = v128.load32_splat(a);
    c00 = madd(x, b0, c00), c01 = madd(x, b1, c01);
    x = v128.load32_splat(a + a1);
    c10 = madd(x, b0, c10), c11 = madd(x, b1, c11);
    x = v128.load32_splat(a + a2);
    c20 = madd(x, b0, c20), c21 = madd(x, b1, c21);
    x = v128.load32_splat(a + a3);
    c30 = madd(x, b0, c30), c31 = madd(x, b1, c31);
    x = v128.load32_splat(a + a4);
    c40 = madd(x, b0, c40), c41 = madd(x, b1, c41);
    x = v128.load32_splat(a + a5);
    c50 = madd(x, b0, c50), c51 = madd(x, b1, c51);
    a += a_step;
    b += b_step;
  }
  v128.store(out, c00), v128.store(out, c01, 16);
  v128.store(out, c10, 32), v128.store(out, c11, 48);
  v128.store(out, c20, 64), v128.store(out, c21, 80);
  v128.store(out, c30, 96), v128.store(out, c31, 112);
  v128.store(out, c40, 128), v128.store(out, c41, 144);
  v128.store(out, c50, 160), v128.store(out, c51, 176);
}

/**
 * The same with both operands packed: a as [k, 6], b as [k, 8]. All offsets are constants, which is worth 10 % over `tile`.
 * Unrolling k brings nothing more.
 */
export function packed_tile(k: i32, a: usize, b: usize, out: usize, accumulate: bool): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0), c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0), c31 = f32x4.splat(0);
  let c40 = f32x4.splat(0), c41 = f32x4.splat(0);
  let c50 = f32x4.splat(0), c51 = f32x4.splat(0);
  if (accumulate) {
    c00 = v128.load(out, 0), c01 = v128.load(out, 16);
    c10 = v128.load(out, 32), c11 = v128.load(out, 48);
    c20 = v128.load(out, 64), c21 = v128.load(out, 80);
    c30 = v128.load(out, 96), c31 = v128.load(out, 112);
    c40 = v128.load(out, 128), c41 = v128.load(out, 144);
    c50 = v128.load(out, 160), c51 = v128.load(out, 176);
  }
  for (let i = 0; i < k; i++) {
    const b0 = v128.load(b, 0), b1 = v128.load(b, 16);
    let x = v128.load32_splat(a, 0);
    c00 = madd(x, b0, c00), c01 = madd(x, b1, c01);
    x = v128.load32_splat(a, 4);
    c10 = madd(x, b0, c10), c11 = madd(x, b1, c11);
    x = v128.load32_splat(a, 8);
    c20 = madd(x, b0, c20), c21 = madd(x, b1, c21);
    x = v128.load32_splat(a, 12);
    c30 = madd(x, b0, c30), c31 = madd(x, b1, c31);
    x = v128.load32_splat(a, 16);
    c40 = madd(x, b0, c40), c41 = madd(x, b1, c41);
    x = v128.load32_splat(a, 20);
    c50 = madd(x, b0, c50), c51 = madd(x, b1, c51);
    a += 24;
    b += 32;
  }
  v128.store(out, c00, 0), v128.store(out, c01, 16);
  v128.store(out, c10, 32), v128.store(out, c11, 48);
  v128.store(out, c20, 64), v128.store(out, c21, 80);
  v128.store(out, c30, 96), v128.store(out, c31, 112);
  v128.store(out, c40, 128), v128.store(out, c41, 144);
  v128.store(out, c50, 160), v128.store(out, c51, 176);
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

/**
 * c [m, n] (+)= a · b for a small product of one thread, n a multiple of 4. Strides are in floats; b may be read up to 7
 * floats beyond a row's end. `scratch` holds 48 floats and 6 rows of a.
 */
export function small_product(
  m: i32, n: i32, k: i32, a: usize, a_row: i32, a_step: i32, b: usize, b_row: i32, c: usize, c_row: i32,
  accumulate: bool, scratch: usize,
): void {
  let from_row = <usize>a_row << 2;
  let from_step = <usize>a_step << 2;
  if (m < 6) {
    // too few rows for a tile: copied and filled up with zeros
    const copy = scratch + 192;
    for (let p = 0; p < k; p++) {
      for (let r = 0; r < 6; r++) {
        const value = r < m ? load<f32>(a + <usize>r * from_row + <usize>p * from_step) : 0;
        store<f32>(copy + (<usize>(p * 6 + r) << 2), value);
      }
    }
    a = copy;
    from_row = 4;
    from_step = 24;
  }
  for (let i = 0; i < m; i += 6) {
    // the last tile may begin before the last rows; of those that it repeats nothing is kept
    const start = max(0, min(i, m - 6));
    const skip = i - start;
    const end = min(6, m - start);
    for (let j = 0; j < n; j += 8) {
      tile(k, a + <usize>start * from_row, from_row, from_step, b + (<usize>j << 2), <usize>b_row << 2, scratch, false);
      const wide = n - j >= 8;
      let to = c + (<usize>(i * c_row + j) << 2);
      for (let r = skip; r < end; r++) {
        const at = scratch + (<usize>r << 5);
        let left = v128.load(at);
        if (accumulate) left = f32x4.add(left, v128.load(to));
        v128.store(to, left);
        if (wide) {
          let right = v128.load(at, 16);
          if (accumulate) right = f32x4.add(right, v128.load(to, 16));
          v128.store(to, right, 16);
        }
        to += <usize>c_row << 2;
      }
    }
  }
}
