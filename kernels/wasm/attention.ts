// Attention of one sequence and head at a time; queries in blocks, so that no thread holds more than BLOCK × length
// scores, or with a BLAS BLAS_BLOCK × length. See kernels/attention.wgsl and its gradients for the formulas.
import { gemm } from "./blas";
import { exp, highest, log, splat, sum } from "./math";
import { small_product, store_transposed } from "./gemm";
import { factors0, factors1, factors2, factors3, keep_four } from "./philox";
import { scratch } from "./memory";

@unmanaged
class Attention {
  qkv: usize;
  clock: usize; // if DROPOUT
  output: usize;
  logsumexp: usize;
  documents: usize; // if DOCUMENTS
  batch: i32;
  length: i32;
  heads: i32;
  scale: f32;
  dropout_threshold: u32;
  dropout_scale: f32;
  dropout_stream: u32;
  window: i32;
  HEAD_COLUMNS4: i32;
  DROPOUT: i32;
  DOCUMENTS: i32;
  BLAS: i32; // products by a BLAS
}

@unmanaged
class AttentionBackward extends Attention {
  d_output: usize;
  d_qkv: usize;
}

/** Queries that are worked on at once: a multiple of the tile's four rows. */
const BLOCK = 48;

/** The same with a BLAS, whose products are the quicker the larger they are. */
const BLAS_BLOCK = 128;

/** Positions below which calling a BLAS takes longer than its products save. */
const LEAST_FOR_BLAS = 32;

/** Columns of scores: the length, filled up to a multiple of eight. */
@inline
function padded(length: i32): i32 {
  return (length + 7) & ~7;
}

/** to [head_width, padded length] = the transpose of rows [length, head_width] that lie `stride` floats apart, times scale. */
function transpose(to: usize, from: usize, stride: i32, length: i32, head_width: i32, scale: f32): void {
  const columns = <usize>padded(length) << 2;
  const row = <usize>stride << 2;
  const factor = splat(scale);
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    const at = from + <usize>i * row;
    for (let d: usize = 0; d < <usize>head_width; d += 4) {
      const x = at + (d << 2);
      const r0 = f32x4.mul(factor, v128.load(x)), r1 = f32x4.mul(factor, v128.load(x + row));
      const r2 = f32x4.mul(factor, v128.load(x + 2 * row)), r3 = f32x4.mul(factor, v128.load(x + 3 * row));
      store_transposed(to + d * columns + (<usize>i << 2), columns, r0, r1, r2, r3);
    }
  }
  for (; i < padded(length); i++) {
    for (let d: usize = 0; d < <usize>head_width; d++) {
      const value: f32 = i < length ? scale * load<f32>(from + <usize>i * row + (d << 2)) : 0;
      store<f32>(to + d * columns + (<usize>i << 2), value);
    }
  }
}

/** One item a sequence and head. Scratch: (BLOCK + 1) × (length + 1), headWidth × length, and what small_product needs. */
export function attention(args: usize, begin: i32, end: i32): void {
  const p = changetype<Attention>(args);
  each_document(p, begin, end, false);
}

/**
 * All three gradients, one item a sequence and head: nothing is left for attention_backward_key_value to do.
 * Scratch: twice headWidth × length, twice BLOCK × length, length, and what small_product needs.
 */
export function attention_backward(args: usize, begin: i32, end: i32): void {
  const p = changetype<AttentionBackward>(args);
  each_document(p, begin, end, true);
}

/** Cuts sequences into documents, none of which attends to another: one, where nothing else is said. */
function each_document(p: Attention, begin: i32, end: i32, is_backward: bool): void {
  for (let item = begin; item < end; item++) {
    const first_row = item / p.heads * p.length;
    for (let start = 0; start < p.length;) {
      const end_row = p.DOCUMENTS ? load<i32>(p.documents + (<usize>(first_row + start) << 3), 4) : p.length;
      if (is_backward) attend_backward(changetype<AttentionBackward>(p), item, start, end_row - start);
      else attend(p, item, start, end_row - start);
      start = end_row;
    }
  }
}

/** Whether a BLAS makes the products of so many positions. */
@inline
function by_blas(p: Attention, length: i32): bool {
  return p.BLAS != 0 && length >= LEAST_FOR_BLAS;
}

