// The loss and the update. See the WGSL files of the same names for the formulas.
import { exp, highest, log, madd, splat, sum } from "./math";

@unmanaged
class CrossEntropy {
  labels: usize;
  scalars: usize; // if GRADIENT
  logits: usize;
  losses: usize;
  predictions: usize;
  weights: usize; // if WEIGHTED
  rows: i32;
  vocab: i32;
  stride: i32;
  GRADIENT: i32;
  WEIGHTED: i32;
}

/** One item a row. Rows are padded to vectors; the padding takes part as minus infinity. */
export function cross_entropy(args: usize, begin: i32, end: i32): void {
  const p = changetype<CrossEntropy>(args);
  const stride = p.stride, hasGradient = p.GRADIENT;
  for (let row = begin; row < end; row++) {
    const logits = p.logits + (<usize>(row * stride) << 2);
    for (let v = p.vocab; v < stride; v++) store<f32>(logits + (<usize>v << 2), <f32>-Infinity);
    let most = splat(<f32>-Infinity);
    for (let v = 0; v < stride; v += 4) most = f32x4.max(most, v128.load(logits + (<usize>v << 2)));
    const best = highest(most);
    let token = 0;
    while (token < p.vocab - 1 && load<f32>(logits + (<usize>token << 2)) != best) token++;
    store<i32>(p.predictions + (<usize>row << 2), token);
    const label = load<i32>(p.labels + (<usize>row << 2));
    const counts = <u32>label < <u32>p.vocab;
    const label_logit = counts ? load<f32>(logits + (<usize>label << 2)) : best;
    let totals = splat(0);
    for (let v = 0; v < stride; v += 4) {
      const e = exp(f32x4.sub(v128.load(logits + (<usize>v << 2)), splat(best)));
      totals = f32x4.add(totals, e);
      if (hasGradient) v128.store(logits + (<usize>v << 2), e);
    }
    const total = sum(totals);
    const loss: f32 = counts ? log(total) + best - label_logit : 0;
    const weight: f32 = p.WEIGHTED ? load<f32>(p.weights + (<usize>row << 2)) : 1;
    store<f32>(p.losses + (<usize>row << 2), weight * loss);
    if (!p.GRADIENT) continue;
    if (!counts) {
      memory.fill(logits, 0, <usize>stride << 2);
      continue;
    }
    const scale = weight * load<f32>(p.scalars);
    const factor = splat(scale / total);
    for (let v = 0; v < stride; v += 4) {
      const at = logits + (<usize>v << 2);
      v128.store(at, f32x4.mul(v128.load(at), factor));
    }
    const at = logits + (<usize>label << 2);
    store<f32>(at, load<f32>(at) - scale);
  }
}

@unmanaged
class SumLoss {
  labels: usize;
  losses: usize;
  predictions: usize;
  totals: usize;
  rows: i32;
}

export function sum_loss(args: usize, _begin: i32, _end: i32): void {
  const p = changetype<SumLoss>(args);
  let loss: f32 = 0, correct: f32 = 0, counted: f32 = 0;
  for (let row = 0; row < p.rows; row++) {
    const at = <usize>row << 2;
    const label = load<i32>(p.labels + at);
    if (label == -1) continue;
    loss += load<f32>(p.losses + at);
    correct += label == load<i32>(p.predictions + at) ? 1 : 0;
    counted += 1;
  }
  store<f32>(p.totals, load<f32>(p.totals) + loss);
  store<f32>(p.totals, load<f32>(p.totals, 4) + correct, 4);
  store<f32>(p.totals, load<f32>(p.totals, 8) + counted, 8);
}

@unmanaged
class SquareSum {
  gradients: usize;
  partials: usize;
  size4: i32;
  block4: i32;
  first: i32;
}

