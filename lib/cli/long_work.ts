/**
 * Work that takes long, as a line that says how far it is and how long it still takes.
 *
 * @module
 */

import { printable } from "../sentences/safe_text.ts";
import { writeAllSync } from "../files/write_files.ts";
import { duration, percent } from "./figures.ts";
import { sayAside } from "./standard_streams.ts";
import type { Terminal } from "./terminal.ts";

/** Where the line is shown. */
export type ProgressPlace = Pick<Terminal, "progress" | "clear">;

/** Work under way. */
export interface LongWork {
  /** Says how much is done, and where that is better known by now of how much; `words`: what to say where it is not. */
  at(done: number, options?: { readonly total?: number | undefined; readonly words?: string | undefined }): void;
  /** Removes the line. */
  end(): void;
}

/** Milliseconds before anything is shown, and between two lines. */
const QUIET = 1000;
const INTERVAL = 100;

/** Share that must be done before the time left is told. */
const LEAST = 0.01;

/**
 * Begins work that is shown once it has taken a second, at most ten times a second.
 *
 * @param options `now`: a clock in milliseconds.
 */
export function longWork(
  place: ProgressPlace,
  what: string,
  { now = () => performance.now() }: { readonly now?: () => number } = {},
): LongWork {
  const started = now();
  let shown = started + QUIET - INTERVAL;
  let isShown = false;
  return {
    at(done, { total, words } = {}) {
      const time = now();
      if (time - shown < INTERVAL) return;
      shown = time;
      isShown = true;
      place.progress(workLine(what, { done, total, words, seconds: (time - started) / 1000 }));
    },
    end() {
      if (isShown) place.clear();
      isShown = false;
    },
  };
}

/** Work as a line: "counting words  34%  12s left", or where the end is not known "counting words  1,200 lines  12s". */
export function workLine(
  what: string,
  { done, total, words, seconds }: {
    readonly done: number;
    readonly total?: number | undefined;
    readonly words?: string | undefined;
    readonly seconds: number;
  },
): string {
  const known = total !== undefined && total > 0;
  const share = known ? Math.min(1, done / total) : 0;
  const told = known ? [percent(share, 0)] : words === undefined ? [] : [words];
  const time = known && share >= LEAST ? `${duration(seconds * (1 - share) / share)} left` : duration(seconds);
  return [what, ...told, time].join("  ");
}

const encoder = new TextEncoder();

/** Milliseconds between lines where they cannot be rewritten. */
const LOG_INTERVAL = 10_000;

/** A line on standard error, for commands whose result goes to standard output; elsewhere than on a terminal one every ten seconds. */
export function progressAside(): ProgressPlace {
  const isInteractive = Deno.stderr.isTerminal();
  let logged = performance.now();
  const write = (text: string) => {
    try {
      writeAllSync(Deno.stderr, encoder.encode(text));
    } catch {
      // there is nowhere left to say it
    }
  };
  return {
    progress(text) {
      if (isInteractive) write(`\r\x1b[K${printable(text).slice(0, columns() - 1)}`);
      else if (performance.now() - logged >= LOG_INTERVAL) {
        logged = performance.now();
        sayAside(text);
      }
    },
    clear() {
      if (isInteractive) write("\r\x1b[K");
    },
  };
}

function columns(): number {
  try {
    return Math.max(20, Deno.consoleSize().columns);
  } catch {
    return 80;
  }
}
