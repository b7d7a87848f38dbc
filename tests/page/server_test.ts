import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { watchRuns } from "../../lib/page/run_set.ts";
import { type PageServer, servePage } from "../../lib/page/server.ts";
import { stepLine, writeRun } from "../helpers/run_folders.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

async function withServer(work: (server: PageServer, folder: string) => Promise<void>): Promise<void> {
  await inTemporaryFolder(async (folder) => {
    await writeRun(`${folder}/runs/a`);
    await Deno.writeTextFile(`${folder}/secret.txt`, "secret");
    const server = await servePage(watchRuns([`${folder}/runs`]), { port: 0 });
    try {
      await work(server, folder);
    } finally {
      await server.close();
    }
  });
}

/** An answer to a request as it is written, for fetch() sets Host by itself and tidies paths; of one that goes on its beginning. */
async function asked(
  { address }: PageServer,
  { path = "/", method = "GET", headers = {} }: { path?: string; method?: string; headers?: Record<string, string> },
): Promise<{ status: number; text: string }> {
  const { hostname, port, host } = new URL(address);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const lines = Object.entries({ host, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  await connection.write(new TextEncoder().encode(`${method} ${path} HTTP/1.1\r\n${lines}\r\n`));
  const [decoder, block] = [new TextDecoder(), new Uint8Array(4096)];
  let text = "";
  while (!text.includes("\r\n\r\n")) text += decoder.decode(block.subarray(0, await connection.read(block) ?? 0));
  return { status: Number(text.split(" ")[1]), text };
}

Deno.test("servePage() answers this machine's names for itself alone", () =>
  withServer(async (server) => {
    const { port } = new URL(server.address);
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, "[::1]:9", "LOCALHOST"]) {
      assertEquals((await asked(server, { headers: { host } })).status, 200, host);
    }
    const others = [
      "evil.example",
      `evil.example:${port}`,
      `127.0.0.1.evil.example:${port}`,
      "localhost.",
      "10.0.0.1",
      "",
    ];
    for (const path of ["/", "/events"]) {
      for (const host of others) assertEquals((await asked(server, { path, headers: { host } })).status, 403, host);
    }
    assertEquals((await asked(server, { path: "http://evil.example/" })).status, 403);
    // what is no address at all
    assertEquals((await asked(server, { path: "http://[/" })).status, 403);
    assertEquals((await asked(server, { headers: { host: "localhost:99999999" } })).status, 403);
    assertEquals((await asked(server, { path: `http://localhost:${port}/` })).status, 200);
  }));

