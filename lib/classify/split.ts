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
 */
export function splitExamples(classes: ArrayLike<number>, { share, seed }: { share: number; seed: number }): Split {
  const members = Map.groupBy(Array.from({ length: classes.length }, (_, i) => i), (i) => classes[i]!);
  const held = new Set<number>();
  // what is due of classes that are too small for one of their own is added up
  let due = 0;
  for (const [number, list] of [...members].sort(([a], [b]) => a - b)) {
    due += share * list.length;
    const random = randomSequence({ seed, purpose: "shuffling", at: [0x5711, number] });
    const shuffled = shuffle(list, random.below);
    const count = Math.min(Math.round(due), list.length - 1);
    for (const i of shuffled.slice(0, count)) held.add(i);
    due -= count;
  }
  const all = Array.from({ length: classes.length }, (_, i) => i);
  return { training: all.filter((i) => !held.has(i)), validation: all.filter((i) => held.has(i)) };
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
