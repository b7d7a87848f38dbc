/**
 * The description of the server in OpenAPI's format.
 *
 * @module
 */

import { answerOf, endpoints, errorSchema } from "./endpoints.ts";
import { objectSchema, type Schema } from "./schema.ts";
import { tasks } from "./work.ts";

/** What each status means; all but 200 come with a sentence. */
const statuses: Readonly<Record<number, string>> = {
  200: "The results.",
  400: "The request is not as it should be.",
  401: "The server wants a token.",
  403: "The server has no such name, or another site's page asked.",
  408: "The body did not come in time.",
  413: "The request is too large.",
  415: "The body is of another kind.",
  429: "Too much waits already; the header retry-after says when to ask again.",
  500: "The model's numbers overflow, or the program has a fault.",
  501: "The model has no head for that.",
  503: "The server stops, or its device does not work any more.",
};

/** The answer of the endpoint that says whether the server works. */
export const healthSchema: Schema = objectSchema({
  status: { type: "string", enum: ["ok"], description: "That it works." },
});

const json = (schema: Schema) => ({ content: { "application/json": { schema } } });
const failures = (...codes: readonly number[]) =>
  Object.fromEntries(codes.map((code) => [code, { description: statuses[code]!, ...json(errorSchema) }]));
const plain = (summary: string, type: string, codes: readonly number[] = [401, 403, 503]) => ({
  get: {
    summary,
    responses: { 200: { description: summary, content: { [type]: {} } }, ...failures(...codes) },
  },
});

/** The description; with a token, how it is sent. */
export function openApi({ version, hasToken }: { version: string; hasToken: boolean }): Record<string, unknown> {
  const security = [{ bearer: [] }, { basic: [] }];
  return {
    openapi: "3.1.0",
    info: {
      title: "Cloze",
      version,
      description:
        "A masked language model: fills masked tokens, turns texts into vectors, scores texts. Results are those of the " +
        "command line; their last digits may depend on what else is computed at the same time.",
      license: { name: "MIT", identifier: "MIT" },
    },
    ...(hasToken ? { security } : {}),
    components: {
      securitySchemes: { bearer: { type: "http", scheme: "bearer" }, basic: { type: "http", scheme: "basic" } },
    },
    paths: {
      ...Object.fromEntries(tasks.map((task) => {
        const { summary, description, request, result } = endpoints[task];
        const head = task === "embed" ? [] : [501];
        return [`/${task}`, {
          post: {
            operationId: task,
            summary,
            description,
            requestBody: { required: true, ...json(request) },
            responses: {
              200: { description: statuses[200]!, ...json(answerOf(result)) },
              ...failures(400, 401, 403, 408, 413, 415, 429, 500, ...head, 503),
            },
          },
        }];
      })),
      "/health": {
        get: {
          summary: "Whether the server works; needs no token",
          security: [],
          responses: { 200: { description: "It works.", ...json(healthSchema) }, ...failures(403, 503) },
        },
      },
      "/metrics": plain("Counters in Prometheus' text format", "text/plain"),
      "/openapi.json": plain("This description", "application/json"),
      "/": {
        ...plain("A form to try the model", "text/html"),
        post: {
          summary: "The form with results",
          requestBody: { required: true, content: { "application/x-www-form-urlencoded": {} } },
          responses: Object.fromEntries(
            [200, 400, 401, 403, 408, 413, 415, 429, 500, 501, 503].map((code) => [code, {
              description: statuses[code]!,
              content: { "text/html": {} },
            }]),
          ),
        },
      },
    },
  };
}
