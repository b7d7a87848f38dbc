/**
 * Running a section of a program: threads are woken, the calling one does its share, and what failed is told.
 *
 * @module
 */

import { KernelError } from "../device.ts";
import type { ProfileTotals } from "../profile.ts";
import type { Section } from "./cpu_program.ts";
import { control, controlOf, errorIn, runShare, type Share } from "./thread_program.ts";

/** What hears how a section comes along. */
interface Listeners {
  /** Adds up the times of kernels. */
  readonly profile: ProfileTotals | undefined;
  /** Called after each kernel with the milliseconds since the section began. */
  readonly whileBusy: ((milliseconds: number) => void) | undefined;
}

/** Runs a section to its end. */
export function runSection(
  section: Section,
  { profile, whileBusy, ...share }: Omit<Share, "thread" | "done"> & Listeners,
): void {
  // workers must take part in every run that they are woken for: one without calls would be over before they come
  if (section.calls === 0) return;
  const state = controlOf(share.memory);
  state[control.program] = section.at / 4;
  state[control.calls] = section.calls;
  Atomics.add(state, control.generation, 1);
  Atomics.notify(state, control.generation);
  try {
    runShare({ ...share, thread: 0, done: afterEach(section, { profile, whileBusy }) });
  } catch (error) {
    throw new KernelError((error as Error).message, section.name);
  }
  const message = errorIn(share.memory);
  if (message !== undefined) throw new KernelError(`A kernel of the CPU device failed: ${message}`, section.name);
}

function afterEach(section: Section, { profile, whileBusy }: Listeners): ((call: number) => void) | undefined {
  const measure = profile && stopwatch(profile, section);
  if (!whileBusy) return measure;
  const began = performance.now();
  return (call) => {
    measure?.(call);
    whileBusy(performance.now() - began);
  };
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
