/**
 * What a run does, told by its files alone: one function for the page and for all commands.
 *
 * @module
 */

/** What a run does, or how it ended. */
export type RunState = "running" | "finished" | "stopped" | "diverged";

/** How a run ended, as the last line of its metrics tells it. */
export type RunEnding = Exclude<RunState, "running">;

/** The endings that there are. */
export const runEndings: readonly RunEnding[] = ["finished", "stopped", "diverged"];

/** What is known of a run. */
export interface RunSigns {
  /** Whether a process that is alive holds its lock. */
  readonly isRunning: boolean;
  /** How its metrics say that it ended; undefined where they do not, for it was killed, or is of an earlier version. */
  readonly ending: RunEnding | undefined;
  /** Share of the budget that is behind; undefined where only the clock on the wall would tell. */
  readonly done: number | undefined;
  /** Whether its last step was kept in a checkpoint. */
  readonly isKept: boolean;
}

/** What a run does. One that is not trained and does not say how it ended was stopped, unless all of it is done and kept. */
export function runState({ isRunning, ending, done, isKept }: RunSigns): RunState {
  if (isRunning) return "running";
  if (ending !== undefined && ending !== "stopped") return ending;
  return done !== undefined && done >= 1 && isKept ? "finished" : "stopped";
}

/** The ending that a line of metrics tells; undefined where it is another line. */
export function endingOf(line: Readonly<Record<string, unknown>>): RunEnding | undefined {
  return line.kind === "end" ? runEndings.find((ending) => ending === line.state) : undefined;
}