/** scores [rows, seen] = scale · a · bᵀ, of which columns up to the next multiple of eight may be anything. */
@inline
function score_product(
  blas: bool, rows: i32, seen: i32, head_width: i32, scale: f32, a: usize, a_row: i32, b: usize, b_row: i32,
  transposed: usize, scores: usize, columns: i32, rest: usize,
): void {
  if (blas) gemm(0, 1, rows, seen, head_width, scale, a, a_row, b, b_row, scores, columns, 0);
  else small_product(rows, padded(seen), head_width, a, a_row, 1, transposed, columns, scores, columns, false, rest);
}

/** c [rows, head_width] = scores · b, for scores [rows, seen] */
@inline
function row_product(
  blas: bool, rows: i32, seen: i32, head_width: i32, scores: usize, columns: i32, b: usize, b_row: i32, c: usize, c_row: i32,
  rest: usize,
): void {
  if (blas) gemm(0, 0, rows, head_width, seen, 1, scores, columns, b, b_row, c, c_row, 0);
  else small_product(rows, head_width, seen, scores, columns, 1, b, b_row, c, c_row, false, rest);
}

/** c [seen, head_width] (+)= scoresᵀ · b, for scores [rows, seen] */
@inline
function column_product(
  blas: bool, seen: i32, rows: i32, head_width: i32, scores: usize, columns: i32, b: usize, b_row: i32, c: usize, c_row: i32,
  adds: bool, rest: usize,
): void {
  if (blas) gemm(1, 0, seen, head_width, rows, 1, scores, columns, b, b_row, c, c_row, adds);
  else small_product(seen, head_width, rows, scores, 1, columns, b, b_row, c, c_row, adds, rest);
}

/** Bytes from the beginning of qkv to the query of a row and head. */
@inline
function query_offset(p: Attention, row: i32, head: i32): usize {
  return <usize>((row * 3 * p.heads + head) * p.HEAD_COLUMNS4) << 4;
}

/** Bytes from the beginning of the output to a row and head. */
@inline
function output_offset(p: Attention, row: i32, head: i32): usize {
  return <usize>((row * p.heads + head) * p.HEAD_COLUMNS4) << 4;
}

/** Attention of the positions start ... start + length - 1 of a sequence and head among themselves. */
function attend(p: Attention, item: i32, start: i32, length: i32): void {
  const blas = by_blas(p, length);
  const block = blas ? BLAS_BLOCK : BLOCK;
  const columns = padded(length);
  const head_width = p.HEAD_COLUMNS4 * 4;
  const across = p.heads * head_width;
  const stride = 3 * across;
  const keys = scratch();
  const scores = keys + (<usize>(head_width * columns) << 2);
  const totals = scores + (<usize>(block * columns) << 2);
  spare_row = totals + (<usize>block << 2);
  const rest = spare_row + (<usize>(columns + 20) << 2);
  const head = item % p.heads;
  const row = item / p.heads * p.length + start;
  const part = <usize>across << 2;
  const q = p.qkv + query_offset(p, row, head), k = q + part, v = k + part;
  if (!blas) transpose(keys, k, stride, length, head_width, p.scale);
  for (let first = 0; first < length; first += block) {
    const rows = min(block, length - first);
    const from = first_seen(p.window, first), seen = end_seen(p.window, first + rows, length) - from;
    const there = <usize>(from * stride) << 2;
    const queries = q + (<usize>(first * stride) << 2);
    score_product(
      blas, rows, seen, head_width, p.scale, queries, stride, k + there, stride, keys + (<usize>from << 2), scores, columns, rest,
    );
    for (let r = 0; r < rows; r++) {
      const at = scores + (<usize>(r * columns) << 2);
      const index = item * p.length + start + first + r;
      const low = low_seen(p, first + r, from), high = high_seen(p, first + r, from, seen);
      const total = softmax(at, low, high, padded(seen), p.logsumexp + (<usize>index << 2));
      if (p.DROPOUT) drop(p, at, start + from, seen, index);
      store<f32>(totals + (<usize>r << 2), total);
    }
    const out = p.output + output_offset(p, row + first, head);
    row_product(blas, rows, seen, head_width, scores, columns, v + there, stride, out, across, rest);
    // cheaper than to scale the probabilities: the output is narrower
    for (let r = 0; r < rows; r++) {
      scale_row(out + (<usize>(r * across) << 2), head_width, <f32>1 / load<f32>(totals + (<usize>r << 2)));
    }
  }
}

/** The first key that any query from `first` on sees, rounded down to a multiple of eight. */
@inline
function first_seen(window: i32, first: i32): i32 {
  return max(0, first - window) & ~7;
}

