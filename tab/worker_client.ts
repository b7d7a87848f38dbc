/// <reference lib="dom" />
/**
 * The page's end of the worker.
 *
 * @module
 */

import type { FromWorker, TabAnswers, TabEvent, TabRequest } from "./messages.ts";

/** A worker that can be asked. */
export interface WorkerClient {
  /**
   * Asks for something.
   *
   * @throws {Error} with why it cannot be done.
   */
  ask<Kind extends TabRequest["kind"]>(request: Extract<TabRequest, { kind: Kind }>): Promise<TabAnswers[Kind]>;
}

/** What a worker tells without being asked. */
export interface WorkerHearing {
  /** Something happens in training. */
  readonly event: (event: TabEvent) => void;
  /** The worker is gone, and all models in it; another one stands in its place. */
  readonly died: () => void;
}

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

/** Starts a worker of a script; when it dies, another one. */
export function startWorker(script: string, { event: hear, died }: WorkerHearing): WorkerClient {
  const address = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  const waiting = new Map<number, Waiting>();
  let count = 0;
  const start = () => {
    const worker = new Worker(address);
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if ("event" in data) return hear(data.event);
      const { resolve, reject } = waiting.get(data.id)!;
      waiting.delete(data.id);
      if ("problem" in data) reject(new Error(data.problem));
      else resolve(data.value as never);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      worker.terminate();
      current = start();
      for (const { reject } of waiting.values()) {
        reject(new Error("The worker that trains has failed, and was started anew"));
      }
      waiting.clear();
      died();
    };
    return worker;
  };
  let current = start();
  return {
    ask: (request) =>
      new Promise((resolve, reject) => {
        const id = count++;
        waiting.set(id, { resolve: resolve as Waiting["resolve"], reject });
        current.postMessage({ id, request });
      }),
  };
}
