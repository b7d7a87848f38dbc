/**
 * Gradients in buckets: the section that computes them, cut where some of them are finished, so that those can be added up
 * over ranks while the others are computed (Li et al., "PyTorch distributed: experiences on accelerating data parallel
 * training", 2020).
 *
 * @module
 */

import type { ParameterStore } from "../optimizer/parameter_store.ts";
import type { OpCall, Storage, Tensor } from "../tensor/tensor.ts";

/** A part of the section "gradients", and what nothing behind it changes any more. */
export interface GradientBucket {
  /** The section that ends with it. */
  readonly section: string;
  /** Pieces of all gradients, flat; those of the last bucket are followed by the totals of each loss. */
  readonly tensors: readonly Tensor[];
}

/** Where a bucket ends. */
export interface BucketCut {
  /** Calls of the section up to its end. */
  readonly end: number;
  /** Its stretches of the flat gradients, in order. */
  readonly ranges: readonly FloatRange[];
}

/** Consecutive floats. */
export interface FloatRange {
  /** The first. */
  readonly begin: number;
  /** Behind the last. */
  readonly end: number;
}

/** Where a parameter's gradient lies, and the call that changes it last. */
interface Finished extends FloatRange {
  readonly at: number;
}

/**
 * Cuts a list of calls into buckets of so many floats at least, in the order in which gradients are finished: those of the last
 * layer first, those of a tied embedding, which is read at both ends, last. There is always one, which ends with the list.
 */
export function bucketCuts(
  calls: readonly OpCall[],
  store: ParameterStore,
  { least }: { least: number },
): readonly BucketCut[] {
  const cuts: BucketCut[] = [];
  let ranges: FloatRange[] = [];
  const finished = finishedGradients(calls, store);
  for (const [i, range] of finished.entries()) {
    ranges.push(range);
    // all that are finished by the same call
    if (finished[i + 1]?.at === range.at || floatsOf(ranges) < least) continue;
    cuts.push({ end: range.at + 1, ranges: inOrder(ranges) });
    ranges = [];
  }
  const last = ranges.length > 0 && cuts.length > 0 && floatsOf(ranges) < least ? cuts.pop() : undefined;
  if (ranges.length > 0) cuts.push({ end: calls.length, ranges: inOrder([...last?.ranges ?? [], ...ranges]) });
  return cuts.with(-1, { ...cuts.at(-1)!, end: calls.length });
}

/** The gradients of all parameters with what lies between them, in the order in which they are finished. */
function finishedGradients(calls: readonly OpCall[], store: ParameterStore): Finished[] {
  const { buffer } = store.gradients.storage;
  const begins = store.specs.map(({ name }) => store.offsetOf(name)).sort((a, b) => a - b);
  const last = new Map<number, number>(begins.map((begin) => [begin, -1]));
  for (const [at, { tensors }] of calls.entries()) {
    for (const { storage, size } of Object.values(tensors)) {
      if (storage?.buffer !== buffer) continue;
      const begin = storage.offset / 4;
      for (const other of begins) if (other >= begin && other < begin + size) last.set(other, at);
    }
  }
  return begins
    .map((begin, i) => ({ begin, end: begins[i + 1] ?? store.gradients.size, at: last.get(begin)! }))
    .sort((a, b) => a.at - b.at);
}

/** Ranges by their place, neighbours as one. */
function inOrder(ranges: readonly FloatRange[]): FloatRange[] {
  const joined: FloatRange[] = [];
  for (const { begin, end } of [...ranges].sort((a, b) => a.begin - b.begin)) {
    if (joined.at(-1)?.end === begin) joined.push({ begin: joined.pop()!.begin, end });
    else joined.push({ begin, end });
  }
  return joined;
}

const floatsOf = (ranges: readonly FloatRange[]) => ranges.reduce((sum, { begin, end }) => sum + end - begin, 0);

/** A stretch of a flat tensor of f32. */
export function stretchOf(flat: Tensor & { storage: Storage }, { begin, end }: FloatRange): Tensor {
  const { buffer, offset } = flat.storage;
  return { ...flat, shape: [end - begin], size: end - begin, storage: { buffer, offset: offset + 4 * begin } };
}
