/**
 * The answers of the server: fill, embed and score as JSON, a form to try them, health, metrics and a description.
 *
 * @module
 */

import { DeviceError } from "../device/device.ts";
import { addressOf, ownHeaders } from "../page/own_requests.ts";
import { sentenceOf } from "../sentences/reasons.ts";
import { safeJson } from "../sentences/safe_text.ts";
import { type Access, checkAccess } from "./access.ts";
import { type Batcher, tooMuch } from "./batcher.ts";
import { type BodyLimits, parseJson, readBody } from "./body.ts";
import { endpoints } from "./endpoints.ts";
import { emptyForm, type FormInput, formPage, readForm } from "./form.ts";
import type { Metrics } from "./metrics.ts";
import { openApi } from "./openapi.ts";
import type { ModelRunner } from "./run_model.ts";
import { schemaFault, withDefaults } from "./schema.ts";
import { RequestError, type Task, tasks, type WorkContext } from "./work.ts";

/** What the answers are made of. */
export interface Service {
  /** Where the model came from. */
  readonly place: string;
  /** The model, and what is asked of it at most. */
  readonly context: WorkContext;
  /** Who may ask. */
  readonly access: Access;
  /** The queue. */
  readonly batcher: Batcher;
  /** What runs batches. */
  readonly runner: ModelRunner;
  /** Counters. */
  readonly metrics: Metrics;
  /** What a browser may do for the form. */
  readonly policy: string;
  /** Version of this program. */
  readonly version: string;
  /** How much of a body is read. */
  readonly body: BodyLimits;
  /** Most requests in hand. */
  readonly mostRequests: number;
  /** Requests whose body is being read, or which wait. */
  inHand: number;
  /** Whether it takes no more requests. */
  isStopping: boolean;
  /** After which the device does not work any more. */
  failure: Error | undefined;
}

/** Answers for one address. */
interface Route {
  readonly GET?: (service: Service) => Response;
  readonly POST?: (service: Service, request: Request) => Promise<Response>;
}

const routes: Readonly<Record<string, Route>> = {
  "/": {
    GET: (service) => page(service, 200, { input: emptyForm(service.context) }),
    POST: answerForm,
  },
  "/health": {
    GET: (service) => {
      checkHealth(service);
      return told(200, { status: "ok" });
    },
  },
  "/metrics": {
    GET: ({ metrics, batcher: { load }, runner }) =>
      new Response(metrics.text({ ...load, programs: runner.compiled }), {
        headers: { ...ownHeaders, "content-type": "text/plain; version=0.0.4; charset=utf-8" },
      }),
  },
  "/openapi.json": {
    GET: ({ version, access: { token } }) => told(200, openApi({ version, hasToken: token !== undefined })),
  },
  ...Object.fromEntries(tasks.map((task): [string, Route] => [`/${task}`, {
    POST: (service, request) => answerTask(service, request, task),
  }])),
};

/** Addresses that are answered, with their methods. */
export const routesOf = (): [string, string[]][] =>
  Object.entries(routes).map(([path, route]) => [path, Object.keys(route)]);

/** The answer to a request, whatever becomes of it. */
export async function answered(service: Service, request: Request): Promise<Response> {
  const began = performance.now();
  const pathname = addressOf(request)?.pathname;
  const path = pathname !== undefined && Object.hasOwn(routes, pathname) ? pathname : "other";
  let response: Response;
  try {
    if (pathname === undefined) throw new RequestError("The request asks for no address", 400, { connection: "close" });
    response = await answer(service, request, pathname);
  } catch (error) {
    response = failureOf(error);
  }
  service.metrics.answered(path, { status: response.status, seconds: (performance.now() - began) / 1000 });
  return response;
}

async function answer(service: Service, request: Request, path: string): Promise<Response> {
  checkAccess(request, service.access, { isPublic: path === "/health" });
  const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
  if (!route) throw new RequestError(`There is nothing here: there are ${Object.keys(routes).join(", ")}`, 404);
  const { GET, POST } = route;
  if (GET && (request.method === "GET" || request.method === "HEAD")) {
    const response = GET(service);
    return request.method === "GET" ? response : new Response(null, response);
  }
  if (POST && request.method === "POST") return await POST(service, request);
  const allow = [...(GET ? ["GET", "HEAD"] : []), ...(POST ? ["POST"] : [])].join(", ");
  throw new RequestError(`${path} answers ${allow.replace(/, (?=\w+$)/, " and ")} only`, 405, { allow });
}

