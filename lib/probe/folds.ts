/**
 * Which examples are learned from and which are tested on.
 *
 * @module
 */

import { randomSequence } from "../random/philox.ts";

/** What is learned from and what is tested on, as numbers of rows. */
export interface Round {
  /** Rows to learn from. */
  readonly train: readonly number[];
  /** Rows to be tested on; none of them is learned from. */
  readonly test: readonly number[];
}

/** Numbers 0 ... count - 1 in a random order that a seed decides. */
export function shuffled(count: number, { seed, stream = 0 }: { seed: number; stream?: number }): number[] {
  const random = randomSequence({ seed, purpose: "shuffling", at: [0x9b0be, stream] });
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/** Rows by class, each class in a random order. */
function byClass(labels: ArrayLike<number>, rows: readonly number[]): number[][] {
  const classes = new Map<number, number[]>();
  for (const row of rows) {
    const found = classes.get(labels[row]!);
    if (found) found.push(row);
    else classes.set(labels[row]!, [row]);
  }
  return [...classes].sort(([a], [b]) => a - b).map(([, rows]) => rows);
}

/**
 * A fold for each row, so that each class is spread over all folds as evenly as can be.
 *
 * @param options.groups Rows of one group are in one fold, for which the class of the first stands. Default: each row is its own.
 */
export function stratifiedFolds(
  labels: ArrayLike<number>,
  { folds, seed, groups }: { folds: number; seed: number; groups?: Uint32Array | undefined },
): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(labels.length);
  const first = groups && firstRows(groups);
  const own = first ? first.map((row) => labels[row]!) : labels;
  let next = 0;
  for (const rows of byClass(own, shuffled(own.length, { seed }))) {
    for (const row of rows) result[first?.[row] ?? row] = next++ % folds;
  }
  if (!groups) return result;
  const foldOf = new Map(first!.map((row) => [groups[row]!, result[row]!]));
  return result.map((_, row) => foldOf.get(groups[row]!)!);
}

/** The first row of each group. */
function firstRows(groups: Uint32Array): number[] {
  const seen = new Set<number>();
  const rows: number[] = [];
  for (const [row, group] of groups.entries()) {
    if (!seen.has(group)) rows.push(row);
    seen.add(group);
  }
  return rows;
}

/** So many of some rows, each class by its share and none left out that there is room for. */
export function stratifiedSample(
  labels: ArrayLike<number>,
  rows: readonly number[],
  { count, seed }: { count: number; seed: number },
): number[] {
  if (count >= rows.length) return [...rows];
  const order = shuffled(rows.length, { seed, stream: 1 }).map((i) => rows[i]!);
  // one of each class first, then the others in turn by how much of its share each class still lacks
  const queues = byClass(labels, order).map((own) => ({ own, share: own.length / rows.length, taken: 0 }));
  const taken: number[] = [];
  while (taken.length < count) {
    const lack = ({ own, share, taken: had }: typeof queues[number]) =>
      had === own.length ? -Infinity : had === 0 ? 1e9 + share : share * count - had;
    const next = queues.reduce((best, queue) => lack(queue) > lack(best) ? queue : best);
    taken.push(next.own[next.taken++]!);
  }
  return taken.sort((a, b) => a - b);
}

/** Share of the examples that is tested on. */
const TEST_SHARE = 5;
/** Examples below which each is tested on once, in as many rounds. */
const FEW = { texts: 2000, sentences: 500 };

/** What is divided into rounds. */
export interface RoundOptions {
  /** Item of each row: a text, or the sentence of a word. */
  readonly itemOf: Uint32Array;
  /** Class of each row. */
  readonly labels: Uint32Array;
  /** Items that stay together, such as equal texts, have the same number. */
  readonly groups: Uint32Array;
  /** Whether rows are words. */
  readonly isWords: boolean;
  /** Items from here on are the test; undefined: it is taken out of all. */
  readonly ownTest: number | undefined;
  /** Items to learn from at most. */
  readonly train: number | undefined;
  /** Decides what is tested. */
  readonly seed: number;
}

/**
 * Rounds of learning and testing: one, with a fifth tested on, or of few examples five, so that each is tested on once. What
 * stays together is never on both sides.
 */
export function roundsOf({ itemOf, labels, groups, isWords, ownTest, train, seed }: RoundOptions): Round[] {
  const items = groups.length;
  const all = Array.from({ length: items }, (_, item) => item);
  // of a sentence the class of its first word stands for it
  const classOf = new Int32Array(items).fill(-1);
  for (let row = itemOf.length - 1; row >= 0; row--) classOf[itemOf[row]!] = labels[row]!;
  const rowsOf = (isIn: Uint8Array) => {
    const rows: number[] = [];
    for (const [row, item] of itemOf.entries()) if (isIn[item]) rows.push(row);
    return rows;
  };
  const flags = (items: readonly number[]) => {
    const isIn = new Uint8Array(groups.length);
    for (const item of items) isIn[item] = 1;
    return isIn;
  };
  const roundOf = (learned: readonly number[], tested: readonly number[], stream: number): Round => {
    const some = train === undefined
      ? learned
      : stratifiedSample(classOf, learned, { count: train, seed: seed + 7919 * stream });
    return { train: rowsOf(flags(some)), test: rowsOf(flags(tested)) };
  };
  if (ownTest !== undefined) {
    const tested = new Set(groups.subarray(ownTest));
    const others = all.slice(0, ownTest).filter((item) => !tested.has(groups[item]!));
    return others.length === 0 ? [] : [roundOf(others, all.slice(ownTest), 0)];
  }
  const foldOf = stratifiedFolds(isWords ? new Uint8Array(items) : classOf, { folds: TEST_SHARE, seed, groups });
  const different = new Set(groups).size;
  const rounds = different < (isWords ? FEW.sentences : FEW.texts) ? TEST_SHARE : 1;
  return Array.from(
    { length: rounds },
    (_, fold) =>
      roundOf(all.filter((item) => foldOf[item] !== fold), all.filter((item) => foldOf[item] === fold), fold),
  ).filter(({ test, train }) => test.length > 0 && train.length > 0);
}
