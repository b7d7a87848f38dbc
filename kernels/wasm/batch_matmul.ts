// c[z] = A[z]ᵀ · B[z] for each of some small matrices: A [count, k, m], B [count, k, n], C [count, m, n].
import { gemm } from "./blas";
import { store_transposed, tile } from "./gemm";
import { scratch } from "./memory";

@unmanaged
class BatchMatmul {
  a: usize;
  b: usize;
  c: usize;
  count: i32;
  m: i32;
  n: i32;
  k: i32;
  SYMMETRIC: i32;
}

/** Rows of an item, which packs as many blocks of four. */
const ROWS = 32;

/**
 * One item ROWS rows of a matrix: it packs its rows, then each panel of eight columns, and multiplies them. Of products that are
 * symmetric, only panels from the diagonal on are made; what lies beyond the item's own columns is mirrored. Scratch: 160 bytes for
 * each k, and a tile.
 */
export function batch_matmul(args: usize, begin: i32, end: i32): void {
  const p = changetype<BatchMatmul>(args);
  const k = p.k, n = p.n, m = p.m;
  const items = (m + ROWS - 1) / ROWS;
  const a_row = <usize>m << 2, b_row = <usize>n << 2;
  const a = scratch();
  const b = a + (<usize>k << 7);
  const out = b + (<usize>k << 5);
  for (let item = begin; item < end; item++) {
    const z = <usize>(item / items);
    const first = item % items * ROWS;
    const rows = min(ROWS, m - first);
    pack(a, p.a + z * <usize>k * a_row + (<usize>first << 2), a_row, rows, k);
    const c = p.c + z * <usize>m * b_row;
    for (let column = p.SYMMETRIC ? first : 0; column < n; column += 8) {
      const columns = min(8, n - column);
      pack_panel(b, p.b + z * <usize>k * b_row + (<usize>column << 2), b_row, columns, k);
      const isMirrored = p.SYMMETRIC && column >= first + ROWS;
      for (let row = 0; row < rows; row += 4) {
        const at = c + <usize>(first + row) * b_row + (<usize>column << 2);
        const from = a + <usize>(row * k << 2);
        if (columns == 8) tile(k, from, 16, b, 32, at, b_row, false);
        else {
          tile(k, from, 16, b, 32, out, 32, false);
          for (let r: usize = 0; r < 4; r++) v128.store(at + r * b_row, v128.load(out + (r << 5)));
        }
        if (isMirrored) mirror(at, c + <usize>column * b_row + (<usize>(first + row) << 2), b_row, columns);
      }
    }
  }
}

/** Rows of an item of products by a BLAS. */
const BLAS_ROWS = 64;

/** The same by a BLAS, one item BLAS_ROWS rows of a matrix: those of one matrix are made at once. */
export function batch_matmul_blas(args: usize, begin: i32, end: i32): void {
  const p = changetype<BatchMatmul>(args);
  const k = p.k, n = p.n, m = p.m;
  const items = (m + BLAS_ROWS - 1) / BLAS_ROWS;
  for (let item = begin; item < end;) {
    const z = <usize>(item / items);
    const some = min(end - item, items - item % items);
    const first = item % items * BLAS_ROWS;
    const rows = min(some * BLAS_ROWS, m - first);
    const a = p.a + ((z * <usize>(k * m) + <usize>first) << 2);
    const c = p.c + ((z * <usize>m + <usize>first) * <usize>n << 2);
    gemm(1, 0, rows, n, k, 1, a, m, p.b + (z * <usize>(k * n) << 2), n, c, n, 0);
    item += some;
  }
}

/** Fours of neighbouring columns, one after the other: [columns / 4, k, 4]. */
function pack(to: usize, a: usize, step: usize, columns: i32, k: i32): void {
  for (let column = 0; column < columns; column += 4) {
    let from = a + (<usize>column << 2);
    for (let i = 0; i < k; i++) {
      v128.store(to, v128.load(from));
      to += 16;
      from += step;
    }
  }
}

/** Eight neighbouring columns, or four and zeros: [k, 8]. */
function pack_panel(to: usize, b: usize, step: usize, columns: i32, k: i32): void {
  for (let i = 0; i < k; i++) {
    v128.store(to, v128.load(b));
    v128.store(to, columns == 8 ? v128.load(b, 16) : f32x4.splat(0), 16);
    to += 32;
    b += step;
  }
}

/** Four rows of four or eight columns, to where they are rows. */
function mirror(from: usize, to: usize, row: usize, columns: i32): void {
  for (let column = 0; column < columns; column += 4) {
    const r0 = v128.load(from), r1 = v128.load(from + row), r2 = v128.load(from + 2 * row), r3 = v128.load(from + 3 * row);
    store_transposed(to, row, r0, r1, r2, r3);
    from += 16;
    to += 4 * row;
  }
}