function checkHealth({ isStopping, failure }: Service): void {
  if (isStopping) throw new RequestError("The server stops", 503, { connection: "close" });
  if (failure) throw new RequestError(`The device does not work any more: ${failure.message}`, 503);
}

/** Reads a body and does what it asks for, if there is room for one more. */
async function inTurn(service: Service, use: () => Promise<Response>): Promise<Response> {
  checkHealth(service);
  if (service.inHand >= service.mostRequests) throw tooMuch(service.batcher.retryAfter);
  service.inHand++;
  try {
    return await use();
  } finally {
    service.inHand--;
  }
}

/** Does a task with texts, as far as whoever asked waits for it. */
async function results(
  { context, batcher }: Service,
  { task, texts, options, signal }: { task: Task; texts: readonly string[]; options: object; signal: AbortSignal },
): Promise<unknown[]> {
  const work = await endpoints[task].work(context, texts.map((text) => text.toWellFormed()), options as never);
  return await batcher.submit(work, signal);
}

function answerTask(service: Service, request: Request, task: Task): Promise<Response> {
  return inTurn(service, async () => {
    const { request: schema } = endpoints[task];
    const value = parseJson(await readBody(request, "application/json", service.body));
    const fault = schemaFault(value, schema);
    if (fault) throw new RequestError(`Cannot ${task}: ${fault}`);
    const { texts, ...options } = withDefaults<{ texts: string[] }>(value as object, schema);
    const found = await results(service, { task, texts, options, signal: request.signal });
    return told(200, { model: service.place, results: found.map(plainNumbers) });
  });
}

/** The form with what it asked for; an error too is told below it. */
async function answerForm(service: Service, request: Request): Promise<Response> {
  let input: FormInput = emptyForm(service.context);
  try {
    return await inTurn(service, async () => {
      const read = readForm(await readBody(request, "application/x-www-form-urlencoded", service.body));
      input = read;
      const { task, text, topK, fault } = read;
      if (fault !== undefined) throw new RequestError(fault);
      const given = { fill: { topK }, embed: {}, score: { tokens: true } }[task];
      const options = withDefaults<object>(given, endpoints[task].request);
      const [result] = await results(service, { task, texts: [text], options, signal: request.signal });
      return page(service, 200, { input, shown: { result } });
    });
  } catch (error) {
    const failure = failureOf(error);
    const { error: sentence } = await failure.clone().json();
    const answer = page(service, failure.status, { input, shown: { error: sentence } });
    const retry = failure.headers.get("retry-after");
    if (retry !== null) answer.headers.set("retry-after", retry);
    return answer;
  }
}

/** Vectors as they are printed everywhere: as many digits as a number of 32 bits has. */
function plainNumbers(result: unknown): unknown {
  const { embedding, ...rest } = result as { embedding?: Float32Array };
  if (!embedding) return result;
  return { ...rest, embedding: Array.from(embedding, (value) => Number(value.toPrecision(9))) };
}

function page(service: Service, status: number, shown: Omit<Parameters<typeof formPage>[1], "place">): Response {
  const headers = {
    ...ownHeaders,
    // browsers say where a form came from only to a page that may know it
    "referrer-policy": "same-origin",
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": service.policy,
  };
  return new Response(formPage(service.context, { place: service.place, ...shown }), { status, headers });
}

function told(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Response {
  const own = { ...ownHeaders, "content-type": "application/json; charset=utf-8" };
  return new Response(`${safeJson(value)}\n`, { status, headers: { ...own, ...headers } });
}

function failureOf(error: unknown): Response {
  if (error instanceof RequestError) return told(error.status, { error: error.message }, error.headers);
  return told(error instanceof DeviceError ? 503 : 500, { error: sentenceOf(error) });
}
