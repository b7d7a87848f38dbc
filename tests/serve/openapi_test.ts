// The description holds for what the handlers do.
import { assert, assertEquals } from "@std/assert";
import { routesOf } from "../../lib/serve/answers.ts";
import { type Schema, schemaFault } from "../../lib/serve/schema.ts";
import { ask, withServer } from "./serve_model.ts";

interface Described {
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly responses: Readonly<
    Record<string, { readonly content: Readonly<Record<string, { readonly schema?: Schema }>> }>
  >;
}

Deno.test("openApi() describes every address, request and answer as it is", () =>
  withServer({ mostRequests: 2 }, async (server) => {
    const { json: description } = await ask(server, "/openapi.json");
    assertEquals(description.openapi, "3.1.0");
    const paths = description.paths as Record<string, Record<string, Described>>;
    const described = Object.entries(paths).map((
      [path, methods],
    ) => [path, Object.keys(methods).map((name) => name.toUpperCase())]);
    assertEquals(described.sort(), routesOf().sort());

    /** Asks, and holds the answer against what is described. */
    const check = async (path: string, body?: unknown, headers: Record<string, string> = {}) => {
      const answer = await ask(server, path, body, { headers });
      const { responses } = paths[path]![body === undefined ? "get" : "post"]!;
      const response = responses[answer.status];
      assert(response, `${path} ${answer.status}`);
      const kind = answer.headers.get("content-type")!.split(";")[0]!;
      const content = response.content[kind];
      assert(content, `${path} ${kind}`);
      if (content.schema) {
        assertEquals([path, answer.status, schemaFault(answer.json, content.schema)], [path, answer.status, undefined]);
      }
      return answer.status;
    };
    const statuses = new Set<string>();
    const note = async (path: string, ...rest: [body?: unknown, headers?: Record<string, string>]) =>
      void statuses.add(`${path} ${await check(path, ...rest)}`);
    for (const path of ["/", "/health", "/metrics", "/openapi.json"]) {
      await note(path);
      await note(path, undefined, { origin: "http://evil.example" });
    }
    const texts = ["the [MASK]"];
    for (const path of ["/fill", "/embed", "/score"]) {
      const { properties } = paths[path]!.post!.requestBody!.content["application/json"]!.schema;
      // all defaults, then each option otherwise
      await note(path, { texts });
      for (const [name, { type, enum: words, maximum, default: usual }] of Object.entries(properties!)) {
        if (name === "texts") continue;
        const value = type === "boolean" ? !usual : words?.at(-1) ?? maximum;
        assertEquals(await check(path, { texts, [name]: value }), 200, name);
        assertEquals(await check(path, { texts, [name]: null }), 400, name);
      }
      await note(path, { texts: [] });
      await note(path, { texts }, { "content-type": "text/html" });
      await note(path, { texts }, { origin: "http://evil.example" });
      await note(path, { texts: ["a ".repeat(600_000)] });
      await Promise.all(Array.from({ length: 12 }, () => note(path, { texts })));
    }
    const wanted = ["/fill", "/embed", "/score"].flatMap((path) =>
      [200, 400, 403, 413, 415, 429].map((code) => `${path} ${code}`)
    );
    assertEquals(wanted.filter((one) => !statuses.has(one)), []);
  }));

Deno.test("schemaFault() says what is wrong with a value, and where", () => {
  const schema: Schema = {
    type: "object",
    properties: {
      a: { type: "array", items: { type: "integer", minimum: 1 }, maxItems: 2 },
      b: { type: "string", enum: ["x"] },
    },
    required: ["a"],
  };
  const faults: [unknown, string | undefined][] = [
    [{ a: [1] }, undefined],
    [{ a: [], b: "x" }, undefined],
    [{}, '"a" is missing; wanted a list'],
    [{ a: [1, 0] }, '"a[1]" is 0; wanted a whole number of at least 1'],
    [{ a: [1, 2, 3] }, '"a" has 3 items; wanted 0 to 2'],
    [{ a: [], b: "y" }, '"b" is "y"; wanted "x"'],
    [{ a: [], c: 1 }, '"c" is no field; there are a, b'],
    [null, "it is null; wanted an object"],
  ];
  for (const [value, wanted] of faults) assertEquals(schemaFault(value, schema), wanted);
});
