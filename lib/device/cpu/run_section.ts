/**
 * Running a section of a program: threads are woken, the calling one does its share, and what failed is told.
 *
 * @module
 */

import { KernelError } from "../device.ts";
import type { ProfileTotals } from "../profile.ts";
import type { Section } from "./cpu_program.ts";
import { control, controlOf, errorIn, runShare, type Share } from "./thread_program.ts";

/** Runs a section to its end, its times added to `profile`. */
export function runSection(
  section: Section,
  { profile, ...share }: Omit<Share, "thread" | "done"> & { profile: ProfileTotals | undefined },
): void {
  // workers must take part in every run that they are woken for: one without calls would be over before they come
  if (section.calls === 0) return;
  const state = controlOf(share.memory);
  state[control.program] = section.at / 4;
  state[control.calls] = section.calls;
  Atomics.add(state, control.generation, 1);
  Atomics.notify(state, control.generation);
  try {
    runShare({ ...share, thread: 0, done: profile && stopwatch(profile, section) });
  } catch (error) {
    throw new KernelError((error as Error).message, section.name);
  }
  const message = errorIn(share.memory);
  if (message !== undefined) throw new KernelError(`A kernel of the CPU device failed: ${message}`, section.name);
}

/** Adds the time between two calls' ends to the totals. */
function stopwatch(totals: ProfileTotals, { work }: Section): (call: number) => void {
  let last = performance.now();
  return (call) => {
    const now = performance.now();
    totals.add(work[call]!, now - last, last);
    last = now;
  };
}
