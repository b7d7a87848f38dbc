/**
 * Serves the page to browsers on this machine, and tells them what happens in the runs.
 *
 * @module
 */

import { LOOPBACK, ownHeaders as common, refusalOf } from "./own_requests.ts";
import { pageOf } from "./page.ts";
import type { RunSet } from "./run_set.ts";
import type { RunPlace } from "./run_view.ts";

/** A page that is being served. */
export interface PageServer {
  /** Where it is. */
  readonly address: string;
  /** Ends it, and with it all connections. */
  close(): Promise<void>;
}

/** Milliseconds between two looks at the runs. */
const PAUSE = 500;
/** Milliseconds that the end of the server waits for those who still read. */
const PATIENCE = 1000;
/** Milliseconds after which a connection that is quiet gets a sign of life. */
const QUIET = 15_000;
/** Browsers' windows that are told at once. */
const MOST_LISTENERS = 32;

/**
 * Serves the page on the loopback device.
 *
 * @param port Port; 0: one that is free.
 * @throws {Deno.errors.AddrInUse} if another program has the port.
 */
export async function servePage(runs: RunSet, { port }: { port: number }): Promise<PageServer> {
  const { html, policy } = await pageOf();
  const listeners = new Set<Listener>();
  const stop = new AbortController();
  const answer = (request: Request): Response => {
    const refusal = refusalOf(request);
    if (refusal !== undefined) return told(403, refusal);
    if (request.method !== "GET" && request.method !== "HEAD") return told(405, "Only GET is answered");
    const { pathname } = new URL(request.url);
    if (pathname === "/") {
      const headers = { ...common, "content-type": "text/html; charset=utf-8" };
      const body = request.method === "HEAD" ? null : html;
      return new Response(body, {
        headers: { ...headers, "content-security-policy": `${policy}; frame-ancestors 'none'` },
      });
    }
    if (pathname !== "/events" || request.method === "HEAD") return told(404, "There is nothing at this address");
    if (listeners.size >= MOST_LISTENERS) return told(503, "Too many windows show this page");
    return listen(listeners, () => void tell());
  };
  const tell = async () => {
    if (listeners.size === 0) return;
    // what cannot be read now is looked for again; training has more to do than to show itself
    await runs.refresh().catch(() => {});
    for (const listener of listeners) listener.tell(runs);
  };
  const server = Deno.serve({ hostname: LOOPBACK, port, signal: stop.signal, onListen: () => {} }, answer);
  const timer = setInterval(() => void tell(), PAUSE);
  return {
    address: `http://${LOOPBACK}:${server.addr.port}/`,
    async close() {
      clearInterval(timer);
      // how it ended is told too
      await tell();
      for (const listener of listeners) listener.end();
      const hurry = setTimeout(() => stop.abort(), PATIENCE);
      await server.shutdown();
      clearTimeout(hurry);
    },
  };
}

const told = (status: number, sentence: string) => new Response(`${sentence}\n`, { status, headers: common });

/** A browser's window. */
interface Listener {
  /** Sends what is new. */
  tell(runs: RunSet): void;
  /** Ends the connection. */
  end(): void;
}

/** An answer that goes on; who listens is told at once. */
function listen(listeners: Set<Listener>, begin: () => void): Response {
  const places = new Map<string, RunPlace>();
  const encoder = new TextEncoder();
  let [names, last, controller]: [string, number, ReadableStreamDefaultController<Uint8Array> | undefined] = [
    "",
    0,
    undefined,
  ];
  const send = (text: string) => {
    last = performance.now();
    controller?.enqueue(encoder.encode(text));
  };
  const listener: Listener = {
    tell({ views }) {
      // who reads slowly hears of it later, all at once
      if ((controller?.desiredSize ?? 0) <= 0) return;
      const now = JSON.stringify([...views.keys()]);
      if (now !== names) send(`event: runs\ndata: ${now}\n\n`);
      names = now;
      for (const [path, view] of views) {
        const news = view.since(places.get(path));
        if (!news) continue;
        places.set(path, news.place);
        send(`event: run\ndata: ${JSON.stringify(news.message)}\n\n`);
      }
      if (performance.now() - last > QUIET) send(": still there\n\n");
    },
    end() {
      if (!listeners.delete(listener)) return;
      send("event: end\ndata: end\n\n");
      controller?.close();
    },
  };
  const body = new ReadableStream<Uint8Array>({
    start(opened) {
      controller = opened;
      listeners.add(listener);
      send("retry: 1000\n\n");
      begin();
    },
    cancel: () => void listeners.delete(listener),
  }, { highWaterMark: 16 });
  return new Response(body, { headers: { ...common, "content-type": "text/event-stream" } });
}
