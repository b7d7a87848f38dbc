/**
 * The last line of a run's metrics: how it ended. A run that is killed writes none; one that goes on takes it back.
 *
 * @module
 */

import type { RunEnding } from "../page/run_state.ts";
import { appendMetrics, isNoted } from "./metrics_file.ts";
import type { Reporter } from "./reporter.ts";
import type { Run } from "./run.ts";

/** Hears how far a run comes, and notes how it ends. */
export interface EndNote extends Reporter {
  /** Appends the line, if the run has begun and its folder is still this process's. */
  note(state: RunEnding): void;
}

/** The end of a run, which may go on with other devices and rates until then. */
export function endNote({ path, claim }: Pick<Run, "path" | "claim">): EndNote {
  let at: { readonly step: number; readonly tokens: number; readonly seconds: number } | undefined;
  return {
    event(event) {
      if (!isNoted(event) || event.kind === "spike") return;
      const { step, tokens, seconds } = event;
      at = { step, tokens, seconds };
    },
    note(state) {
      if (!at) return;
      try {
        claim.check();
        appendMetrics(path, { kind: "end", state, ...at });
      } catch {
        // what is wrong was said by what failed before; without the line a run counts as stopped
      }
    },
  };
}
