/**
 * Examples that are equal: they count as one wherever some are learned from and others tested on.
 *
 * @module
 */

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
