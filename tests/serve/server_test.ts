import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { DeviceError } from "../../lib/device/device.ts";
import { publicName, serveModel } from "../../lib/serve/server.ts";
import { Model } from "../../lib/model/model.ts";
import { ask, converse, testModel, tokenizer, withServer } from "./serve_model.ts";

const texts = ["the [MASK]"];
/** Requests that are refused: path, body, status, and the sentence. */
const refusals: readonly (readonly [path: string, body: unknown, status: number, sentence: string])[] = [
  ["/fill", {}, 400, 'Cannot fill: "texts" is missing; wanted a list'],
  ["/fill", [], 400, "Cannot fill: it is an empty list; wanted an object"],
  ["/fill", "null", 400, "Cannot fill: it is null; wanted an object"],
  ["/fill", { texts: "a" }, 400, 'Cannot fill: "texts" is "a"; wanted a list'],
  ["/fill", { texts: [] }, 400, 'Cannot fill: "texts" has 0 items; wanted 1 to 256'],
  ["/fill", { texts: Array(257).fill("a") }, 400, 'Cannot fill: "texts" has 257 items; wanted 1 to 256'],
  ["/fill", { texts: ["a", 5] }, 400, 'Cannot fill: "texts[1]" is 5; wanted text'],
  [
    "/fill",
    { texts, topK: 0 },
    400,
    'Cannot fill: "topK" is 0; wanted a whole number of at least 1 and of at most 100',
  ],
  [
    "/fill",
    { texts, topK: 1.5 },
    400,
    'Cannot fill: "topK" is 1.5; wanted a whole number of at least 1 and of at most 100',
  ],
  ["/fill", { texts, top_k: 5 }, 400, 'Cannot fill: "top_k" is no field; there are texts, topK'],
  ["/fill", '{"texts": ["a"], "__proto__": 1}', 400, 'Cannot fill: "__proto__" is no field; there are texts, topK'],
  [
    "/fill",
    { texts: ["a ".repeat(40) + "[MASK]"] },
    400,
    "Text 1 has 43 tokens: the longest that can be filled has 32",
  ],
  [
    "/fill",
    { texts: Array(20).fill("[MASK] ".repeat(30)), topK: 100 },
    413,
    "The texts have 600 masks, with 100 candidates each",
  ],
  ["/embed", { texts, pool: "max" }, 400, 'Cannot embed: "pool" is "max"; wanted "mean" or "cls"'],
  ["/embed", { texts, normalize: 1 }, 400, 'Cannot embed: "normalize" is 1; wanted true or false'],
  ["/score", { texts: ["a", ""] }, 400, "Text 2 has no tokens to score"],
  ["/score", { texts: ["a b ".repeat(3000)] }, 413, "a request may have 20,000: send fewer or shorter texts"],
  ["/embed", { texts: Array(200).fill("a b ".repeat(3000)), whole: true }, 413, "The body is larger than 65536 bytes"],
  ["/embed", { texts: Array(4).fill("a b ".repeat(3800)), whole: true }, 413, "a request may have 20,000"],
  ["/fill", "", 400, "The body is empty: send a JSON object"],
  ["/fill", '{"texts": ["a"', 400, "The body is not JSON: it ends too early"],
  ["/fill", '{"texts": [a]}', 400, "The body is not JSON"],
  ["/fill", `{"texts": ${"[".repeat(20_000)}${"]".repeat(20_000)}}`, 400, '"texts[0]" is a list; wanted text'],
  ["/fill", "[".repeat(60_000), 400, "The body is not JSON: it ends too early"],
  ["/fill", Uint8Array.of(0x22, 0xff, 0x22), 400, "The body is not UTF-8"],
  ["/nowhere", undefined, 404, "There is nothing here: there are /, /health"],
  ["/FILL", { texts }, 404, "There is nothing here"],
  ["/fill/", { texts }, 404, "There is nothing here"],
  ["/toString", undefined, 404, "There is nothing here"],
  ["/fill", undefined, 405, "/fill answers POST only"],
  ["/health", {}, 405, "/health answers GET and HEAD only"],
];

const limits = { body: { bytes: 1 << 16, patience: 150 }, requestTokens: 20_000 };

