/**
 * Memory planning: activations that are never alive together share memory.
 *
 * @module
 */

import { elementBytes, type KernelCall, type Tensor, tensorBytes } from "../tensor/tensor.ts";

/** Which of the shared pieces of memory each activation lies in. */
export interface MemoryPlan {
  /** Sizes of the pieces in bytes. */
  readonly arenas: number[];
  /** Piece of each activation. */
  readonly arenaOf: Map<Tensor, number>;
}

interface Lifetime {
  readonly tensor: Tensor;
  readonly first: number;
  last: number;
}

/**
 * Assigns every tensor without storage to a piece of memory, largest first, each to the first piece that is free
 * during its whole life (Pisarchyk and Lee, "Efficient memory management for deep neural net inference", 2020, greedy by
 * size). One piece is one buffer, since a buffer may not be read and written by the same kernel call.
 */
export function planMemory(calls: readonly KernelCall[]): MemoryPlan {
  // a tensor lives from the first call that names it to the last
  const lifetimes = new Map<Tensor, Lifetime>();
  for (const [index, call] of calls.entries()) {
    for (const used of Object.values(call.tensors)) {
      const tensor = used.part?.of ?? used;
      if (tensor.storage) continue;
      const lifetime = lifetimes.get(tensor);
      if (lifetime) lifetime.last = index;
      else lifetimes.set(tensor, { tensor, first: index, last: index });
    }
  }
  const arenas: { bytes: number; isHot: boolean; taken: Lifetime[] }[] = [];
  const arenaOf = new Map<Tensor, number>();
  const bySize = [...lifetimes.values()].sort((a, b) =>
    tensorBytes(b.tensor) - tensorBytes(a.tensor) || a.first - b.first
  );
  for (const lifetime of bySize) {
    const { size, dtype, isHot = false } = lifetime.tensor;
    const isFree = (other: Lifetime) => other.last < lifetime.first || other.first > lifetime.last;
    let index = arenas.findIndex((arena) => arena.isHot === isHot && arena.taken.every(isFree));
    if (index < 0) index = arenas.push({ bytes: Math.ceil(size / 4) * 4 * elementBytes(dtype), isHot, taken: [] }) - 1;
    arenas[index]!.taken.push(lifetime);
    arenaOf.set(lifetime.tensor, index);
  }
  return { arenas: arenas.map((arena) => arena.bytes), arenaOf };
}
