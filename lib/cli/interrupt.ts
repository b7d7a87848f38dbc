/**
 * Ctrl-C while a run trains.
 *
 * @module
 */

/** Interrupts as they are wanted: once to stop after the step under way, twice to stop at once. */
export interface Interrupt {
  /** Aborted by the first. */
  readonly signal: AbortSignal;
  /** Listens no more. */
  remove(): void;
}

/** Exit code of a program that was interrupted. */
export const INTERRUPTED = 130;

/** Listens for interrupts: `stopping` is called at the first, `leaving` at the second, after which the program ends. */
export function listenForInterrupts(
  { stopping, leaving }: { stopping: () => void; leaving: () => void },
): Interrupt {
  const controller = new AbortController();
  const signals: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
  const stop = () => {
    if (controller.signal.aborted) {
      leaving();
      Deno.exit(INTERRUPTED);
    }
    controller.abort();
    stopping();
  };
  for (const name of signals) Deno.addSignalListener(name, stop);
  return {
    signal: controller.signal,
    remove: () => {
      for (const name of signals) Deno.removeSignalListener(name, stop);
    },
  };
}