Deno.test("serveModel() refuses with one sentence what it cannot do, and goes on", () =>
  withServer(limits, async (server) => {
    for (const [path, body, status, sentence] of refusals) {
      const answer = await ask(server, path, body);
      assertEquals([path, answer.status, Object.keys(answer.json)], [path, status, ["error"]], answer.text);
      assertStringIncludes(answer.json.error, sentence);
      assert(!/\n|at .*:\d+:\d+/.test(answer.json.error), answer.json.error);
    }
    assertEquals((await ask(server, "/fill", undefined)).headers.get("allow"), "POST");
    for (const method of ["PUT", "DELETE", "OPTIONS", "PATCH"]) {
      const answer = await ask(server, "/", undefined, { method });
      assertEquals([answer.status, answer.headers.get("allow")], [405, "GET, HEAD, POST"]);
    }
    const kinds = [
      [{ "content-type": "text/plain" }, "send application/json"],
      [{ "content-type": "application/json; charset=latin1" }, "The body must be in UTF-8"],
      [{ "content-encoding": "gzip" }, "Compressed bodies are not read"],
    ] as const;
    for (const [headers, sentence] of kinds) {
      const { status, json } = await ask(server, "/fill", { texts }, { headers });
      assertEquals(status, 415);
      assertStringIncludes(json.error, sentence);
    }
    const same = await ask(server, "/fill", { texts }, {
      headers: { "content-type": 'Application/JSON; charset="UTF-8"' },
    });
    assertEquals(same.status, 200);
  }));

Deno.test("serveModel() takes what texts are made of: half characters, controls, markup", () =>
  withServer({}, async (server) => {
    const odd = ['"\\ud800 [MASK]"', '"\\u0000\\u001b[31m [MASK]"', '"<b>\\u2028 [MASK] </b>"'];
    const { status, json, text } = await ask(server, "/fill", `{"texts": [${odd.join(",")}]}`);
    assertEquals([status, json.results.length], [200, 3]);
    assertEquals(json.results[0].text, "\ufffd [MASK]");
    assertEquals(json.results[1].text, "\0\x1b[31m [MASK]");
    assert(!["\0", "\x1b", "\u2028"].some((character) => text.includes(character)));
  }));

Deno.test("serveModel() waits for a body so long, reads so much of it, and lives on without its client", () =>
  withServer({ ...limits, batchTokens: 1 }, async (server, { model: { device } }) => {
    const head = (length: number | string) =>
      `POST /fill HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n${length}\r\n\r\n`;
    const slow = await converse(server, [head("content-length: 100"), '{"texts"']);
    assertMatch(slow, /^HTTP\/1\.1 408 [\s\S]*The body did not come within 0.15 seconds/);
    const declared = await converse(server, [head("content-length: 10000000")]);
    assertMatch(declared, /^HTTP\/1\.1 413 [\s\S]*The body is larger than 65536 bytes/);
    const chunk = `4000\r\n${"a".repeat(0x4000)}\r\n`;
    const endless = await converse(server, [head("transfer-encoding: chunked"), ...Array(8).fill(chunk)]);
    assertMatch(endless, /^HTTP\/1\.1 413 /);
    // who goes away in the middle of a body, or of the answer
    await converse(server, [head("content-length: 100"), "{"], { until: /^/ });
    // Deno tells it of requests of up to some 200 bytes
    const body = JSON.stringify({ texts: ["a b ".repeat(40)] });
    const { read } = device;
    device.read = async (tensors) => (await pause(5), await read.call(device, tensors));
    const { hostname, port } = new URL(server.address);
    const connection = await Deno.connect({ hostname, port: Number(port) });
    const request = head(`content-length: ${body.length}`).replace("fill", "score") + body;
    await connection.write(new TextEncoder().encode(request));
    while (!/requests_waiting 1\n/.test((await ask(server, "/metrics")).text)) await pause(1);
    connection.close();
    for (let i = 0; i < 200 && !/requests_waiting 0\n/.test((await ask(server, "/metrics")).text); i++) await pause(5);
    device.read = read;
    const { text } = await ask(server, "/metrics");
    assertStringIncludes(text, "cloze_requests_waiting 0\n");
    assertStringIncludes(text, 'cloze_requests_total{path="/score",status="499"} 1\n');
    assertEquals((await ask(server, "/fill", { texts })).status, 200);
  }));