/** End of the keys that any query before `end_row` sees. */
@inline
function end_seen(window: i32, end_row: i32, length: i32): i32 {
  return min(length, end_row + window);
}

/** Of the keys from `from` on, the number of the first that a query sees. */
@inline
function low_seen(p: Attention, query: i32, from: i32): i32 {
  return max(0, query - p.window - from);
}

/** Of `seen` keys from `from` on, the end of those that a query sees. */
@inline
function high_seen(p: Attention, query: i32, from: i32, seen: i32): i32 {
  return min(seen, query + p.window + 1 - from);
}

/** row = e^(row - maximum) of columns in eights, zero outside of low ... high - 1; returns the sum and stores maximum + log sum. */
function softmax(row: usize, low: i32, high: i32, columns: i32, logsumexp: usize): f32 {
  for (let i = 0; i < low; i++) store<f32>(row + (<usize>i << 2), <f32>-Infinity);
  for (let i = high; i < columns; i++) store<f32>(row + (<usize>i << 2), <f32>-Infinity);
  const end = row + (<usize>columns << 2);
  // pmax is one instruction, max is several; it passes over NaN, which makes the sum NaN below
  let most = splat(<f32>-Infinity), others = most;
  for (let at = row; at < end; at += 32) {
    most = f32x4.pmax(most, v128.load(at));
    others = f32x4.pmax(others, v128.load(at, 16));
  }
  const maximum = highest(f32x4.pmax(most, others));
  const highest_score = splat(maximum);
  let totals = splat(0);
  for (let at = row; at < end; at += 16) {
    const e = exp(f32x4.sub(v128.load(at), highest_score));
    v128.store(at, e);
    totals = f32x4.add(totals, e);
  }
  const total = sum(totals);
  store<f32>(logsumexp, maximum + log(total));
  return total;
}

function scale_row(row: usize, columns: i32, factor: f32): void {
  for (let i = 0; i < columns; i += 4) {
    const at = row + (<usize>i << 2);
    v128.store(at, f32x4.mul(v128.load(at), splat(factor)));
  }
}

/** Multiplies probabilities by dropout's factors. */
function drop(p: Attention, row: usize, start: i32, length: i32, index: i32): void {
  const factors = store_factors(p, start, length, index);
  for (let i: usize = 0; i < <usize>length << 2; i += 16) {
    v128.store(row + i, f32x4.mul(v128.load(row + i), v128.load(factors + i)));
  }
}

/** Where the factors of one row of probabilities are kept. */
let spare_row: usize = 0;

/** Dropout's factors for the keys from `start` on, which are drawn in fours from the beginning of the sequence; up to 19 more. */
function store_factors(p: Attention, start: i32, length: i32, index: i32): usize {
  const first = start & ~3;
  for (let i = first; i < start + length; i += 16) {
    keep_four(p.clock, i >> 2, index, p.dropout_stream, p.dropout_threshold, p.dropout_scale);
    const at = spare_row + (<usize>(i - first) << 2);
    v128.store(at, factors0), v128.store(at, factors1, 16);
    v128.store(at, factors2, 32), v128.store(at, factors3, 48);
  }
  return spare_row + (<usize>(start - first) << 2);
}

