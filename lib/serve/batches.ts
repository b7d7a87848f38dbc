/**
 * Which sequences go through the model together: similar lengths, in few shapes, so that programs serve many batches.
 *
 * @module
 */

import type { Task, WorkWindow } from "./work.ts";

/** Lengths below this are rounded to one another in steps of an eighth of it. */
const SHORT = 64;

/** A length rounded up, by an eighth at most where it is long. */
export function roundedLength(length: number, longest: number): number {
  const power = Math.max(SHORT, 2 ** Math.ceil(Math.log2(Math.max(1, length))));
  const step = power / 8;
  return Math.min(longest, Math.max(step, Math.ceil(length / step) * step));
}

/** A count rounded up to a power of two, or one and a half of it. */
export function roundedCount(count: number): number {
  const power = 2 ** Math.ceil(Math.log2(Math.max(1, count)));
  return count <= 0.75 * power && power >= 4 ? 0.75 * power : power;
}

/** Work in a queue, with the sequences that have not begun. */
export interface Waiting {
  /** What is done. */
  readonly task: Task;
  /** Its sequences. */
  readonly windows: readonly WorkWindow[];
  /** Numbers of those that have not begun, the longest first. */
  left: number[];
}

/** How large batches are. */
export interface BatchLimits {
  /** Most tokens, padding included; a single sequence may have more. */
  readonly tokens: number;
  /** Most predicted tokens; a single sequence may have more. */
  readonly rows: number;
  /** Most tokens of a sequence. */
  readonly longest: number;
}

/** Sequences that go through the model together. */
export interface Chosen<Job extends Waiting> {
  /** What is done. */
  readonly task: Task;
  /** Tokens of each with its padding. */
  readonly length: number;
  /** Sequences, by what they belong to and their number there. */
  readonly members: readonly { readonly job: Job; readonly window: number }[];
}

/** How many times as long as another a sequence may be with which it goes through the model: more would be mostly padding. */
const UNLIKE = 2;

/**
 * Takes the next batch: sequences of whoever is first in the queue, the longest first, and with them what others have of the same
 * task and of a like length, in the order of the queue. What is taken has begun.
 */
export function takeBatch<Job extends Waiting>(queue: readonly Job[], limits: BatchLimits): Chosen<Job> {
  const [first] = queue as readonly [Job, ...Job[]];
  const like = queue.filter(({ task }) => task === first.task);
  const lengthOf = (job: Job, window: number) => roundedLength(job.windows[window]!.ids.length, limits.longest);
  const own = lengthOf(first, first.left[0]!);
  const length = like.flatMap((job) => job.left.map((window) => lengthOf(job, window)))
    .reduce((longest, other) => other <= UNLIKE * own ? Math.max(longest, other) : longest, own);
  const most = Math.max(1, Math.floor(limits.tokens / length));
  const members: { job: Job; window: number }[] = [];
  let rows = 0;
  for (const job of like) {
    if (members.length >= most) break;
    const rest: number[] = [];
    for (const window of job.left) {
      const { positions } = job.windows[window]!;
      const fits = lengthOf(job, window) <= length && UNLIKE * lengthOf(job, window) >= length;
      const hasRoom = members.length < most && rows + positions.length <= limits.rows;
      if (members.length > 0 && !(fits && hasRoom)) rest.push(window);
      else {
        members.push({ job, window });
        rows += positions.length;
      }
    }
    job.left = rest;
  }
  return { task: first.task, length, members };
}
