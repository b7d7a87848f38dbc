// The worker: everything that takes time happens here, so that the page stays free.
import type { FromWorker, ToWorker } from "./messages.ts";
import { createSession, problemOf } from "./session.ts";

const scope = globalThis as unknown as {
  postMessage(message: FromWorker): void;
  onmessage: (event: MessageEvent<ToWorker>) => void;
};

const session = createSession((event) => scope.postMessage({ event }));

scope.onmessage = async ({ data: { id, request } }) => {
  try {
    scope.postMessage({ id, value: await session.answer(request) });
  } catch (error) {
    scope.postMessage({ id, problem: problemOf(error) });
  }
};