/** One item a block. */
export function square_sum(args: usize, begin: i32, end: i32): void {
  const p = changetype<SquareSum>(args);
  for (let block = begin; block < end; block++) {
    const last = <usize>min((block + 1) * p.block4, p.size4) << 4;
    let total = splat(0);
    for (let i = <usize>(block * p.block4) << 4; i < last; i += 16) {
      const g = v128.load(p.gradients + i);
      total = madd(g, g, total);
    }
    store<f32>(p.partials + (<usize>(p.first + block) << 2), sum(total));
  }
}

@unmanaged
class RecordStep {
  clock: usize;
  partials: usize; // if NORM
  totals: usize;
  ring: usize;
  update_scale: usize; // if NORM
  other_ring: usize; // if OTHER
  count: i32; // of partials
  ring_size: i32;
  clip: f32;
  NORM: i32;
  OTHER: i32;
}

export function record_step(args: usize, _begin: i32, _end: i32): void {
  const p = changetype<RecordStep>(args);
  const at = load<u32>(p.clock, 4) % <u32>p.ring_size;
  if (p.NORM) {
    let total: f32 = 0;
    for (let i = 0; i < p.count; i++) total += load<f32>(p.partials + (<usize>i << 2));
    const norm = sqrt<f32>(total);
    store<f32>(p.totals, norm, 12);
    const other: f32 = p.OTHER ? load<f32>(p.other_ring + (<usize>at << 4)) : 0;
    const usable = isFinite<f32>(total) && isFinite<f32>(load<f32>(p.totals)) && isFinite<f32>(other);
    const scale: f32 = p.clip > 0 && norm > p.clip ? p.clip / norm : 1;
    store<f32>(p.update_scale, usable ? scale : 0);
  }
  v128.store(p.ring + (<usize>at << 4), v128.load(p.totals));
  v128.store(p.totals, splat(0));
}

@unmanaged
class AdamW {
  scalars: usize;
  update_scale: usize;
  parameters: usize;
  gradients: usize;
  first_moment: usize;
  second_moment: usize;
  size4: i32;
  decayed4: i32;
  beta1: f32;
  beta2: f32;
  epsilon: f32;
  weight_decay: f32;
  embedded4: i32;
  embedding_rate: f32;
}

/** One item four parameters. */
export function adamw(args: usize, begin: i32, end: i32): void {
  const p = changetype<AdamW>(args);
  const scale = load<f32>(p.update_scale);
  if (scale == 0) {
    memory.fill(p.gradients + (<usize>begin << 4), 0, <usize>(end - begin) << 4);
    return;
  }
  const rate = splat(load<f32>(p.scalars, 4));
  const correction1 = splat(load<f32>(p.scalars, 8));
  const correction2 = splat(load<f32>(p.scalars, 12));
  const beta1 = splat(p.beta1), rest1 = splat(<f32>1 - p.beta1);
  const beta2 = splat(p.beta2), rest2 = splat(<f32>1 - p.beta2);
  for (let i = begin; i < end; i++) {
    const at = <usize>i << 4;
    const g = f32x4.mul(splat(scale), v128.load(p.gradients + at));
    v128.store(p.gradients + at, splat(0));
    const m = f32x4.add(f32x4.mul(beta1, v128.load(p.first_moment + at)), f32x4.mul(rest1, g));
    const v = f32x4.add(f32x4.mul(beta2, v128.load(p.second_moment + at)), f32x4.mul(rest2, f32x4.mul(g, g)));
    v128.store(p.first_moment + at, m);
    v128.store(p.second_moment + at, v);
    const root = f32x4.add(f32x4.sqrt(f32x4.mul(v, correction2)), splat(p.epsilon));
    let step = f32x4.div(f32x4.mul(m, correction1), root);
    const old = v128.load(p.parameters + at);
    if (i < p.decayed4) step = f32x4.add(step, f32x4.mul(splat(p.weight_decay), old));
    const own = i < p.embedded4 ? f32x4.mul(rate, splat(p.embedding_rate)) : rate;
    v128.store(p.parameters + at, f32x4.sub(old, f32x4.mul(own, step)));
  }
}
