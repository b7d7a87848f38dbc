/**
 * Many cases on some threads, with an eye on time.
 */
import { FuzzFailure, LONGEST, type Outcome } from "./fuzzer.ts";
import type { Said, Work } from "./worker.ts";

/** Milliseconds in which a worker has to have its first input ready. */
const START = 60_000;

/**
 * Runs cases of a seed from `first` on.
 *
 * @throws {FuzzFailure} that names the first case that ended otherwise than it may.
 */
export async function fuzz(
  { seed, first = 0, cases, threads = 2 }: { seed: number; first?: number; cases: number; threads?: number },
): Promise<Outcome> {
  const work = Array.from({ length: threads }, (_, i): Work => {
    const at = new Int32Array(new SharedArrayBuffer(4));
    at[0] = -1;
    return { seed, first: first + i, end: first + cases, step: threads, at };
  });
  const workers = work.map(() => new Worker(new URL("./worker.ts", import.meta.url), { type: "module" }));
  try {
    const outcomes = await Promise.all(work.map((work, i) => outcomeOf(workers[i]!, work)));
    const sum = (count: (outcome: Outcome) => number) => outcomes.reduce((sum, outcome) => sum + count(outcome), 0);
    return { cases: sum(({ cases }) => cases), fine: sum(({ fine }) => fine), refused: sum(({ refused }) => refused) };
  } finally {
    for (const worker of workers) worker.terminate();
  }
}

function outcomeOf(worker: Worker, work: Work): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    let [seen, since] = [-1, performance.now()];
    const watch = setInterval(() => {
      const now = Atomics.load(work.at, 0);
      if (now !== seen) [seen, since] = [now, performance.now()];
      else if (performance.now() - since > (now < 0 ? START : 1.5 * LONGEST)) {
        end(() => reject(new FuzzFailure(`seed ${work.seed}, case ${now} does not end`)));
      }
    }, 200);
    const end = (act: () => void) => {
      clearInterval(watch);
      act();
    };
    worker.onmessage = ({ data }: MessageEvent<Said>) => {
      if ("ready" in data) worker.postMessage(work);
      else end(() => "failure" in data ? reject(new FuzzFailure(data.failure)) : resolve(data.outcome));
    };
    worker.onerror = (event) => {
      event.preventDefault();
      end(() => reject(new FuzzFailure(`seed ${work.seed}, case ${Atomics.load(work.at, 0)}: ${event.message}`)));
    };
  });
}
