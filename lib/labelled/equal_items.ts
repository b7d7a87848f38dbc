/**
 * Examples that are equal: they count as one wherever some are learned from and others tested on.
 *
 * @module
 */

import { counted } from "../sentences/counted.ts";

/** A text, the words of a sentence, or the ids that a model reads of either. */
export type Item = string | readonly string[] | Uint32Array;

/** What equal items have in common. */
export const itemKey = (item: Item): string => typeof item === "string" ? item : item.join("\n");

/** The first item that is equal to each. */
export function groupsOf(items: readonly Item[]): Uint32Array<ArrayBuffer> {
  const first = new Map<string, number>();
  return Uint32Array.from(items, (item, i) => {
    const key = itemKey(item);
    const known = first.get(key);
    if (known === undefined) first.set(key, i);
    return known ?? i;
  });
}

/** A note where equal texts have different labels, of which one alone can be right; undefined where none have. */
export function conflictNote(groups: ArrayLike<number>, labels: ArrayLike<string | number>): string | undefined {
  const own = new Map<number, string | number>();
  const conflicting = new Set<number>();
  for (let i = 0; i < groups.length; i++) {
    const group = groups[i]!;
    if (!own.has(group)) own.set(group, labels[i]!);
    else if (own.get(group) !== labels[i]!) conflicting.add(group);
  }
  const count = conflicting.size;
  if (count === 0) return undefined;
  return `${counted(count, "text")} ${
    count === 1 ? "has" : "have"
  } more than one label, of which only one can be right`;
}
