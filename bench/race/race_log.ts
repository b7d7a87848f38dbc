/**
 * The log of races: a line of JSON for each run, also for those that failed.
 *
 * @module
 */

import { addLine, readLines } from "../line_log.ts";

/** How long a run trains. */
export type RaceBudget = { readonly tokens: number } | { readonly minutes: number };

/** What identifies a run: two lines with the same of all are the same run twice. */
export interface RaceKey {
  /** Commit of the sources; with a `+` behind it where files were changed. */
  readonly commit: string;
  /** Name of the recipe. */
  readonly recipe: string;
  /** Its flags. */
  readonly flags: readonly string[];
  /** Name of the text. */
  readonly text: string;
  /** Final length, which is that of the evaluation. */
  readonly length: number;
  /** How long it trains. */
  readonly budget: RaceBudget;
  /** Seed of everything. */
  readonly seed: number;
}

/** An evaluation on the way. */
export interface RacePoint {
  /** Tokens that were trained on. */
  readonly tokens: number;
  /** Seconds of training, without validation and saving. */
  readonly seconds: number;
  /** Mean cross-entropy of masked tokens, in nats. */
  readonly loss: number;
  /** Share of them that were predicted as they were. */
  readonly accuracy: number;
}

/** A run of the race. */
export interface RaceLine extends RaceKey {
  /** When it ended, in UTC. */
  readonly date: string;
  /** Evaluations, in order; the last is that of the end. */
  readonly points: readonly RacePoint[];
  /** Tokens that were trained on. */
  readonly tokens: number;
  /** Seconds of training. */
  readonly seconds: number;
  /** What it was trained by: threads, BLAS, processor, as the run's configuration has them. */
  readonly device: Readonly<Record<string, unknown>>;
  /** Vector extensions of the processor. */
  readonly vectors: readonly string[];
  /** Why it failed, where it did. */
  readonly failure?: string | undefined;
}

const identity = ({ commit, flags, text, length, budget, seed }: RaceKey) =>
  JSON.stringify([commit, flags, text, length, budget, seed]);

/** The good run that a log has of a key, whatever its recipe's name; sources that were changed may have been other ones. */
export function loggedOf(lines: readonly RaceLine[], key: RaceKey): RaceLine | undefined {
  if (key.commit.endsWith("+")) return undefined;
  return lines.findLast((line) => line.failure === undefined && identity(line) === identity(key));
}

/** The lines of a race's log: see {@linkcode readLines}. */
export const readLog = (path: string | URL): Promise<RaceLine[]> => readLines(path, "the race");

/** Adds a line to a log. */
export const addToLog = (path: string | URL, line: RaceLine): Promise<void> => addLine(path, line);
