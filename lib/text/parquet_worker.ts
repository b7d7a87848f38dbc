/**
 * The thread that decodes parquet files.
 *
 * @module
 */

import { fixArrays } from "./fixed_arrays.ts";
import { answerParquet, type ParquetAnswer, type ParquetRequest } from "./parquet_rows.ts";

/** To the thread: a request, or bytes that it asked for. */
export type ToDecoder =
  | { readonly request: ParquetRequest }
  | { readonly bytes: ArrayBuffer }
  | { readonly failed: true };

/** From the thread: that it is ready, a wish for bytes, or an answer. */
export type FromDecoder =
  | { readonly ready: true }
  | { readonly slice: readonly [start: number, end: number] }
  | { readonly answer: ParquetAnswer }
  | { readonly problem: string; readonly isSyntax: boolean };

/** The part of a worker's scope that is used. */
interface Scope {
  onmessage: ((event: MessageEvent<ToDecoder>) => void) | null;
  postMessage(message: FromDecoder): void;
}

const scope = globalThis as unknown as Scope;
let waiting: { resolve: (bytes: ArrayBuffer) => void; reject: (error: Error) => void }[] = [];

scope.onmessage = ({ data }) => {
  if ("request" in data) return void answer(data.request);
  // wishes are answered in their order
  const first = waiting.shift();
  if ("bytes" in data) first?.resolve(data.bytes);
  else first?.reject(new Error("its bytes cannot be read"));
};

async function answer(request: ParquetRequest): Promise<void> {
  waiting = [];
  const slice = (start: number, end: number) =>
    new Promise<ArrayBuffer>((resolve, reject) => {
      waiting.push({ resolve, reject });
      scope.postMessage({ slice: [start, end] });
    });
  try {
    scope.postMessage({ answer: await answerParquet(request, slice) });
  } catch (error) {
    scope.postMessage({ problem: (error as Error).message, isSyntax: error instanceof SyntaxError });
  }
}

// what a library leaves behind is no reason to end
globalThis.addEventListener("unhandledrejection", (event) => event.preventDefault());

fixArrays();
scope.postMessage({ ready: true });
