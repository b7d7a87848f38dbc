/**
 * Activations that are computed a second time instead of kept (Chen et al., "Training deep nets with sublinear memory cost",
 * 2016): rewriting a list of calls.
 *
 * @module
 */

import type { OpCall, Tensor } from "../tensor/tensor.ts";

/** A part of the forward pass, and the calls around it. */
export interface RecomputedPart {
  /** Calls before it. */
  readonly before: readonly OpCall[];
  /** Its own calls. */
  readonly forward: readonly OpCall[];
  /** Forward and backward calls after it. */
  readonly after: readonly OpCall[];
  /** Its backward calls. */
  readonly backward: readonly OpCall[];
  /** Whether a tensor keeps its memory, so that nothing of it has to be computed again. */
  readonly isKept: (tensor: Tensor) => boolean;
}

/**
 * The backward calls of a part with what they need computed anew before them, so that nothing of the part but its outputs
 * outlives its forward calls. Same kernels on same numbers: the result is the same to the bit.
 */
export function recomputed({ before, forward, after, backward, isKept }: RecomputedPart): OpCall[] {
  const known = tensorsOf(before);
  const outer = tensorsOf(after);
  /** Tensors that a call of the part is the first to mention: it writes them. */
  const written = forward.map((call) => {
    const found = [...tensorsOf([call])].filter((tensor) => !known.has(tensor) && !isKept(tensor));
    for (const tensor of found) known.add(tensor);
    return found;
  });
  const inner = new Set(written.flat());
  const needed = new Set([...tensorsOf(backward)].filter((tensor) => inner.has(tensor) && !outer.has(tensor)));
  const again: OpCall[] = [];
  for (let i = forward.length - 1; i >= 0; i--) {
    const call = forward[i]!;
    const touched = [...tensorsOf([call])].filter((tensor) => inner.has(tensor));
    // a call that writes nothing new changes what is there
    const changes = written[i]!.length > 0 ? written[i]! : touched;
    if (!changes.some((tensor) => needed.has(tensor))) continue;
    again.unshift(call);
    for (const tensor of touched) needed.add(tensor);
  }
  const copies = new Map([...needed].map((tensor) => [tensor, { ...tensor, name: `${tensor.name} again` }]));
  const inCopies = (call: OpCall, kept: ReadonlySet<Tensor>): OpCall => ({
    ...call,
    tensors: Object.fromEntries(
      Object.entries(call.tensors).map((
        [name, tensor],
      ) => [name, kept.has(tensor) ? tensor : copies.get(tensor) ?? tensor]),
    ),
  });
  // backward reads outputs where they still are
  return [...again.map((call) => inCopies(call, new Set())), ...backward.map((call) => inCopies(call, outer))];
}

const tensorsOf = (calls: readonly OpCall[]): Set<Tensor> =>
  new Set(calls.flatMap(({ tensors }) => Object.values(tensors)));
