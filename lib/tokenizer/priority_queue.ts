/**
 * A priority queue, kept as a binary heap in two arrays of numbers.
 *
 * @module
 */

/** Items by rank: the one of the lowest rank comes first, of equals the smaller item. */
export class PriorityQueue {
  #ranks: number[] = [];
  #items: number[] = [];

  /** Adds an item. */
  push(rank: number, item: number): void {
    const [ranks, items] = [this.#ranks, this.#items];
    let at = items.push(item) - 1;
    ranks.push(rank);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(rank, item, ranks[parent]!, items[parent]!)) break;
      ranks[at] = ranks[parent]!;
      items[at] = items[parent]!;
      at = parent;
    }
    ranks[at] = rank;
    items[at] = item;
  }

  /** Takes the first item; undefined where none is left. */
  pop(): { rank: number; item: number } | undefined {
    const [ranks, items] = [this.#ranks, this.#items];
    if (items.length === 0) return undefined;
    const top = { rank: ranks[0]!, item: items[0]! };
    const [rank, item] = [ranks.pop()!, items.pop()!];
    const size = items.length;
    if (size === 0) return top;
    let at = 0;
    for (let child = 1; child < size; child = 2 * at + 1) {
      if (child + 1 < size && isBefore(ranks[child + 1]!, items[child + 1]!, ranks[child]!, items[child]!)) child++;
      if (!isBefore(ranks[child]!, items[child]!, rank, item)) break;
      ranks[at] = ranks[child]!;
      items[at] = items[child]!;
      at = child;
    }
    ranks[at] = rank;
    items[at] = item;
    return top;
  }
}

function isBefore(rank: number, item: number, otherRank: number, otherItem: number): boolean {
  return rank < otherRank || (rank === otherRank && item < otherItem);
}
