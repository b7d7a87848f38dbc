/**
 * Signals counted beside the main thread: while that is busy with a step, two of a kind reach it as one.
 *
 * @module
 */

/** Counts signals. */
export interface SignalCounter {
  /** Signals since it began. */
  count(): number;
  /** Counts no more. */
  end(): void;
}

/** Milliseconds within which a signal comes twice to who did not send it twice: what started this program may pass it on. */
const ECHO = 60;

/** What counts, in a thread of its own. */
const source = `
  onmessage = ({ data: { counts, signals } }) => {
    let last = -Infinity;
    const heard = () => {
      const now = performance.now();
      if (now - last > ${ECHO}) {
        Atomics.add(counts, 0, 1);
        postMessage(undefined);
      }
      last = now;
    };
    for (const signal of signals) Deno.addSignalListener(signal, heard);
  };
`;

/** Begins to count, as far as the system allows a thread for it; `counted` is called after each, when the main thread has time. */
export function countSignals(signals: readonly Deno.Signal[], counted: () => void): SignalCounter {
  const counts = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(`data:text/javascript,${encodeURIComponent(source)}`, { type: "module" });
  // without it signals are only known as the main thread hears of them
  worker.onerror = (event) => event.preventDefault();
  worker.onmessage = counted;
  worker.postMessage({ counts, signals });
  return { count: () => Atomics.load(counts, 0), end: () => worker.terminate() };
}
