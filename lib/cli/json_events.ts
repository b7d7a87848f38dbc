/**
 * A run as lines of JSON on standard output, for other programs.
 *
 * @module
 */

import { sentenceOf } from "../sentences/reasons.ts";
import { safeJson, safeSentence } from "../sentences/safe_text.ts";
import type { TrainEvent } from "../train/events.ts";
import { checkpointName } from "../files/checkpoint_folder.ts";
import { UsageError } from "./flags.ts";
import { INTERRUPTED } from "./interrupt.ts";
import { isNoted, jsonLine } from "./metrics_file.ts";
import type { Reporter } from "./reporter.ts";
import { sampleRecord } from "./samples_file.ts";

/** Says what happens in a run, a line of JSON for each event. */
export interface JsonEvents {
  /** A run begins, goes on, or goes back to an earlier step. */
  started(run: { path: string; step: number; learningRate: number }): void;
  /** What training yields, but for checkpoints. */
  readonly events: Reporter;
  /** Checkpoints, once they are saved. */
  readonly saved: Reporter;
  /** The run has ended, with an exit code or an error. */
  ended(how: { code: number } | { error: unknown }): void;
}

/**
 * Events as they are in metrics.jsonl and samples.jsonl, and beside them `start`, `phase`, `checkpoint` and `end`.
 *
 * @param write Takes a line with its line break.
 */
export function jsonEvents(write: (line: string) => void): JsonEvents {
  // what is text, and not only numbers, may hold what terminals obey
  const say = (event: object) => write(`${safeJson(event)}\n`);
  let path: string | undefined;
  let [at, times]: [{ step: number; tokens?: number }, object] = [{ step: 0 }, {}];
  let phase: string | undefined;
  const hear = (event: TrainEvent) => {
    if (isNoted(event)) {
      const { step, tokens } = event;
      at = { step, tokens };
      return write(jsonLine(event));
    }
    if (event.kind === "samples") return say(sampleRecord(event));
    if (event.kind === "phase" && event.phase !== phase) {
      ({ phase } = event);
      return say({ kind: "phase", step: event.step, phase });
    }
    if (event.kind !== "time") return;
    const { kind: _, ...rest } = event;
    times = rest;
  };
  return {
    started(run) {
      ({ path } = run);
      [at, phase] = [{ step: run.step }, undefined];
      say({ kind: "start", ...run });
    },
    events: { event: hear },
    saved: {
      event(event) {
        if (event.kind !== "checkpoint") return;
        const { step, tokens } = event.state;
        say({ kind: "checkpoint", step, tokens, path: `${path}/checkpoints/${checkpointName(step)}` });
      },
    },
    ended(how) {
      const code = "code" in how ? how.code : how.error instanceof UsageError ? 2 : 1;
      const state = code === 0 ? "finished" : code === INTERRUPTED ? "stopped" : "failed";
      const error = "error" in how ? { error: safeSentence(sentenceOf(how.error)) } : {};
      say({ kind: "end", state, code, ...error, ...(path === undefined ? {} : { path }), ...at, ...times });
    },
  };
}
