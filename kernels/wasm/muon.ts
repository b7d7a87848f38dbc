// What Muon does beside its products. See the WGSL files of the same names for the formulas.
import { store_transposed } from "./gemm";
import { madd, splat, sum } from "./math";
import { scratch } from "./memory";

@unmanaged
class MuonMomentum {
  update_scale: usize;
  gradients: usize;
  momentum: usize;
  size4: i32;
  decay: f32;
  kept: f32;
}

/** One item four parameters. */
export function muon_momentum(args: usize, begin: i32, end: i32): void {
  const p = changetype<MuonMomentum>(args);
  const scale = load<f32>(p.update_scale);
  if (scale == 0) {
    memory.fill(p.gradients + (<usize>begin << 4), 0, <usize>(end - begin) << 4);
    return;
  }
  const decay = splat(p.decay), rest = splat(<f32>1 - p.decay), kept = splat(p.kept);
  for (let at = <usize>begin << 4, last = <usize>end << 4; at < last; at += 16) {
    const g = f32x4.mul(rest, f32x4.mul(splat(scale), v128.load(p.gradients + at)));
    const m = f32x4.add(f32x4.mul(decay, v128.load(p.momentum + at)), g);
    v128.store(p.momentum + at, m);
    v128.store(p.gradients + at, f32x4.mul(kept, f32x4.add(g, f32x4.mul(decay, m))));
  }
}

@unmanaged
class MuonNorm {
  places: usize;
  direction: usize;
  partials: usize;
  size4: i32;
  block4: i32;
  blocks: i32;
}

/** One item a block of a matrix. */
export function muon_norm(args: usize, begin: i32, end: i32): void {
  const p = changetype<MuonNorm>(args);
  for (let item = begin; item < end; item++) {
    const from = p.direction + (<usize>load<u32>(p.places + (<usize>(item / p.blocks) << 3)) << 4);
    const block = item % p.blocks * p.block4;
    const last = <usize>min(block + p.block4, p.size4) << 4;
    let total = splat(0);
    for (let at = <usize>block << 4; at < last; at += 16) {
      const g = v128.load(from + at);
      total = madd(g, g, total);
    }
    store<f32>(p.partials + (<usize>item << 2), sum(total));
  }
}

@unmanaged
class MuonDirection {
  places: usize;
  partials: usize;
  direction: usize;
  tall: usize;
  wide: usize;
  count: i32;
  rows4: i32;
  side4: i32;
  blocks: i32;
  gain: f32;
  epsilon: f32;
}

/** One item four rows of a tall matrix, or four columns of a wide one. */
export function muon_direction(args: usize, begin: i32, end: i32): void {
  const p = changetype<MuonDirection>(args);
  const bytes = <usize>(p.rows4 * p.side4) << 6;
  for (let item = begin; item < end; item++) {
    const z = item / p.rows4, row4 = item % p.rows4;
    const place = p.places + (<usize>z << 3);
    let total: f32 = 0;
    for (let i = 0; i < p.blocks; i++) total += load<f32>(p.partials + (<usize>(z * p.blocks + i) << 2));
    const factor = splat(p.gain / (sqrt<f32>(total) + p.epsilon));
    const isWide = load<u32>(place, 4) != 0;
    // the place of a block of four rows and columns in each layout, the bytes to the next block and those of a row
    let tall = p.tall + <usize>z * bytes + (<usize>(row4 * p.side4) << 6);
    let wide = p.wide + <usize>z * bytes + (<usize>row4 << 4);
    const tall_row = <usize>p.side4 << 4, wide_row = <usize>p.rows4 << 4;
    let from = p.direction + (<usize>load<u32>(place) << 4) + (isWide ? <usize>row4 << 4 : <usize>(row4 * p.side4) << 6);
    const row = isWide ? wide_row : tall_row;
    const next = isWide ? wide_row << 2 : 16;
    const same_row = row, turned_row = isWide ? tall_row : wide_row;
    for (let column4 = 0; column4 < p.side4; column4++) {
      const r0 = f32x4.mul(factor, v128.load(from)), r1 = f32x4.mul(factor, v128.load(from + row));
      const r2 = f32x4.mul(factor, v128.load(from + 2 * row)), r3 = f32x4.mul(factor, v128.load(from + 3 * row));
      const same = isWide ? wide : tall;
      v128.store(same, r0), v128.store(same + same_row, r1);
      v128.store(same + 2 * same_row, r2), v128.store(same + 3 * same_row, r3);
      store_transposed(isWide ? tall : wide, turned_row, r0, r1, r2, r3);
      from += next;
      tall += 16;
      wide += wide_row << 2;
    }
  }
}

