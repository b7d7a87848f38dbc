/**
 * The samples of a run, as the page shows them: a line of JSON for each time that they are taken.
 *
 * @module
 */

import { writeAllSync, writing } from "../files/write_files.ts";
import type { SampleToken } from "../evaluate/evaluator.ts";
import type { TrainEvent } from "../train/events.ts";
import type { Reporter } from "./reporter.ts";

const what = "the run's samples";

/** Samples as a line of samples.jsonl: a token that was masked stands there with what was predicted and what else could be. */
export function sampleRecord({ kind, step, samples }: Extract<TrainEvent, { kind: "samples" }>): object {
  return { kind, step, samples: samples.map((sample) => sample.map(noted)) };
}

/** Appends to samples.jsonl in a run's folder. */
export function samplesFile(path: string): Reporter {
  const place = `${path}/samples.jsonl`;
  return {
    event(event) {
      if (event.kind !== "samples") return;
      const bytes = new TextEncoder().encode(JSON.stringify(sampleRecord(event)) + "\n");
      writing({ what, place, bytes: bytes.length }, () => {
        using file = Deno.openSync(place, { append: true, create: true });
        writeAllSync(file, bytes);
      });
    },
  };
}

/** A token as it reads, or [token, predicted, [[candidate, probability], …]]. */
function noted({ token, predicted, candidates = [] }: SampleToken): unknown {
  if (predicted === undefined) return token;
  // nobody reads more than three digits
  return [token, predicted, candidates.map(({ token, probability }) => [token, Number(probability.toPrecision(3))])];
}
