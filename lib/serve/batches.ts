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

/**
 * Takes the next batch: the longest sequences of whoever is first in the queue, and with them what others have of the same task and
 * not much shorter, in the order of the queue. What is taken has begun.
 */
export function takeBatch<Job extends Waiting>(queue: readonly Job[], limits: BatchLimits): Chosen<Job> {
  const [{ task, windows, left }] = queue as [Job];
  const length = roundedLength(windows[left[0]!]!.ids.length, limits.longest);
  const most = Math.max(1, Math.floor(limits.tokens / length));
  const members: { job: Job; window: number }[] = [];
  let rows = 0;
  for (const job of queue) {
    if (members.length >= most) break;
    if (job.task !== task) continue;
    const rest: number[] = [];
    for (const window of job.left) {
      const { ids, positions } = job.windows[window]!;
      // what is less than half as long would be mostly padding
      const fits = ids.length <= length && 2 * roundedLength(ids.length, limits.longest) >= length;
      const hasRoom = members.length < most && rows + positions.length <= limits.rows;
      if (members.length > 0 && !(fits && hasRoom)) rest.push(window);
      else {
        members.push({ job, window });
        rows += positions.length;
      }
    }
    job.left = rest;
  }
  return { task, length, members };
}