/** The gradients of {@linkcode attend}. */
function attend_backward(p: AttentionBackward, item: i32, start: i32, length: i32): void {
  const blas = by_blas(p, length);
  const block = blas ? BLAS_BLOCK : BLOCK;
  const columns = padded(length);
  const head_width = p.HEAD_COLUMNS4 * 4;
  const across = p.heads * head_width;
  const stride = 3 * across;
  const keys = scratch();
  const values = keys + (<usize>(head_width * columns) << 2);
  const probabilities = values + (<usize>(head_width * columns) << 2);
  const gradients = probabilities + (<usize>(block * columns) << 2);
  spare_row = gradients + (<usize>(block * columns) << 2);
  const rest = spare_row + (<usize>(columns + 20) << 2);
  const head = item % p.heads;
  const row = item / p.heads * p.length + start;
  const offset = query_offset(p, row, head);
  const part = <usize>across << 2;
  const q = p.qkv + offset, k = q + part, v = k + part;
  const d_q = p.d_qkv + offset, d_k = d_q + part, d_v = d_k + part;
  if (!blas) {
    transpose(keys, k, stride, length, head_width, p.scale);
    transpose(values, v, stride, length, head_width, 1);
  }
  // blocks that see all keys overwrite their gradients with the first and add the others; where windows move, nothing is first
  const is_local = p.window < length;
  if (is_local) zero_rows(d_k, stride, length, head_width), zero_rows(d_v, stride, length, head_width);
  for (let first = 0; first < length; first += block) {
    const rows = min(block, length - first);
    const from = first_seen(p.window, first), seen = end_seen(p.window, first + rows, length) - from;
    const some = <usize>from << 2, there = <usize>(from * stride) << 2;
    const adds = is_local || first > 0;
    const here = <usize>(first * stride) << 2;
    const out = output_offset(p, row + first, head);
    const d_out = p.d_output + out;
    score_product(
      blas, rows, seen, head_width, p.scale, q + here, stride, k + there, stride, keys + some, probabilities, columns, rest,
    );
    score_product(
      blas, rows, seen, head_width, 1, d_out, across, v + there, stride, values + some, gradients, columns, rest,
    );
    for (let r = 0; r < rows; r++) {
      const index = item * p.length + start + first + r;
      const row_out = out + (<usize>(r * across) << 2);
      const delta = dot(p.d_output + row_out, p.output + row_out, head_width);
      const at = <usize>(r * columns) << 2;
      const logsumexp = load<f32>(p.logsumexp + (<usize>index << 2));
      score_gradients(p, probabilities + at, gradients + at, start + from, seen, index, logsumexp, delta);
      if (is_local) {
        const low = low_seen(p, first + r, from), high = high_seen(p, first + r, from, seen);
        zero_outside(probabilities + at, low, high, seen), zero_outside(gradients + at, low, high, seen);
      }
    }
    // d_q = d_s · K,  d_k += d_sᵀ · Q,  d_v += pᵀ · d_output
    row_product(blas, rows, seen, head_width, gradients, columns, k + there, stride, d_q + here, stride, rest);
    column_product(blas, seen, rows, head_width, gradients, columns, q + here, stride, d_k + there, stride, adds, rest);
    column_product(blas, seen, rows, head_width, probabilities, columns, d_out, across, d_v + there, stride, adds, rest);
  }
}

function zero_rows(at: usize, stride: i32, rows: i32, head_width: i32): void {
  for (let r = 0; r < rows; r++) memory.fill(at + (<usize>(r * stride) << 2), 0, <usize>head_width << 2);
}

/** row = 0 outside of low ... high - 1. */
function zero_outside(row: usize, low: i32, high: i32, columns: i32): void {
  memory.fill(row, 0, <usize>low << 2);
  memory.fill(row + (<usize>high << 2), 0, <usize>(columns - high) << 2);
}

/** From scores and the gradient of the probabilities: the probabilities (dropped, as they met V) and the scores' gradient. */
function score_gradients(
  p: AttentionBackward, row: usize, gradient: usize, start: i32, length: i32, index: i32, logsumexp: f32, delta: f32,
): void {
  const bytes = <usize>length << 2;
  const scale = splat(p.scale), to = splat(delta), total = splat(logsumexp);
  if (!p.DROPOUT) {
    for (let at: usize = 0; at < bytes; at += 16) {
      const probability = probability_of(v128.load(row + at), total);
      const d_s = f32x4.mul(f32x4.mul(probability, f32x4.sub(v128.load(gradient + at), to)), scale);
      v128.store(row + at, probability);
      v128.store(gradient + at, d_s);
    }
    return;
  }
  const factors = store_factors(p, start, length, index);
  for (let at: usize = 0; at < bytes; at += 16) {
    const probability = probability_of(v128.load(row + at), total);
    const kept = v128.load(factors + at);
    const d_p = f32x4.mul(kept, v128.load(gradient + at));
    const d_s = f32x4.mul(f32x4.mul(probability, f32x4.sub(d_p, to)), scale);
    v128.store(row + at, f32x4.mul(probability, kept));
    v128.store(gradient + at, d_s);
  }
}

/** e^(score - logsumexp), at most 1; pmin, for min is many instructions, and a score that is not a number stays. */
@inline
function probability_of(score: v128, logsumexp: v128): v128 {
  return exp(f32x4.pmin(f32x4.sub(score, logsumexp), splat(0)));
}

function dot(a: usize, b: usize, head_width: i32): f32 {
  let total = splat(0);
  for (let i = 0; i < head_width; i += 4) {
    const at = <usize>i << 2;
    total = f32x4.add(total, f32x4.mul(v128.load(a + at), v128.load(b + at)));
  }
  return sum(total);
}
