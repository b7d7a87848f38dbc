// Layer normalization; one item a row. See kernels/layer_norm*.wgsl for the formulas.
import { madd, splat, sum } from "./math";

@unmanaged
class LayerNorm {
  x: usize;
  weight: usize;
  bias: usize; // if BIAS
  y: usize;
  moments: usize;
  rows: i32;
  columns4: i32;
  epsilon: f32;
  BIAS: i32;
}

export function layer_norm(args: usize, begin: i32, end: i32): void {
  const p = changetype<LayerNorm>(args);
  const bytes = <usize>p.columns4 << 4;
  const size = <f32>(p.columns4 * 4);
  for (let row = begin; row < end; row++) {
    const x = p.x + <usize>row * bytes;
    const y = p.y + <usize>row * bytes;
    let total = splat(0);
    for (let i: usize = 0; i < bytes; i += 16) total = f32x4.add(total, v128.load(x + i));
    const mean = sum(total) / size;
    let squares = splat(0);
    for (let i: usize = 0; i < bytes; i += 16) {
      const centred = f32x4.sub(v128.load(x + i), splat(mean));
      squares = madd(centred, centred, squares);
    }
    const rstd = <f32>1 / sqrt<f32>(sum(squares) / size + p.epsilon);
    for (let i: usize = 0; i < bytes; i += 16) {
      const n = f32x4.mul(f32x4.sub(v128.load(x + i), splat(mean)), splat(rstd));
      let value = f32x4.mul(n, v128.load(p.weight + i));
      if (p.BIAS) value = f32x4.add(value, v128.load(p.bias + i));
      v128.store(y + i, value);
    }
    store<f32>(p.moments + (<usize>row << 3), mean);
    store<f32>(p.moments + (<usize>row << 3), rstd, 4);
  }
}

@unmanaged
class LayerNormBackward {
  x: usize;
  weight: usize;
  moments: usize;
  d_y: usize;
  d_x: usize;
  rows: i32;
  columns4: i32;
  ACCUMULATE: i32;
}

export function layer_norm_backward(args: usize, begin: i32, end: i32): void {
  const p = changetype<LayerNormBackward>(args);
  const bytes = <usize>p.columns4 << 4;
  const size = <f32>(p.columns4 * 4);
  for (let row = begin; row < end; row++) {
    const at = <usize>row * bytes;
    const mean = splat(load<f32>(p.moments + (<usize>row << 3)));
    const rstd = splat(load<f32>(p.moments + (<usize>row << 3), 4));
    let total = splat(0);
    let product = splat(0);
    for (let i: usize = 0; i < bytes; i += 16) {
      const g = f32x4.mul(v128.load(p.d_y + at + i), v128.load(p.weight + i));
      const n = f32x4.mul(f32x4.sub(v128.load(p.x + at + i), mean), rstd);
      total = f32x4.add(total, g);
      product = madd(g, n, product);
    }
    const mean_g = splat(sum(total) / size);
    const mean_gn = splat(sum(product) / size);
    for (let i: usize = 0; i < bytes; i += 16) {
      const g = f32x4.mul(v128.load(p.d_y + at + i), v128.load(p.weight + i));
      const n = f32x4.mul(f32x4.sub(v128.load(p.x + at + i), mean), rstd);
      let value = f32x4.mul(rstd, f32x4.sub(f32x4.sub(g, mean_g), f32x4.mul(n, mean_gn)));
      if (p.ACCUMULATE) value = f32x4.add(value, v128.load(p.d_x + at + i));
      v128.store(p.d_x + at + i, value);
    }
  }
}

@unmanaged
class LayerNormBackwardWeight {
  x: usize;
  moments: usize;
  d_y: usize;
  weight_partials: usize;
  bias_partials: usize; // if BIAS
  rows: i32;
  columns4: i32;
  block: i32;
  splits: i32;
  BIAS: i32;
}

/** One item four columns of a block of rows. */
export function layer_norm_backward_weight(args: usize, begin: i32, end: i32): void {
  const p = changetype<LayerNormBackwardWeight>(args);
  const bytes = <usize>p.columns4 << 4;
  for (let item = begin; item < end; item++) {
    const column = <usize>(item % p.columns4) << 4;
    const first = item / p.columns4 * p.block;
    const last = min(first + p.block, p.rows);
    let for_weight = splat(0);
    let for_bias = splat(0);
    for (let row = first; row < last; row++) {
      const at = <usize>row * bytes + column;
      const mean = splat(load<f32>(p.moments + (<usize>row << 3)));
      const rstd = splat(load<f32>(p.moments + (<usize>row << 3), 4));
      const d = v128.load(p.d_y + at);
      for_weight = madd(d, f32x4.mul(f32x4.sub(v128.load(p.x + at), mean), rstd), for_weight);
      for_bias = f32x4.add(for_bias, d);
    }
    v128.store(p.weight_partials + (<usize>item << 4), for_weight);
    if (p.BIAS) v128.store(p.bias_partials + (<usize>item << 4), for_bias);
  }
}