Deno.test("serveModel() answers many at once, and those that it has no room for with 429", () =>
  withServer({ mostRequests: 6 }, async (server) => {
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, i) => ask(server, "/score", { texts: [`a b ${i}`] })),
    );
    const statuses = Map.groupBy(answers, ({ status }) => status);
    assertEquals([...statuses.keys()].sort(), [200, 429]);
    assert(statuses.get(200)!.length >= 6, String(statuses.get(200)!.length));
    for (const { json, headers } of statuses.get(429)!) {
      assertMatch(json.error, /^Too much waits already: ask again in \d+ seconds?$/);
      assertMatch(headers.get("retry-after")!, /^\d+$/);
    }
    assertEquals((await ask(server, "/health")).json, { status: "ok" });
    assertEquals((await ask(server, "/score", { texts: ["a"] })).status, 200);
  }));

Deno.test("serveModel() finishes what is under way when it is closed, and takes nothing more", async () => {
  using model = await testModel();
  const server = await serveModel(model, { port: 0 });
  const under = Array.from({ length: 8 }, () => ask(server, "/score", { texts: ["the red cats run . the dogs"] }));
  while (!/cloze_requests_waiting 8/.test((await ask(server, "/metrics")).text)) await pause(1);
  await server.close();
  assertEquals((await Promise.all(under)).map(({ status }) => status), Array(8).fill(200));
  await assertRejects(() => ask(server, "/health"));
});

Deno.test("serveModel() says that its device is lost, to those who ask and to whoever started it", async () => {
  using model = await testModel();
  const read = model.model.device.read;
  const server = await serveModel(model, { port: 0 });
  try {
    model.model.device.read = () => Promise.reject(new DeviceError("The device is lost"));
    const { status, json } = await ask(server, "/fill", { texts });
    assertEquals([status, json.error], [503, "The device is lost"]);
    assertEquals((await server.failed).message, "The device is lost");
    assertEquals((await ask(server, "/health")).status, 503);
    assertEquals((await ask(server, "/embed", { texts })).status, 503);
  } finally {
    model.model.device.read = read;
    await server.close();
  }
});

Deno.test("serveModel() answers requests for odd addresses, and for none", async () => {
  const host = "host: localhost";
  const requests: [request: string, status: number][] = [
    [`OPTIONS * HTTP/1.1\r\n${host}`, 404],
    [`GET http://[/ HTTP/1.1\r\n${host}`, 400],
    ["GET / HTTP/1.1\r\nhost: [", 400],
    ["GET / HTTP/1.1\r\nhost: a b", 400],
    ["GET / HTTP/1.1\r\nhost: localhost:99999999", 400],
    [`GET //evil.example/ HTTP/1.1\r\n${host}`, 404],
    [`GET /%00%ff HTTP/1.1\r\n${host}`, 404],
    [`FOO / HTTP/1.1\r\n${host}`, 405],
    [`CONNECT localhost:1 HTTP/1.1\r\n${host}`, 405],
    ["not http at all", 400],
  ];
  for (const token of [undefined, "0123456789abcdef"]) {
    await withServer({ token }, async (server) => {
      for (const [request, status] of requests) {
        const text = await converse(server, [`${request}\r\nauthorization: Bearer 0123456789abcdef\r\n\r\n`], {
          until: /\r\n\r\n/,
        });
        assertMatch(text, new RegExp(`^HTTP/1\\.[01] ${status} `), request);
      }
    });
  }
});

Deno.test("serveModel() gives vectors of a model without a head, and says what it cannot", async () => {
  using whole = await testModel();
  const model = new Model(whole.model.device, whole.config, { head: false });
  const server = await serveModel({ place: "encoder", model, tokenizer }, { port: 0 });
  try {
    assertEquals((await ask(server, "/embed", { texts })).status, 200);
    for (const path of ["/fill", "/score"]) {
      const { status, json } = await ask(server, path, { texts });
      assertEquals([status, json.error], [501, "This model has no head for masked tokens: it gives vectors only"]);
    }
    const { text } = await ask(server, "/");
    assertMatch(text, /value="embed" checked/);
    assert(!text.includes('value="fill"'));
  } finally {
    await server.close();
    model.destroy();
  }
});

