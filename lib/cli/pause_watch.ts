/**
 * Tells whether this program was stopped and continued (SIGSTOP, SIGCONT), or continued without having been stopped.
 *
 * @module
 */

import { mayRead } from "./permissions.ts";

/** Watches for times in which this program stood still. */
export interface PauseWatch {
  /** Whether it did until just now; true where that cannot be told. */
  wasPaused(): boolean;
  /** Watches no more. */
  end(): void;
}

/** Milliseconds between two looks at the clocks. */
const BEAT = 200;

/** Looks that are kept: a pause is seen by the first look after it, too, which may come before the signal is heard. */
const KEPT = 4;

/** Milliseconds from which on a time without work is a pause, and the share of it in which a program that works does so at least. */
const LEAST = 500;
const WORK = 0.2;

/** A look at both clocks, in milliseconds. */
interface Look {
  readonly wall: number;
  readonly processor: number;
}

/**
 * A watch that compares the time on the wall with that on processors: a busy event loop misses looks as well, but not for want of work.
 *
 * @param options.look The clocks. Default: those of this process, on Linux.
 */
export function pauseWatch({ look = lookAtClocks }: { look?: () => Look | undefined } = {}): PauseWatch {
  let looks: Look[] = [];
  const beat = () => {
    const now = look();
    if (now) looks = [...looks.slice(1 - KEPT), now];
  };
  beat();
  const timer = setInterval(beat, BEAT);
  Deno.unrefTimer(timer);
  return {
    wasPaused() {
      beat();
      return looks.length === 0 || looks.some((now, i) => {
        const before = looks[i - 1] ?? now;
        const passed = now.wall - before.wall;
        return passed >= LEAST && now.processor - before.processor < WORK * passed;
      });
    },
    end: () => clearInterval(timer),
  };
}

/** Milliseconds of a tick of Linux's count. */
const TICK = 10;

const STAT = "/proc/self/stat";

function lookAtClocks(): Look | undefined {
  if (Deno.build.os !== "linux" || !mayRead(STAT)) return undefined;
  try {
    // behind the name, which may hold anything, fields 3 and so on; 14 and 15 are time in user and kernel mode
    const fields = Deno.readTextFileSync(STAT).replace(/^.*\) /s, "").split(" ");
    return { wall: performance.now(), processor: TICK * (Number(fields[11]) + Number(fields[12])) };
  } catch {
    // Deno has this file read by programs alone that may do anything
    return undefined;
  }
}
