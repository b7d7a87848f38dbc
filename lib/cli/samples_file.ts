/**
 * The samples of a run, as the page shows them: a line of JSON for each time that they are taken.
 *
 * @module
 */

import { writeAllSync, writing } from "../files/write_files.ts";
import type { Reporter } from "./reporter.ts";

const what = "the run's samples";

/** Appends to samples.jsonl in a run's folder; a token that was masked stands there with what was predicted. */
export function samplesFile(path: string): Reporter {
  const place = `${path}/samples.jsonl`;
  return {
    event(event) {
      if (event.kind !== "samples") return;
      const samples = event.samples.map((sample) =>
        sample.map(({ token, predicted }) => predicted === undefined ? token : [token, predicted])
      );
      const bytes = new TextEncoder().encode(JSON.stringify({ kind: event.kind, step: event.step, samples }) + "\n");
      writing({ what, place, bytes: bytes.length }, () => {
        using file = Deno.openSync(place, { append: true, create: true });
        writeAllSync(file, bytes);
      });
    },
  };
}