Deno.test("servePage() gives other pages nothing, and no leave to read", () =>
  withServer(async (server) => {
    const { host } = new URL(server.address);
    const foreign: Record<string, string>[] = [
      { origin: "https://evil.example" },
      { origin: "null" },
      { origin: "http://127.0.0.1:1" },
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors" },
      { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe" },
    ];
    for (const headers of foreign) {
      for (const path of ["/", "/events"]) {
        const { status, text } = await asked(server, { path, headers });
        assertEquals(status, 403, JSON.stringify(headers));
        assert(!/access-control/i.test(text));
      }
    }
    const own: Record<string, string>[] = [
      { origin: `http://${host}`, "sec-fetch-site": "same-origin" },
      // behind a proxy that encrypts
      { origin: `https://${host}`, "sec-fetch-site": "same-origin" },
      { "sec-fetch-site": "none", "sec-fetch-mode": "navigate" },
      { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" },
    ];
    for (const headers of own) {
      const { status, text } = await asked(server, { headers });
      assertEquals(status, 200, JSON.stringify(headers));
      assert(!/access-control/i.test(text));
      assertStringIncludes(text.toLowerCase(), "cross-origin-resource-policy: same-origin");
      assertStringIncludes(text.toLowerCase(), "x-frame-options: deny");
    }
    const preflight = { origin: "https://evil.example", "access-control-request-method": "GET" };
    assertEquals((await asked(server, { method: "OPTIONS", headers: preflight })).status, 403);
  }));

Deno.test("servePage() serves the page and its events, and no file", () =>
  withServer(async (server, folder) => {
    const paths = [
      "/../secret.txt",
      "/..%2fsecret.txt",
      "/%2e%2e/%2e%2e/etc/passwd",
      `/${folder}/secret.txt`,
      `//${folder}/secret.txt`,
      "/runs/a/metrics.jsonl",
      "/a",
      "/events/../../secret.txt",
      "/favicon.ico",
    ];
    for (const path of paths) {
      const { status, text } = await asked(server, { path });
      assertEquals([path, status, text.includes("secret")], [path, 404, false]);
    }
    for (const method of ["POST", "PUT", "DELETE"]) assertEquals((await asked(server, { method })).status, 405);
  }));

Deno.test("servePage() tells of a run, of what is new in it, and of runs that begin", () =>
  withServer(async (server, folder) => {
    const response = await fetch(`${server.address}events`);
    assertEquals(response.headers.get("content-type"), "text/event-stream");
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    const until = async (wanted: string) => {
      while (!text.includes(wanted)) text += (await reader.read()).value!;
      const found = text;
      text = "";
      return found;
    };
    const first = await until(`"id":"${folder}/runs/a"`);
    assertStringIncludes(first, `event: runs\ndata: ["${folder}/runs/a"]\n\n`);
    await Deno.writeTextFile(`${folder}/runs/a/metrics.jsonl`, stepLine(101), { append: true });
    assertStringIncludes(await until(",101]"), '"from":99,"columns":{"step":[100,101]');
    await writeRun(`${folder}/runs/b`);
    await until(`data: ["${folder}/runs/a","${folder}/runs/b"]`);
    await reader.cancel();
  }));

Deno.test("servePage() tells how a run ended before it is closed, and waits for nobody for long", () =>
  withServer(async (server, folder) => {
    const [{ body }, idle] = await Promise.all([fetch(`${server.address}events`), fetch(`${server.address}events`)]);
    const reader = body!.pipeThrough(new TextDecoderStream()).getReader();
    for (let text = ""; !text.includes(",100]");) text += (await reader.read()).value!;
    await Deno.writeTextFile(`${folder}/runs/a/metrics.jsonl`, stepLine(101), { append: true });
    const began = performance.now();
    const closed = server.close();
    let text = "";
    for (let read; !(read = await reader.read()).done;) text += read.value;
    assertStringIncludes(text, ",101]");
    await closed;
    assert(performance.now() - began < 3000);
    await idle.body?.cancel().catch(() => {});
  }));

Deno.test("servePage() goes on where something cannot be read for a while", () =>
  inTemporaryFolder(async (folder) => {
    await writeRun(`${folder}/a`);
    const { views, refresh } = watchRuns([folder]);
    let failures = 0;
    const failing = () => ++failures <= 2 ? Promise.reject(new Error("EIO")) : refresh();
    const server = await servePage({ views, refresh: failing }, { port: 0 });
    const reader = (await fetch(`${server.address}events`)).body!.pipeThrough(new TextDecoderStream()).getReader();
    for (let text = ""; !text.includes(",100]");) text += (await reader.read()).value!;
    await reader.cancel();
    await server.close();
  }));

Deno.test("servePage() throws where the port is taken, and frees it when it is closed", () =>
  inTemporaryFolder(async (folder) => {
    const runs = watchRuns([folder]);
    const server = await servePage(runs, { port: 0 });
    const port = Number(new URL(server.address).port);
    await assertRejects(() => servePage(runs, { port }), Deno.errors.AddrInUse);
    const listening = await fetch(`${server.address}events`);
    await server.close();
    await listening.body?.cancel().catch(() => {});
    await (await servePage(runs, { port })).close();
  }));
