/**
 * Ctrl-C, and other signals that end programs, while a run trains.
 *
 * @module
 */

import { pauseWatch } from "./pause_watch.ts";
import { mayRead } from "./permissions.ts";
import type { Reporter } from "./reporter.ts";
import { countSignals, type SignalCounter } from "./signal_counter.ts";

/** Interrupts as they are wanted: once to stop after the step under way, twice to stop at once. */
export interface Interrupt {
  /** Aborted by the first. */
  readonly signal: AbortSignal;
  /** From now on two are told from one even while the main thread is busy, which takes a thread. */
  count(): void;
  /** Hears, while the main thread has no time for signals, what was counted; to be called now and then by what keeps it busy. */
  whileBusy(milliseconds: number): void;
  /** Listens no more. */
  remove(): void;
}

/** Exit code of a program that was interrupted. */
export const INTERRUPTED = 130;

/** Seconds of a step from which on somebody may interrupt twice before it is over. */
const SLOW_STEP = 0.2;

/**
 * Listens for interrupts: `stopping` is called at the first, by which signal, and `leaving` at the second, after which the program
 * ends. A terminal that goes away (SIGHUP) interrupts too, but says so several times, and under nohup not at all.
 *
 * @param options.continued Where what started this program has it continue (SIGCONT) some time before it terminates it, as one
 * interrupt: asked then, whether it is one. A program that was stopped before is only to go on.
 */
export function listenForInterrupts(
  { stopping, leaving, continued }: {
    stopping: (signal: Deno.Signal | undefined) => void;
    leaving: () => void;
    continued?: (() => Promise<boolean>) | undefined;
  },
): Interrupt {
  const controller = new AbortController();
  const stop = (signal?: Deno.Signal) => {
    if (controller.signal.aborted) return;
    controller.abort();
    stopping(signal);
  };
  let counter: SignalCounter | undefined;
  let [heard, heardBefore] = [false, 0];
  const leave = () => {
    leaving();
    Deno.exit(INTERRUPTED);
  };
  const counted = () => counter ? heardBefore + counter.count() : 0;
  const stopOrLeave = (signal: Deno.Signal) => {
    if (heard || counted() > 1) leave();
    heard = true;
    stop(signal);
  };
  const count = () => {
    if (counter) return;
    heardBefore = heard ? 1 : 0;
    // a signal that it counts may have been one of two for the listeners here
    counter = countSignals(twice, () => counted() > 1 && leave());
  };
  const twice: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
  const listeners = new Map<Deno.Signal, () => void>(twice.map((name) => [name, () => stopOrLeave(name)]));
  // Deno ends by what it ignored before once it listens for any signal
  listeners.set("SIGHUP", hangupIsIgnored ? () => {} : () => stop("SIGHUP"));
  const pauses = continued ? pauseWatch() : undefined;
  if (continued && pauses) {
    listeners.set("SIGCONT", async () => {
      if (!pauses.wasPaused() && await continued()) stop("SIGCONT");
    });
  }
  for (const [name, listener] of listeners) Deno.addSignalListener(name, listener);
  return {
    signal: controller.signal,
    count,
    whileBusy: (milliseconds) => {
      if (milliseconds > SLOW_STEP * 1000) count();
      const signals = counted();
      if (signals > 1) leave();
      if (signals > 0) stop();
    },
    remove: () => {
      counter?.end();
      pauses?.end();
      for (const [name, listener] of listeners) Deno.removeSignalListener(name, listener);
    },
  };
}

/** Has interrupts counted once a step takes so long that two would be one. */
export function slowStepWatch(interrupt: Pick<Interrupt, "count">): Reporter {
  let last: number | undefined;
  return {
    event(event) {
      if (event.kind !== "train") return;
      last ??= event.step === 1 ? 0 : event.seconds;
      if (event.seconds - last > SLOW_STEP) interrupt.count();
      last = event.seconds;
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
