/**
 * Runs every so many-th case, and writes down which one it is at, so that who waits can tell where it hangs.
 */
/// <reference lib="deno.worker" />
import { type Outcome, runCase, targetOf } from "./fuzzer.ts";

/** What a worker is to do. */
export interface Work {
  readonly seed: number;
  readonly first: number;
  readonly end: number;
  readonly step: number;
  /** The case that it is at. */
  readonly at: Int32Array<SharedArrayBuffer>;
}

/** What it says when it can begin, and when it has ended. */
export type Said = { readonly ready: true } | { readonly outcome: Outcome } | { readonly failure: string };

self.onmessage = async ({ data: { seed, first, end, step, at } }: MessageEvent<Work>) => {
  // what it takes to make inputs is prepared only now: a message that came meanwhile would be lost
  const { targets } = await import("./targets.ts");
  let failure: string | undefined;
  let [cases, fine] = [0, 0];
  self.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    failure ??= `seed ${seed}, case ${Atomics.load(at, 0)}: an error got past its caller: ${event.reason?.stack}`;
  });
  for (let number = first; number < end && failure === undefined; number += step) {
    Atomics.store(at, 0, number);
    try {
      if (await runCase(targetOf(targets, number), { seed, number })) fine++;
      cases++;
    } catch (error) {
      failure ??= (error as Error).message;
    }
  }
  await new Promise((resolve) => setTimeout(resolve, 10));
  const said: Said = failure === undefined ? { outcome: { cases, fine, refused: cases - fine } } : { failure };
  self.postMessage(said);
};
// what is sent before is lost
self.postMessage({ ready: true } satisfies Said);