Deno.test("serveModel() says that a model's numbers overflow, and names no other fault", () =>
  withServer({}, async (server, { model }) => {
    const values = await model.readParameters();
    for (const numbers of values.values()) numbers.fill(1e30);
    model.writeParameters(values);
    for (const path of ["/fill", "/embed", "/score"]) {
      const { status, json } = await ask(server, path, { texts });
      assertEquals(status, 500);
      assertMatch(json.error, /^Cannot (fill|embed the text|score the text): .*numbers overflow 32 bits$/);
    }
    assertEquals((await ask(server, "/health")).status, 200);
  }));

Deno.test("serveModel() answers its own names alone, and no page of another site", () =>
  withServer({}, async (server) => {
    const { host, port } = new URL(server.address);
    const status = async (headers: string, path = "/health") =>
      Number(
        (await converse(server, [`GET ${path} HTTP/1.1\r\n${headers}\r\n\r\n`], { until: /\r\n\r\n/ })).split(" ")[1],
      );
    for (const name of [host, `localhost:${port}`, "[::1]"]) assertEquals(await status(`host: ${name}`), 200, name);
    for (const name of ["evil.example", `evil.example:${port}`, "10.0.0.1", "", "0.0.0.0"]) {
      for (const path of ["/", "/health", "/metrics", "/nowhere"]) {
        assertEquals(await status(`host: ${name}`, path), 403, name);
      }
    }
    for (const origin of ["https://evil.example", "null", "http://127.0.0.1:1"]) {
      const { status, headers } = await ask(server, "/fill", { texts }, { headers: { origin } });
      assertEquals([status, headers.get("access-control-allow-origin")], [403, null]);
    }
    assertEquals(await status(`host: ${host}\r\nsec-fetch-site: cross-site`), 403);
    assertEquals((await ask(server, "/fill", { texts }, { headers: { origin: `http://${host}` } })).status, 200);
  }));

Deno.test("serveModel() wants its token from everyone but for its health, and then answers any name", () =>
  withServer({ token: "0123456789abcdef" }, async (server) => {
    const right = ["Bearer 0123456789abcdef", "bearer  0123456789abcdef", `Basic ${btoa("me:0123456789abcdef")}`];
    const wrong = [
      "",
      "Bearer",
      "Bearer 0123456789abcdeg",
      "Bearer 0123456789abcde",
      `Basic ${btoa("0123456789abcdeg")}`,
      "Basic %",
    ];
    for (const path of ["/", "/metrics", "/openapi.json", "/nowhere"]) {
      for (const authorization of wrong) {
        const { status, headers } = await ask(server, path, undefined, { headers: { authorization } });
        assertEquals([status, headers.get("www-authenticate")?.includes("Basic")], [401, true], authorization);
      }
    }
    for (const authorization of right) {
      assertEquals((await ask(server, "/fill", { texts }, { headers: { authorization } })).status, 200, authorization);
    }
    assertEquals((await ask(server, "/health")).status, 200);
    const named = `GET /metrics HTTP/1.1\r\nhost: cloze.example\r\nauthorization: ${right[0]}\r\n\r\n`;
    assertMatch(await converse(server, [named]), /^HTTP\/1\.1 200 /);
    assertEquals(
      (await ask(server, "/openapi.json", undefined, { headers: { authorization: right[0]! } })).json.security.length,
      2,
    );
  }));

Deno.test("serveModel() that others reach without a token answers numbers and the names that it was given", () =>
  withServer({ host: "0.0.0.0", names: ["cloze"] }, async (server) => {
    const local = { ...server, address: server.address.replace("0.0.0.0", "127.0.0.1") };
    const answers = {
      "127.0.0.1": 200,
      "10.1.2.3:80": 200,
      "[fe80::1]:80": 200,
      "cloze:8089": 200,
      "CLOZE": 200,
      "evil.example": 403,
    };
    for (const [host, status] of Object.entries(answers)) {
      const text = await converse(local, [`GET /health HTTP/1.1\r\nhost: ${host}\r\n\r\n`]);
      assertStringIncludes(text, `HTTP/1.1 ${status} `, host);
    }
  }));

