/**
 * Which examples are held out, to see when training should stop.
 *
 * @module
 */

import { randomSequence } from "../random/philox.ts";

/** Numbers of examples. */
export interface Split {
  /** Those that are learned. */
  readonly training: readonly number[];
  /** Those that are held out. */
  readonly validation: readonly number[];
}

/**
 * Holds a share of the examples out, the same share of each class but never all of it. The same seed holds out the same ones.
 *
 * @param classes Class of each example.
 * @param options.groups The first example that is equal to each; equal ones are never on both sides. Default: all differ.
 */
export function splitExamples(
  classes: ArrayLike<number>,
  { share, seed, groups }: { share: number; seed: number; groups?: Uint32Array | undefined },
): Split {
  const sizes = new Map<number, number>();
  for (const group of groups ?? []) sizes.set(group, (sizes.get(group) ?? 0) + 1);
  const sizeOf = (i: number) => sizes.get(i) ?? 1;
  const first = Array.from({ length: classes.length }, (_, i) => i).filter((i) => (groups?.[i] ?? i) === i);
  const members = Map.groupBy(first, (i) => classes[i]!);
  const held = new Set<number>();
  // what is due of classes that are too small for one of their own is added up
  let due = 0;
  for (const [number, list] of [...members].sort(([a], [b]) => a - b)) {
    due += share * list.reduce((sum, i) => sum + sizeOf(i), 0);
    const random = randomSequence({ seed, purpose: "shuffling", at: [0x5711, number] });
    const [wanted, shuffled] = [Math.round(due), shuffle(list, random.below)];
    let count = 0;
    for (const i of shuffled.slice(0, -1)) {
      if (count + sizeOf(i) / 2 > wanted) continue;
      held.add(i);
      count += sizeOf(i);
    }
    due -= count;
  }
  const isHeld = (i: number) => held.has(groups?.[i] ?? i);
  const all = Array.from({ length: classes.length }, (_, i) => i);
  return { training: all.filter((i) => !isHeld(i)), validation: all.filter(isHeld) };
}

/** A list in another order, that of Fisher and Yates. */
export function shuffle<T>(list: readonly T[], below: (bound: number) => number): T[] {
  const shuffled = [...list];
  for (let i = shuffled.length - 1; i > 0; i--) {
    const j = below(i + 1);
    [shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!];
  }
  return shuffled;
}
