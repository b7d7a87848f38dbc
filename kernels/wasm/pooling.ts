// Texts as vectors of length one. See the WGSL files of the same names for the formulas.
import { madd, splat, sum } from "./math";

@unmanaged
class MeanPool {
  documents: usize;
  x: usize;
  y: usize;
  windows: i32;
  length: i32;
  columns4: i32;
}

/** One item four columns of a window. */
export function mean_pool(args: usize, begin: i32, end: i32): void {
  const p = changetype<MeanPool>(args);
  const bytes = <usize>p.columns4 << 4;
  for (let i = begin; i < end; i++) {
    const first = i / p.columns4 * p.length;
    const rows = load<i32>(p.documents + (<usize>first << 3), 4);
    let from = p.x + <usize>first * bytes + (<usize>(i % p.columns4) << 4);
    let total = splat(0);
    for (let row = 0; row < rows; row++, from += bytes) total = f32x4.add(total, v128.load(from));
    v128.store(p.y + (<usize>i << 4), f32x4.div(total, splat(<f32>max(rows, 1))));
  }
}

@unmanaged
class MeanPoolBackward {
  documents: usize;
  d_y: usize;
  d_x: usize;
  windows: i32;
  length: i32;
  columns4: i32;
  ACCUMULATE: i32;
}

/** One item four columns of a row. */
export function mean_pool_backward(args: usize, begin: i32, end: i32): void {
  const p = changetype<MeanPoolBackward>(args);
  for (let i = begin; i < end; i++) {
    const row = i / p.columns4;
    const window = row / p.length;
    const rows = load<i32>(p.documents + (<usize>(window * p.length) << 3), 4);
    let value = splat(0);
    if (row % p.length < rows) {
      const from = p.d_y + (<usize>(window * p.columns4 + i % p.columns4) << 4);
      value = f32x4.div(v128.load(from), splat(<f32>rows));
    }
    if (p.ACCUMULATE) value = f32x4.add(value, v128.load(p.d_x + (<usize>i << 4)));
    v128.store(p.d_x + (<usize>i << 4), value);
  }
}

@unmanaged
class L2Normalise {
  x: usize;
  y: usize;
  norms: usize;
  rows: i32;
  columns4: i32;
  scale: f32;
  epsilon: f32;
}

/** One item a row. */
export function l2_normalise(args: usize, begin: i32, end: i32): void {
  const p = changetype<L2Normalise>(args);
  const bytes = <usize>p.columns4 << 4;
  for (let row = begin; row < end; row++) {
    const at = <usize>row * bytes;
    let squares = splat(0);
    for (let i: usize = 0; i < bytes; i += 16) {
      const value = v128.load(p.x + at + i);
      squares = madd(value, value, squares);
    }
    const norm = sqrt<f32>(sum(squares));
    const factor = splat(p.scale / max(norm, p.epsilon));
    for (let i: usize = 0; i < bytes; i += 16) v128.store(p.y + at + i, f32x4.mul(factor, v128.load(p.x + at + i)));
    store<f32>(p.norms + (<usize>row << 2), norm);
  }
}

@unmanaged
class L2NormaliseBackward {
  x: usize;
  norms: usize;
  d_y: usize;
  d_x: usize;
  rows: i32;
  columns4: i32;
  scale: f32;
  epsilon: f32;
  ACCUMULATE: i32;
}

/** One item a row. */
export function l2_normalise_backward(args: usize, begin: i32, end: i32): void {
  const p = changetype<L2NormaliseBackward>(args);
  const bytes = <usize>p.columns4 << 4;
  for (let row = begin; row < end; row++) {
    const at = <usize>row * bytes;
    const norm = load<f32>(p.norms + (<usize>row << 2));
    const r = <f32>1 / max(norm, p.epsilon);
    let products = splat(0);
    for (let i: usize = 0; i < bytes; i += 16) {
      products = madd(f32x4.mul(v128.load(p.x + at + i), splat(r)), v128.load(p.d_y + at + i), products);
    }
    const along = splat(norm > p.epsilon ? sum(products) : 0);
    const factor = splat(p.scale * r);
    for (let i: usize = 0; i < bytes; i += 16) {
      const n = f32x4.mul(v128.load(p.x + at + i), splat(r));
      let value = f32x4.mul(factor, f32x4.sub(v128.load(p.d_y + at + i), f32x4.mul(n, along)));
      if (p.ACCUMULATE) value = f32x4.add(value, v128.load(p.d_x + at + i));
      v128.store(p.d_x + at + i, value);
    }
  }
}
