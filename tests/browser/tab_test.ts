// The page that trains in a browser, in a real one, on both devices; ignored where there is none.
import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import type { Browser, Page } from "npm:playwright-core@1.65.1";
import { load } from "../../mod.ts";
import { tabPage } from "../../tab/build.ts";
import { folderOf } from "../../tab/model_files.ts";
import { storiesText } from "../../tab/stories.ts";
import { folderIn, unzipped } from "../../tab/zip.ts";
import { openBrowser, withoutBrowser } from "../helpers/browser.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const flags = ["--enable-unsafe-webgpu", "--js-flags=--expose-gc", "--enable-precise-memory-info"];

/** Counts in the worker what the browser gives of memory: bytes of buffers that were not destroyed, and of WebAssembly. */
const countMemory = `(() => {
  const live = new Map();
  const memories = [];
  if (globalThis.GPUDevice) {
    const { createBuffer } = GPUDevice.prototype;
    GPUDevice.prototype.createBuffer = function (descriptor) {
      const buffer = createBuffer.call(this, descriptor);
      live.set(buffer, descriptor.size);
      const destroy = buffer.destroy.bind(buffer);
      buffer.destroy = () => {
        live.delete(buffer);
        destroy();
      };
      return buffer;
    };
  }
  const { Memory } = WebAssembly;
  WebAssembly.Memory = function (descriptor) {
    const memory = new Memory(descriptor);
    memories.push(memory);
    return memory;
  };
  globalThis.heldMemory = () => {
    gc();
    return {
      buffers: [...live.values()].reduce((sum, size) => sum + size, 0),
      memories: memories.map(({ buffer }) => buffer.byteLength),
    };
  };
})()`;

/** The page in a window, and what went wrong or was asked for in it. */
async function openTab(browser: Browser, address: string, options: object = {}) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, ...options });
  const [complaints, requests]: string[][] = [[], []];
  page.on("console", (message) => complaints!.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => complaints!.push(error.message));
  page.on("request", (request) => requests!.push(request.url()));
  page.on("dialog", (dialog) => void dialog.accept());
  const started = page.waitForEvent("worker");
  await page.goto(address);
  const worker = await started;
  await worker.evaluate(countMemory);
  return { page, worker, complaints: complaints!, requests: requests! };
}

type Tab = Awaited<ReturnType<typeof openTab>>;

const said = (page: Page) => page.locator("#status").textContent();

/** Waits until a task has ended; fails with what went wrong. */
async function untilSaid(page: Page, beginning: string): Promise<void> {
  const status = page.locator("#status", { hasText: new RegExp(`^${beginning}`) });
  await status.or(page.locator("#problem:visible")).first().waitFor({ timeout: 60_000 });
  assertEquals(await page.locator("#problem").textContent(), "");
}

async function choose(page: Page, values: Readonly<Record<string, string>>): Promise<void> {
  if (!await page.locator("#settings details").getAttribute("open").then((open) => open !== null)) {
    await page.locator("summary").first().click();
  }
  for (const [name, value] of Object.entries(values)) {
    const input = page.locator(`#settings [name=${name}]`);
    if (["size", "vocabulary", "device", "unit"].includes(name)) await input.selectOption(value);
    else await input.fill(value);
  }
}

const small = { size: "tiny", unit: "steps", length: "16", batchTokens: "128" };

/** What is filled in, with its candidates. */
async function filled(page: Page): Promise<string> {
  await page.evaluate(`document.getElementById("filled").replaceChildren()`);
  await page.getByRole("button", { name: "Fill in" }).click();
  await page.locator("#filled table").waitFor();
  return (await page.locator("#filled").innerText()).replace(/\s+/g, " ").trim();
}

/** Notes every loss that is shown. */
const noteLosses = `globalThis.losses = [];
new MutationObserver(() => {
  const loss = / loss ([0-9.]+)/.exec(document.getElementById("figures").textContent);
  if (loss) losses.push(Number(loss[1]));
}).observe(document.getElementById("figures"), { childList: true })`;

/** Trains, stops, goes on; the loss falls. */
async function trainWithPause({ page }: Tab, steps: number): Promise<void> {
  await page.evaluate(noteLosses);
  await page.getByRole("button", { name: "Train a new model" }).click();
  await page.locator("#figures", { hasText: /^step / }).waitFor({ timeout: 60_000 });
  await page.getByRole("button", { name: "Stop" }).click();
  await untilSaid(page, "Stopped after step");
  const step = Number(/step (\d+)/.exec((await said(page))!)![1]);
  assert(step > 0 && step < steps, `stopped at ${step}`);
  await page.getByRole("button", { name: "Go on" }).click();
  await untilSaid(page, "Finished");
  const losses = await page.evaluate("losses") as number[];
  assertLess(losses.at(-1)!, losses[0]! - 0.3, losses.join(" "));
  assertGreater(await page.locator(".sample mark").count(), 0);
}

