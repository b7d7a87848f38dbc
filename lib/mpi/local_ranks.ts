/**
 * Ranks in one process: one alone, or several that take turns, by which tests see what processes would do.
 *
 * @module
 */

import { type Ranks, ranksOn, type RankWire } from "./ranks.ts";
import type { Pending } from "./work.ts";

/** A single rank, that of a process that trains alone. */
export function soloRank(): Promise<Ranks> {
  return localRanks(1)[0]!;
}

/** What the ranks of a process have brought together, and who waits for it. */
interface Meeting {
  readonly brought: unknown[];
  count: number;
  readonly done: PromiseWithResolvers<void>;
}

/** So many ranks in this process; each is ready when all of them are awaited. */
export function localRanks(size: number): Promise<Ranks>[] {
  const meetings: Meeting[] = [];
  // the n-th call of one meets the n-th of every other
  const wireOf = (rank: number): RankWire => {
    let calls = 0;
    const bring = <T>(own: T, take: (all: readonly T[]) => void): Pending => {
      const meeting = meetings[calls] ??= { brought: [], count: 0, done: Promise.withResolvers() };
      delete meetings[calls - 2];
      calls++;
      meeting.brought[rank] = own;
      if (++meeting.count === size) meeting.done.resolve();
      let isTaken = false;
      const test = () => {
        if (!isTaken && meeting.count === size) {
          isTaken = true;
          take(meeting.brought as T[]);
        }
        return isTaken;
      };
      return { test, wait: () => meeting.done.promise.then(() => void test()) };
    };
    return {
      rank,
      size,
      allGather: (own, bytes) => bring(own.slice(), (all) => all.forEach((part, i) => bytes.set(part, i * own.length))),
      exchange: (send, receive) =>
        bring({ ...send, bytes: send.bytes.slice() }, (all) => {
          for (const [from, { bytes, counts, offsets }] of all.entries()) {
            const part = bytes.subarray(offsets[rank]!, offsets[rank]! + counts[rank]!);
            if (part.length !== receive.counts[from]) {
              throw new RangeError(`${part.length} bytes, not ${receive.counts[from]}`);
            }
            receive.bytes.set(part, receive.offsets[from]!);
          }
        }),
      broadcast: (bytes, root) => bring(bytes.slice(), (all) => bytes.set(all[root]!)),
      close: () => bring(undefined, () => {}).wait(),
      abort: () => {},
    };
  };
  return Array.from({ length: size }, (_, rank) => ranksOn(wireOf(rank), `host${rank}`));
}
