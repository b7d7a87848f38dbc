/**
 * The canonical order of marks (Unicode Standard Annex 15), for runs of them that are long enough to matter: an engine takes time by
 * the square of a run's length to bring it into order.
 *
 * @module
 */

/** Marks behind one another from which on they are brought into order here; words of people have a few. */
const longRun = /\p{M}{64,}/gu;

/** Marks of the lowest class, and of the highest. */
const [FIRST, LAST] = ["\u0334", "\u0345"];

/** Text whose long runs of marks are decomposed and in canonical order; its normal forms are the same. */
export function withOrderedMarks(text: string): string {
  return text.replace(longRun, ordered);
}

/** Of each class one mark, in their order. */
const representatives: string[] = [];
const ranks = new Map<string, number>();

/** Whether of two marks the second comes first in canonical order. */
const isSwapped = (one: string, other: string) => (one + other).normalize("NFD") === other + one && one !== other;

function ordered(run: string): string {
  const result: string[] = [];
  // a mark of class 0 stays where it is, and parts what stands on both sides
  let buckets = new Map<string, string[]>();
  const flush = () => {
    for (const mark of representatives) for (const other of buckets.get(mark) ?? []) result.push(other);
    buckets = new Map();
  };
  for (const character of run) {
    for (const mark of character.normalize("NFD")) {
      const rank = rankOf(mark);
      if (rank < 0) {
        flush();
        result.push(mark);
        continue;
      }
      const key = representatives[rank]!;
      const bucket = buckets.get(key);
      if (bucket) bucket.push(mark);
      else buckets.set(key, [mark]);
    }
  }
  flush();
  return result.join("");
}

/** Which representative is of the mark's class; -1 for class 0. A new class moves those behind it. */
function rankOf(mark: string): number {
  const known = ranks.get(mark);
  if (known !== undefined) return known;
  if (!isSwapped(mark, FIRST) && !isSwapped(LAST, mark)) {
    ranks.set(mark, -1);
    return -1;
  }
  let at = 0;
  while (at < representatives.length && isSwapped(mark, representatives[at]!)) at++;
  const isNew = at === representatives.length || isSwapped(representatives[at]!, mark);
  if (isNew) {
    representatives.splice(at, 0, mark);
    for (const [other, rank] of ranks) if (rank >= at) ranks.set(other, rank + 1);
  }
  ranks.set(mark, at);
  return at;
}