/** What the model answers after it was kept, read from a zip, and from an address, is what it answered before. */
async function saveAndLoad({ page }: Tab, { answer, folder, serve }: {
  answer: string;
  folder: string;
  serve: (files: ReadonlyMap<string, Blob>) => string;
}): Promise<void> {
  const downloading = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download as a zip" }).click();
  const path = `${folder}/my-model.zip`;
  await (await downloading).saveAs(path);
  await page.getByRole("button", { name: "Keep in this browser" }).click();
  await untilSaid(page, "Kept in this browser as my-model");
  const zip = new Blob([await Deno.readFile(path)]);
  const files = folderIn(await unzipped(zip, "my-model.zip"));
  await page.locator("#address").fill(serve(files));
  for (
    const loading of [
      () => page.getByRole("button", { name: "Load my-model" }).click(),
      () => page.locator("#zip").setInputFiles(path),
      () => page.locator("#load-address").click(),
    ]
  ) {
    // another model first
    await choose(page, { amount: "1" });
    await page.getByRole("button", { name: "Train a new model" }).click();
    await untilSaid(page, "Finished");
    assert(await filled(page) !== answer);
    await loading();
    await untilSaid(page, "Loaded");
    assertEquals(await filled(page), answer);
  }
  // and what this package itself answers outside the browser
  using model = await load(folderOf("the zip", files), { device: "cpu", threads: 1 });
  const { filled: text, masks } = await model.fill("Anna has a red b[MASK]ll.");
  const rows = masks[0]!.candidates.map(({ token, probability }) =>
    `${token === " " ? "␣" : token} ${(100 * probability).toFixed(1)}%`
  );
  assertEquals(answer, `${text.replace(/\s+/g, " ")} What could stand there ${rows.join(" ")}`);
}

/** Ten runs hold no more memory than two. */
async function runTenTimes({ page, worker }: Tab): Promise<void> {
  const held: unknown[] = [];
  const heaps: number[] = [];
  await choose(page, { amount: "1" });
  for (let i = 0; i < 10; i++) {
    await page.getByRole("button", { name: "Train a new model" }).click();
    await untilSaid(page, "Finished");
    await filled(page);
    held.push([await worker.evaluate("heldMemory()"), await page.locator("#model").textContent()]);
    heaps.push(await page.evaluate("gc(), performance.memory.usedJSHeapSize") as number);
  }
  for (const now of held.slice(2)) assertEquals(now, held[1]);
  // some kilobytes a run are the browser's own
  assertLess(heaps[9]! - heaps[1]!, 500_000, heaps.join(" "));
}

/** Serves the page, and a model's files where there are some. */
function served(html: string) {
  let files: ReadonlyMap<string, Blob> = new Map();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, ({ url }) => {
    const { pathname } = new URL(url);
    if (pathname === "/") return new Response(html, { headers: { "content-type": "text/html" } });
    const file = files.get(pathname.slice("/model/".length));
    return new Response(file ?? null, { status: file ? 200 : 404 });
  });
  const address = `http://127.0.0.1:${server.addr.port}/`;
  const serve = (now: ReadonlyMap<string, Blob>) => {
    files = now;
    return `${address}model`;
  };
  return { server, address, serve };
}

const html = withoutBrowser ? "" : await tabPage();
const text = await storiesText(40);

async function withTab(
  work: (open: (options?: object) => Promise<Tab>, more: {
    folder: string;
    address: string;
    serve: (files: ReadonlyMap<string, Blob>) => string;
  }) => Promise<void>,
) {
  const { server, address, serve } = served(html);
  const browser = await openBrowser(flags);
  try {
    await inTemporaryFolder((folder) =>
      work((options) => openTab(browser, address, options), { folder, address, serve })
    );
  } finally {
    await browser.close();
    await server.shutdown();
  }
}

for (const { device, steps } of [{ device: "cpu", steps: "200" }, { device: "webgpu", steps: "24" }]) {
  Deno.test({
    name: `a model is trained in a tab, stopped, saved and loaded, and nothing leaks (${device})`,
    ignore: withoutBrowser,
    sanitizeOps: false,
    sanitizeResources: false,
    fn: () =>
      withTab(async (open, { folder, address, serve }) => {
        const tab = await open();
        const { page, complaints, requests } = tab;
        await page.locator("#text").fill(text);
        await choose(page, { ...small, device, amount: steps });
        await trainWithPause(tab, Number(steps));
        assert((await page.locator("#model").textContent())!.includes(device === "cpu" ? "WebAssembly" : "WebGPU"));
        await saveAndLoad(tab, { answer: await filled(page), folder, serve });
        await runTenTimes(tab);
        assertEquals(complaints, []);
        assertEquals(requests.filter((url) => !url.startsWith(address) && !url.startsWith("blob:")), []);
      }),
  });
}
