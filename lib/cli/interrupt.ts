/**
 * Ctrl-C, and other signals that end programs, while a run trains.
 *
 * @module
 */

import { mayRead } from "./permissions.ts";

/** Interrupts as they are wanted: once to stop after the step under way, twice to stop at once. */
export interface Interrupt {
  /** Aborted by the first. */
  readonly signal: AbortSignal;
  /** Listens no more. */
  remove(): void;
}

/** Exit code of a program that was interrupted. */
export const INTERRUPTED = 130;

/**
 * Listens for interrupts: `stopping` is called at the first, `leaving` at the second, after which the program ends. A terminal
 * that goes away (SIGHUP) interrupts too, but says so several times, and under nohup not at all.
 */
export function listenForInterrupts(
  { stopping, leaving }: { stopping: () => void; leaving: () => void },
): Interrupt {
  const controller = new AbortController();
  const stop = () => {
    if (controller.signal.aborted) return;
    controller.abort();
    stopping();
  };
  const stopOrLeave = () => {
    if (controller.signal.aborted) {
      leaving();
      Deno.exit(INTERRUPTED);
    }
    stop();
  };
  const listeners = new Map<Deno.Signal, () => void>([["SIGINT", stopOrLeave]]);
  if (Deno.build.os !== "windows") listeners.set("SIGTERM", stopOrLeave);
  // Deno ends by what it ignored before once it listens for any signal
  listeners.set("SIGHUP", hangupIsIgnored ? () => {} : stop);
  for (const [name, listener] of listeners) Deno.addSignalListener(name, listener);
  return {
    signal: controller.signal,
    remove: () => {
      for (const [name, listener] of listeners) Deno.removeSignalListener(name, listener);
    },
  };
}

/** Number of SIGHUP. */
const HANGUP = 1;

/** Asked as the program begins: Deno takes it back when anything listens for a signal. */
const hangupIsIgnored = isHangupIgnored();

/** Whether this program was started so that it outlives its terminal, as by nohup; a listener would undo that. */
function isHangupIgnored(): boolean {
  const status = "/proc/self/status";
  if (Deno.build.os !== "linux" || !mayRead(status)) return false;
  try {
    const [, mask] = /^SigIgn:\s*([0-9a-f]+)$/m.exec(Deno.readTextFileSync(status)) ?? [];
    return mask !== undefined && (BigInt(`0x${mask}`) >> BigInt(HANGUP - 1)) % 2n === 1n;
  } catch {
    return false;
  }
}
