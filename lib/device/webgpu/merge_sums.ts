/**
 * Sums that were cut into slices, of which each would be added up by a call of its own: what parameters' gradients are added to
 * is added up together, once, for a call takes longer than most of these sums.
 *
 * @module
 */

import type { KernelCall, Storage, Tensor } from "../../tensor/tensor.ts";
import { scratch } from "../lowering.ts";

/** Floats between the partial sums of two tensors: 256 bytes, as bindings are aligned. */
const ALIGNMENT = 64;

/** Most bytes of partial sums that wait to be added up: beyond, the calls are few beside what they do. */
const MOST_BYTES = 2 ** 26;

/** A sum that waits: the call, and where in the list it was. */
interface Waiting {
  readonly call: KernelCall;
  readonly partials: Tensor;
  readonly y: Tensor & { storage: Storage };
  readonly at: number;
  /** First float of its partial sums among all. */
  readonly offset: number;
}

/**
 * Merges the calls of reduce_partials that add to a parameter's gradient. The sums are the same to the bit, unless three or more
 * are added to one gradient.
 */
export function mergeSums(
  calls: readonly KernelCall[],
  { maxTensorBytes }: { maxTensorBytes: number },
): readonly KernelCall[] {
  const groups = groupsOf(calls, maxTensorBytes).filter((group) => group.length > 1);
  if (groups.length === 0) return calls;
  const parts = new Map<Tensor, Tensor>();
  const merged = new Map<number, KernelCall | undefined>();
  for (const group of groups) {
    const last = group.at(-1)!;
    const all = scratch("partials", [last.offset + aligned(last.partials.size)]);
    for (const { partials, offset, at } of group) {
      parts.set(partials, { ...partials, part: { of: all, offset } });
      merged.set(at, undefined);
    }
    merged.set(last.at, mergedCall(group, all));
  }
  return calls.flatMap((call, at) => {
    if (merged.has(at)) return merged.get(at) ?? [];
    const tensors = Object.entries(call.tensors).map(([name, tensor]) => [name, parts.get(tensor) ?? tensor]);
    return { ...call, tensors: Object.fromEntries(tensors) };
  });
}

/** The sums that can wait, as many together as may. */
function groupsOf(calls: readonly KernelCall[], maxTensorBytes: number): Waiting[][] {
  const groups: Waiting[][] = [];
  const mostBytes = Math.min(MOST_BYTES, maxTensorBytes);
  let group: Waiting[] = [];
  for (const [at, call] of calls.entries()) {
    const { partials, y } = call.tensors as { partials: Tensor; y: Tensor };
    if (call.kernel !== "reduce_partials" || !call.constants.ACCUMULATE || !y.storage || partials.storage) continue;
    const { storage } = y;
    if (storage.buffer.bytes > maxTensorBytes) continue;
    let offset = group.reduce((_, { offset, partials }) => offset + aligned(partials.size), 0);
    const isApart = group.every(({ y: other }) => other.storage.buffer === storage.buffer && areApart(other, y));
    if (!isApart || 4 * (offset + partials.size) > mostBytes) {
      groups.push(group);
      group = [];
      offset = 0;
    }
    group.push({ call, partials, y: { ...y, storage }, at, offset });
  }
  return [...groups, group];
}

function mergedCall(group: readonly Waiting[], partials: Tensor): KernelCall {
  const { buffer } = group[0]!.y.storage;
  let workgroups = 0;
  const entries = group.flatMap(({ call: { params, constants }, y, offset }) => {
    const lanes = Number(constants.LANES ?? 1);
    const entry = [workgroups, offset, y.storage.offset / 4, params.size!, params.splits!, lanes, 0, 0];
    workgroups += Math.ceil(params.size! * lanes / 64);
    return entry;
  });
  const size = buffer.bytes / 4;
  return {
    kernel: "reduce_many",
    tensors: {
      sums: {
        name: "sums",
        shape: [group.length, 8],
        dtype: "u32",
        size: 8 * group.length,
        contents: Uint32Array.from(entries),
      },
      partials,
      y: { name: "gradients", shape: [size], dtype: "f32", size, storage: { buffer, offset: 0 } },
    },
    params: { sums: group.length },
    constants: {},
    grid: [workgroups, 1, 1],
  };
}

function aligned(floats: number): number {
  return Math.ceil(floats / ALIGNMENT) * ALIGNMENT;
}

function areApart(a: Tensor & { storage: Storage }, b: Tensor): boolean {
  const [one, other] = [a.storage.offset, b.storage!.offset];
  return one + 4 * a.size <= other || other + 4 * b.size <= one;
}