@unmanaged
class MuonUpdate {
  places: usize;
  scalars: usize;
  update_scale: usize;
  x: usize;
  parameters: usize;
  gradients: usize;
  count: i32;
  rows4: i32;
  side4: i32;
  relative_rate: f32;
  weight_decay: f32;
}

/** One item four rows of a tall matrix, or four columns of a wide one. */
export function muon_update(args: usize, begin: i32, end: i32): void {
  const p = changetype<MuonUpdate>(args);
  const isSkipped = load<f32>(p.update_scale) == 0;
  const rate = splat(load<f32>(p.scalars, 4) * p.relative_rate);
  const decay = splat(p.weight_decay);
  const bytes = <usize>(p.rows4 * p.side4) << 6;
  const copy = scratch();
  for (let item = begin; item < end; item++) {
    const z = item / p.rows4, row4 = item % p.rows4;
    const place = p.places + (<usize>z << 3);
    const isWide = load<u32>(place, 4) != 0;
    const x_row = <usize>p.rows4 << 4;
    const row = isWide ? x_row : <usize>p.side4 << 4;
    const gain = splat(isWide ? 1 : sqrt<f32>(<f32>p.rows4 / <f32>p.side4));
    let x = p.x + <usize>z * bytes + (<usize>row4 << 4);
    let at = (<usize>load<u32>(place) << 4) + (isWide ? <usize>row4 << 4 : <usize>(row4 * p.side4) << 6);
    const next = isWide ? x_row << 2 : 16;
    for (let column4 = 0; column4 < p.side4; column4++) {
      for (let r: usize = 0; r < 4; r++) v128.store(p.gradients + at + r * row, splat(0));
      if (!isSkipped) {
        const x0 = v128.load(x), x1 = v128.load(x + x_row), x2 = v128.load(x + 2 * x_row), x3 = v128.load(x + 3 * x_row);
        if (isWide) v128.store(copy, x0), v128.store(copy, x1, 16), v128.store(copy, x2, 32), v128.store(copy, x3, 48);
        else store_transposed(copy, 16, x0, x1, x2, x3);
        for (let r: usize = 0; r < 4; r++) {
          const to = p.parameters + at + r * row;
          const old = v128.load(to);
          const step = f32x4.add(f32x4.mul(gain, v128.load(copy + (r << 4))), f32x4.mul(decay, old));
          v128.store(to, f32x4.sub(old, f32x4.mul(rate, step)));
        }
      }
      at += next;
      x += x_row << 2;
    }
  }
}

@unmanaged
class AddIdentity {
  x: usize; // if COPY
  y: usize;
  count: i32;
  side: i32;
  factor: f32;
  COPY: i32;
}

/** One item a row. */
export function add_identity(args: usize, begin: i32, end: i32): void {
  const p = changetype<AddIdentity>(args);
  const row = <usize>p.side << 2;
  if (p.COPY) memory.copy(p.y + <usize>begin * row, p.x + <usize>begin * row, <usize>(end - begin) * row);
  for (let i = begin; i < end; i++) {
    const at = p.y + <usize>i * row + (<usize>(i % p.side) << 2);
    store<f32>(at, load<f32>(at) + p.factor);
  }
}
