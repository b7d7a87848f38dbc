// Kernels that move or add up whole rows. See the WGSL files of the same names for the formulas.
import { madd, splat } from "./math";

@unmanaged
class Embedding {
  ids: usize;
  token: usize;
  position: usize; // if POSITION
  token_type: usize; // if TOKEN_TYPE
  y: usize;
  row_positions: usize; // if ROW_POSITIONS
  token_types: usize; // if TOKEN_TYPES
  rows: i32;
  columns4: i32;
  length: i32;
  scale: f32;
  POSITION: i32;
  ROW_POSITIONS: i32;
  TOKEN_TYPE: i32;
  TOKEN_TYPES: i32;
}

/** One item four columns of a row. */
export function embedding(args: usize, begin: i32, end: i32): void {
  const p = changetype<Embedding>(args);
  for (let i = begin; i < end; i++) {
    const row = i / p.columns4;
    const column = i % p.columns4;
    const id = load<i32>(p.ids + (<usize>row << 2));
    let value = f32x4.mul(splat(p.scale), v128.load(p.token + (<usize>(id * p.columns4 + column) << 4)));
    if (p.POSITION) {
      const at = p.ROW_POSITIONS ? load<i32>(p.row_positions + (<usize>row << 2)) : row % p.length;
      value = f32x4.add(value, v128.load(p.position + (<usize>(at * p.columns4 + column) << 4)));
    }
    if (p.TOKEN_TYPE) {
      const kind = p.TOKEN_TYPES ? load<i32>(p.token_types + (<usize>row << 2)) : 0;
      value = f32x4.add(value, v128.load(p.token_type + (<usize>(kind * p.columns4 + column) << 4)));
    }
    v128.store(p.y + (<usize>i << 4), value);
  }
}

@unmanaged
class EmbeddingBackward {
  unique: usize;
  starts: usize;
  order: usize;
  d_y: usize;
  d_token: usize;
  rows: i32;
  columns4: i32;
  scale: f32;
}

/** One item four columns of a token. */
export function embedding_backward(args: usize, begin: i32, end: i32): void {
  const p = changetype<EmbeddingBackward>(args);
  for (let i = begin; i < end; i++) {
    const group = i / p.columns4;
    const column = i % p.columns4;
    const first = load<i32>(p.starts + (<usize>group << 2));
    const last = load<i32>(p.starts + (<usize>group << 2), 4);
    if (first == last) continue;
    let total = splat(0);
    for (let at = first; at < last; at++) {
      const row = load<i32>(p.order + (<usize>at << 2));
      total = f32x4.add(total, v128.load(p.d_y + (<usize>(row * p.columns4 + column) << 4)));
    }
    const token = load<i32>(p.unique + (<usize>group << 2));
    const to = p.d_token + (<usize>(token * p.columns4 + column) << 4);
    v128.store(to, madd(splat(p.scale), total, v128.load(to)));
  }
}

@unmanaged
class GatherRows {
  selection: usize;
  x: usize;
  y: usize;
  count: i32;
  columns4: i32;
}

/** One item four columns of a selected row. */
export function gather_rows(args: usize, begin: i32, end: i32): void {
  const p = changetype<GatherRows>(args);
  for (let i = begin; i < end; i++) {
    const row = load<i32>(p.selection + (<usize>(i / p.columns4) << 2));
    v128.store(p.y + (<usize>i << 4), v128.load(p.x + (<usize>(row * p.columns4 + i % p.columns4) << 4)));
  }
}

@unmanaged
class GatherRowsBackward {
  inverse: usize;
  d_y: usize;
  d_x: usize;
  rows: i32;
  columns4: i32;
  ACCUMULATE: i32;
}

/** One item four columns of a row. */
export function gather_rows_backward(args: usize, begin: i32, end: i32): void {
  const p = changetype<GatherRowsBackward>(args);
  for (let i = begin; i < end; i++) {
    const from_row = load<i32>(p.inverse + (<usize>(i / p.columns4) << 2));
    let value = splat(0);
    if (from_row != -1) value = v128.load(p.d_y + (<usize>(from_row * p.columns4 + i % p.columns4) << 4));
    if (p.ACCUMULATE) value = f32x4.add(value, v128.load(p.d_x + (<usize>i << 4)));
    v128.store(p.d_x + (<usize>i << 4), value);
  }
}

@unmanaged
class SumRows {
  x: usize;
  partials: usize;
  rows: i32;
  columns4: i32;
  period: i32;
  repeats: i32;
  splits: i32;
}

/** One item four columns of a phase of a block. */
export function sum_rows(args: usize, begin: i32, end: i32): void {
  const p = changetype<SumRows>(args);
  for (let i = begin; i < end; i++) {
    const column = i % p.columns4;
    const phase = i / p.columns4 % p.period;
    const split = i / (p.columns4 * p.period);
    let total = splat(0);
    for (let repeat = 0; repeat < p.repeats; repeat++) {
      const row = (split * p.repeats + repeat) * p.period + phase;
      if (row < p.rows) total = f32x4.add(total, v128.load(p.x + (<usize>(row * p.columns4 + column) << 4)));
    }
    v128.store(p.partials + (<usize>i << 4), total);
  }
}

@unmanaged
class ReducePartials {
  partials: usize;
  y: usize;
  size: i32;
  splits: i32;
  ACCUMULATE: i32;
}

/** One item a float. */
export function reduce_partials(args: usize, begin: i32, end: i32): void {
  const p = changetype<ReducePartials>(args);
  for (let i = begin; i < end; i++) {
    let total: f32 = 0;
    for (let split = 0; split < p.splits; split++) {
      total += load<f32>(p.partials + (<usize>(split * p.size + i) << 2));
    }
    const to = p.y + (<usize>i << 2);
    store<f32>(to, p.ACCUMULATE ? load<f32>(to) + total : total);
  }
}
