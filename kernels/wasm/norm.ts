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
  // fields are read once: a loop that stores would read them again each time
  const weight = p.weight, bias = p.bias, hasBias = p.BIAS;
  for (let row = begin; row < end; row++) {
    const x = p.x + <usize>row * bytes;
    const y = p.y + <usize>row * bytes;
    let total = splat(0);
    for (let i: usize = 0; i < bytes; i += 16) total = f32x4.add(total, v128.load(x + i));
    const mean = sum(total) / size;
    const means = splat(mean);
    let squares = splat(0);
    for (let i: usize = 0; i < bytes; i += 16) {
      const centred = f32x4.sub(v128.load(x + i), means);
      squares = madd(centred, centred, squares);
    }
    const rstd = <f32>1 / sqrt<f32>(sum(squares) / size + p.epsilon);
    const factor = splat(rstd);
    for (let i: usize = 0; i < bytes; i += 16) {
      const n = f32x4.mul(f32x4.sub(v128.load(x + i), means), factor);
      let value = f32x4.mul(n, v128.load(weight + i));
      if (hasBias) value = f32x4.add(value, v128.load(bias + i));
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
  const weight = p.weight, adds = p.ACCUMULATE;
  for (let row = begin; row < end; row++) {
    const at = <usize>row * bytes;
    const x = p.x + at, d_y = p.d_y + at, d_x = p.d_x + at;
    const mean = splat(load<f32>(p.moments + (<usize>row << 3)));
    const rstd = splat(load<f32>(p.moments + (<usize>row << 3), 4));
    let total = splat(0);
    let product = splat(0);
    for (let i: usize = 0; i < bytes; i += 16) {
      const g = f32x4.mul(v128.load(d_y + i), v128.load(weight + i));
      const n = f32x4.mul(f32x4.sub(v128.load(x + i), mean), rstd);
      total = f32x4.add(total, g);
      product = madd(g, n, product);
    }
    const mean_g = splat(sum(total) / size);
    const mean_gn = splat(sum(product) / size);
    for (let i: usize = 0; i < bytes; i += 16) {
      const g = f32x4.mul(v128.load(d_y + i), v128.load(weight + i));
      const n = f32x4.mul(f32x4.sub(v128.load(x + i), mean), rstd);
      let value = f32x4.mul(rstd, f32x4.sub(f32x4.sub(g, mean_g), f32x4.mul(n, mean_gn)));
      if (adds) value = f32x4.add(value, v128.load(d_x + i));
      v128.store(d_x + i, value);
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
  for (let item = begin; item < end;) {
    const column4 = item % p.columns4;
    const first = item / p.columns4 * p.block;
    const last = min(first + p.block, p.rows);
    const at = <usize>first * bytes + (<usize>column4 << 4);
    // the moments of a row are read for four items at once, where there are as many of its block
    if (!p.BIAS && min(end - item, p.columns4 - column4) >= 4) {
      four_weight_sums(p.d_y + at, p.x + at, p.moments + (<usize>first << 3), last - first, bytes, p.weight_partials + (<usize>item << 4));
      item += 4;
      continue;
    }
    let from_d = p.d_y + at, from_x = p.x + at;
    let for_weight = splat(0);
    let for_bias = splat(0);
    for (let row = first; row < last; row++) {
      const mean = v128.load32_splat(p.moments + (<usize>row << 3));
      const rstd = v128.load32_splat(p.moments + (<usize>row << 3), 4);
      const d = v128.load(from_d);
      for_weight = madd(d, f32x4.mul(f32x4.sub(v128.load(from_x), mean), rstd), for_weight);
      for_bias = f32x4.add(for_bias, d);
      from_d += bytes, from_x += bytes;
    }
    v128.store(p.weight_partials + (<usize>item << 4), for_weight);
    if (p.BIAS) v128.store(p.bias_partials + (<usize>item << 4), for_bias);
    item++;
  }
}

/** Partial sums for the weight of sixteen columns of some rows. */
function four_weight_sums(d_y: usize, x: usize, moments: usize, rows: i32, bytes: usize, to: usize): void {
  let sum0 = splat(0), sum1 = sum0, sum2 = sum0, sum3 = sum0;
  for (let row = 0; row < rows; row++) {
    const mean = v128.load32_splat(moments), rstd = v128.load32_splat(moments, 4);
    sum0 = madd(v128.load(d_y), f32x4.mul(f32x4.sub(v128.load(x), mean), rstd), sum0);
    sum1 = madd(v128.load(d_y, 16), f32x4.mul(f32x4.sub(v128.load(x, 16), mean), rstd), sum1);
    sum2 = madd(v128.load(d_y, 32), f32x4.mul(f32x4.sub(v128.load(x, 32), mean), rstd), sum2);
    sum3 = madd(v128.load(d_y, 48), f32x4.mul(f32x4.sub(v128.load(x, 48), mean), rstd), sum3);
    d_y += bytes, x += bytes, moments += 8;
  }
  v128.store(to, sum0), v128.store(to, sum1, 16), v128.store(to, sum2, 32), v128.store(to, sum3, 48);
}