Deno.test("serveModel() counts what it does, as Prometheus reads it", () =>
  withServer({}, async (server) => {
    await ask(server, "/fill", { texts: ["the [MASK]", "a b c [MASK]"] });
    await ask(server, "/fill", {});
    await ask(server, "/a/path/of/its/own");
    const { text, headers } = await ask(server, "/metrics");
    assertStringIncludes(headers.get("content-type")!, "text/plain; version=0.0.4");
    for (const line of text.trim().split("\n")) {
      assertMatch(
        line,
        /^(# (HELP|TYPE) cloze_\w+ .+|cloze_\w+(\{\w+="[^"\n]*"(,\w+="[^"\n]*")*\})? \d+(\.\d+)?(e-\d+)?)$/,
      );
    }
    const wanted = [
      'cloze_requests_total{path="/fill",status="200"} 1',
      'cloze_requests_total{path="/fill",status="400"} 1',
      'cloze_requests_total{path="other",status="404"} 1',
      'cloze_request_seconds_count{path="/fill"} 2',
      'cloze_request_seconds_bucket{path="/fill",le="+Inf"} 2',
      'cloze_sequences_total{task="fill"} 2',
      'cloze_tokens_total{task="fill"} 10',
      'cloze_padding_tokens_total{task="fill"} 6',
      "cloze_requests_waiting 0",
    ];
    for (const line of wanted) assertStringIncludes(text, `${line}\n`);
  }));

Deno.test("serveModel() has a form that needs no script and nothing from elsewhere", () =>
  withServer({}, async (server) => {
    const empty = await ask(server, "/");
    const policy = empty.headers.get("content-security-policy")!;
    assertMatch(policy, /^default-src 'none'; style-src 'sha256-[^ ]+'; img-src data:; form-action 'self'/);
    assert(!/<script|https?:\/\/|url\(|@import|style=/.test(empty.text));
    assertStringIncludes(empty.text, "light-dark(");
    const [, style] = /<style>([\s\S]*)<\/style>/.exec(empty.text)!;
    const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(style));
    assertStringIncludes(policy, new Uint8Array(hash).toBase64());
    assertEquals((await ask(server, "/", undefined, { method: "HEAD" })).text, "");
    const send = (fields: Record<string, string>) => ask(server, "/", new URLSearchParams(fields));
    const filled = await send({ task: "fill", text: "the <i> [MASK]\r\n& $& {{title}}", topK: "3" });
    assertEquals([filled.status, filled.text.match(/<meter/g)!.length], [200, 3]);
    assertStringIncludes(filled.text, "the &lt;i&gt; [MASK]\n&amp; $&amp; {{title}}</textarea>");
    assertStringIncludes((await send({ task: "embed", text: "a" })).text, "A vector of 16 numbers from 3 tokens.");
    const scored = await send({ task: "score", text: "a cat" });
    assertStringIncludes(scored.text, "pseudo-log-likelihood");
    assertStringIncludes(scored.text, "&quot;cat&quot;");
    const wrong = await send({ task: "fill", text: "a ".repeat(50) + "[MASK]" });
    assertEquals(wrong.status, 400);
    assertStringIncludes(wrong.text, '<p class="error" role="alert">Text 1 has 53 tokens');
    assertStringIncludes(wrong.text, `${"a ".repeat(50)}[MASK]</textarea>`);
    for (const fields of [{ text: "" }, { text: "a", task: "no" }, { text: "a", topK: "1e9" }]) {
      assertEquals((await send(fields)).status, 400);
    }
  }));

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

Deno.test("publicName() tells strangers a name and no path", () => {
  const names = [
    ["/home/anna/models/small/", "small"],
    ["runs/law/checkpoints/step-100", "law"],
    ["C:\\models\\small", "small"],
    ["https://example.org/models/bert?key=secret", "bert"],
    [".", "model"],
  ] as const;
  for (const [place, name] of names) assertEquals(publicName(place), name);
});
