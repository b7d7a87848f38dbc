// What Muon does beside its products. See the WGSL files of the same names for the formulas.
import { splat } from "./math";

@unmanaged
class MuonMomentum {
  update_scale: usize;
  gradients: usize;
  momentum: usize;
  size4: i32;
  decay: f32;
}

/** One item four parameters. */
export function muon_momentum(args: usize, begin: i32, end: i32): void {
  const p = changetype<MuonMomentum>(args);
  const scale = load<f32>(p.update_scale);
  if (scale == 0) {
    memory.fill(p.gradients + (<usize>begin << 4), 0, <usize>(end - begin) << 4);
    return;
  }
  const decay = splat(p.decay), rest = splat(<f32>1 - p.decay);
  for (let at = <usize>begin << 4, last = <usize>end << 4; at < last; at += 16) {
    const g = f32x4.mul(rest, f32x4.mul(splat(scale), v128.load(p.gradients + at)));
    const m = f32x4.add(f32x4.mul(decay, v128.load(p.momentum + at)), g);
    v128.store(p.momentum + at, m);
    v128.store(p.gradients + at, f32x4.add(g, f32x4.mul(decay, m)));
  }
}

@unmanaged
class MuonDirection {
  partials: usize;
  direction: usize;
  x: usize;
  size4: i32;
  first4: i32;
  count: i32;
  gain: f32;
  epsilon: f32;
}

/** One item four elements. */
export function muon_direction(args: usize, begin: i32, end: i32): void {
  const p = changetype<MuonDirection>(args);
  let total: f32 = 0;
  for (let i = 0; i < p.count; i++) total += load<f32>(p.partials + (<usize>i << 2));
  const factor = splat(p.gain / (sqrt<f32>(total) + p.epsilon));
  const from = p.direction + (<usize>p.first4 << 4);
  for (let at = <usize>begin << 4, last = <usize>end << 4; at < last; at += 16) {
    v128.store(p.x + at, f32x4.mul(factor, v128.load(from + at)));
  }
}

@unmanaged
class MuonUpdate {
  scalars: usize;
  update_scale: usize;
  x: usize;
  parameters: usize;
  gradients: usize;
  size4: i32;
  first4: i32;
  relative_rate: f32;
  gain: f32;
  weight_decay: f32;
}

/** One item four parameters. */
export function muon_update(args: usize, begin: i32, end: i32): void {
  const p = changetype<MuonUpdate>(args);
  const first = <usize>p.first4 << 4;
  memory.fill(p.gradients + first + (<usize>begin << 4), 0, <usize>(end - begin) << 4);
  if (load<f32>(p.update_scale) == 0) return;
  const rate = splat(load<f32>(p.scalars, 4) * p.relative_rate);
  const parameters = p.parameters + first;
  for (let at = <usize>begin << 4, last = <usize>end << 4; at < last; at += 16) {
    const old = v128.load(parameters + at);
    const step = f32x4.add(f32x4.mul(splat(p.gain), v128.load(p.x + at)), f32x4.mul(splat(p.weight_decay), old));
    v128.store(parameters + at, f32x4.sub(old, f32x4.mul(rate, step)));
  }
}

@unmanaged
class AddIdentity {
  x: usize;
  y: usize;
  side4: i32;
  factor: f32;
}

/** One item a row. */
export function add_identity(args: usize, begin: i32, end: i32): void {
  const p = changetype<AddIdentity>(args);
  const row = <usize>p.side4 << 4;
  memory.copy(p.y + <usize>begin * row, p.x + <usize>begin * row, <usize>(end - begin) * row);
  for (let i = <usize>begin; i < <usize>end; i++) {
    const at = p.y + i * row + (i << 2);
    store<f32>(at, load<f32>(at) + p.factor);
  }
}
