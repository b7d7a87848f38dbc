import { assert, assertEquals, assertRejects } from "@std/assert";
import { whatIsThere } from "../../lib/format/folder_contents.ts";
import { readJson, urlFolder } from "../../lib/format/model_folder.ts";
import type { ByteSource } from "../../lib/text/source.ts";
import { urlSource } from "../../lib/text/url_source.ts";
import { guardedFetch } from "../../lib/access/guarded_fetch.ts";
import { type Behaviour, endless, head, send, sleep, withTcpServer } from "../helpers/odd_servers.ts";
import { withoutEscapes } from "../helpers/text_sources.ts";

const limits = { patience: 400, leastBytes: 1000, mostBytes: 1 << 20 };
const fail = (what: string) => new RangeError(`Cannot read it: ${what}`);

const whole = async (source: ByteSource) => (await Array.fromAsync(source.stream(0))).reduce((n, b) => n + b.length, 0);

/** Whoever reads from such a server is told so, well within some times the patience. */
const servers: readonly (readonly [name: string, behave: Behaviour, message: string])[] = [
  ["is silent", () => sleep(5000), "the server does not answer within 0.4 seconds"],
  ["stops after its head", (to) => send(to, head(1000)), "the server sent only 0 bytes in 0.4 seconds, at byte 0"],
  [
    "stops within its head",
    (to) => send(to, "HTTP/1.1 200 OK\r\nx: "),
    "the server does not answer within 0.4 seconds",
  ],
  ["sends a byte now and then", async (to) => {
    await send(to, head(1000));
    for (let i = 0; i < 1000; i++) await sleep(50).then(() => send(to, "{"));
  }, "bytes in 0.4 seconds, at byte "],
  [
    "never ends",
    (to) => endless(to, "[1,".repeat(20_000)),
    "it has more than 1,048,576 bytes, and does not say how many",
  ],
  ["sends less than it says", async (to) => {
    await send(to, head(1000) + "x".repeat(10));
    to.close();
  }, "the connection broke at byte 10"],
  ["hangs up", async (to) => {
    await Promise.resolve();
    to.close();
  }, "the connection broke"],
  ["speaks something else", (to) => send(to, "220 mail ready\r\n").then(() => to.close()), "the connection failed"],
  [
    "redirects in a circle",
    (to) => send(to, "HTTP/1.1 302 Found\r\nconnection: close\r\ncontent-length: 0\r\nlocation: /again\r\n\r\n"),
    "it redirects more than 10 times",
  ],
  [
    "redirects to a file",
    (to) =>
      send(to, "HTTP/1.1 302 Found\r\nconnection: close\r\ncontent-length: 0\r\nlocation: file:///etc/passwd\r\n\r\n"),
    "it redirects to an address of file:",
  ],
];

for (const [name, behave, message] of servers) {
  Deno.test(`guardedFetch() gives up a server that ${name}`, () =>
    withoutEscapes(() =>
      withTcpServer(behave, async (address) => {
        const start = performance.now();
        const reads = [
          async () => {
            const { body } = await guardedFetch(`${address}/a`, { limits, fail });
            for await (const _ of body);
          },
          () => readJson(urlFolder(address, { limits }), "config.json"),
        ];
        for (const read of reads) {
          const error = await assertRejects(read, RangeError);
          assert(error.message.includes(message), error.message);
          assert(/^Cannot read (it|http:\S+\/config\.json): /.test(error.message), error.message);
        }
        assert(performance.now() - start < 4000);
      })
    ));
}

Deno.test("guardedFetch() follows a few redirects, and waits for what comes slowly but comes", async () => {
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
    const [, count] = /(\d+)$/.exec(request.url)!;
    if (Number(count) > 0) return Response.redirect(new URL(`/${Number(count) - 1}`, request.url));
    let left = 8;
    const body = new ReadableStream({
      async pull(controller) {
        await sleep(100);
        if (left-- > 0) controller.enqueue(new Uint8Array(1000));
        else controller.close();
      },
    });
    return new Response(body);
  });
  try {
    const answer = await guardedFetch(`http://127.0.0.1:${server.addr.port}/5`, { limits, fail });
    assertEquals((await Array.fromAsync(answer.body)).flatMap((bytes) => [...bytes]).length, 8000);
  } finally {
    await server.shutdown();
  }
});

Deno.test("guardedFetch() does not count the time in which nobody reads", async () => {
  await withTcpServer((to) => send(to, head(100_000) + "x".repeat(100_000)), async (address) => {
    const { body } = await guardedFetch(address, { limits, fail });
    let count = 0;
    for await (const bytes of body) {
      count += bytes.length;
      await sleep(count === bytes.length ? 600 : 0);
    }
    assertEquals(count, 100_000);
  });
});

Deno.test("urlSource() gives up a server that is silent, stops, or never ends", async () => {
  for (
    const [behave, message] of [
      [() => sleep(5000), "the server does not answer within 0.4 seconds"],
      [(to) => send(to, head(100)), "the server sent only 0 bytes in 0.4 seconds"],
      [(to) => endless(to, "line\n".repeat(10_000)), "it has more than 1,048,576 bytes"],
    ] satisfies [Behaviour, string][]
  ) {
    await withTcpServer(behave, async (address) => {
      const read = async () => await whole(await urlSource(`${address}/a.txt`, { limits }));
      const error = await assertRejects(read, RangeError);
      assert(error.message.startsWith(`Cannot read ${address}/a.txt: ${message}`), error.message);
    });
  }
});

Deno.test("urlSource() notices that what an address answers has changed", async () => {
  let [text, tag] = ["one\ntwo\n", '"1"'];
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
    const headers = { "content-length": String(text.length), etag: tag };
    return new Response(request.method === "HEAD" ? null : text, { headers });
  });
  try {
    const source = await urlSource(`http://127.0.0.1:${server.addr.port}/a.txt`, { limits });
    assertEquals(await whole(source), 8);
    tag = '"2"';
    await assertRejects(() => whole(source), RangeError, "/a.txt: it has changed since it was opened");
    text += "three\n";
    await assertRejects(() => whole(source), RangeError, "it had 8 bytes, now it has 14");
  } finally {
    await server.shutdown();
  }
});

Deno.test("whatIsThere() asks a silent server for all that it looks for at once", () =>
  withTcpServer(() => sleep(5000), async (address) => {
    const start = performance.now();
    await whatIsThere(urlFolder(address, { limits }), "config.json");
    assert(performance.now() - start < 3 * limits.patience);
  }));
