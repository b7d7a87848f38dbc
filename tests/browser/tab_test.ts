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

/** Notes every best loss on the held-out text that is shown. */
const noteLosses = `globalThis.losses = [];
new MutationObserver(() => {
  const loss = /held-out loss ([0-9.]+)/.exec(document.getElementById("figures").textContent);
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
  // a guess among 47 tokens has 3.85
  assertLess(losses.at(-1)!, Math.min(3.3, losses[0]!), losses.join(" "));
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
  // another model first
  await choose(page, { amount: "1" });
  await page.getByRole("button", { name: "Train a new model" }).click();
  await untilSaid(page, "Finished");
  assert(await filled(page) !== answer);
  for (
    const loading of [
      () => page.getByRole("button", { name: "Load my-model" }).click(),
      () => page.locator("#zip").setInputFiles(path),
      () => page.locator("#load-address").click(),
    ]
  ) {
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

/** What stays the same for half a second: what was read a moment ago may still be on its way. */
async function settled<T>(look: () => Promise<T>): Promise<T> {
  let [last, same] = [await look(), 0];
  for (let looks = 0; same < 5 && looks < 50; looks++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    const now = await look();
    same = JSON.stringify(now) === JSON.stringify(last) ? same + 1 : 0;
    last = now;
  }
  return last;
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
    held.push([await settled(() => worker.evaluate("heldMemory()")), await page.locator("#model").textContent()]);
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

/** One browser for all tests: it takes long to start. */
const browser = withoutBrowser ? undefined : await openBrowser(flags);
Deno.test.afterAll(() => browser?.close());

async function withTab(
  work: (open: (options?: object, at?: string) => Promise<Tab>, more: {
    folder: string;
    address: string;
    serve: (files: ReadonlyMap<string, Blob>) => string;
  }) => Promise<void>,
) {
  const { server, address, serve } = served(html);
  try {
    await inTemporaryFolder((folder) =>
      work((options, at = address) => openTab(browser!, at, options), { folder, address, serve })
    );
  } finally {
    for (const context of browser!.contexts()) await context.close();
    await server.shutdown();
  }
}

for (const { device, steps } of [{ device: "cpu", steps: "120" }, { device: "webgpu", steps: "24" }]) {
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

Deno.test({
  name: "the page works from a disk, in both themes, on a phone and with the keyboard",
  ignore: withoutBrowser,
  sanitizeOps: false,
  sanitizeResources: false,
  fn: () =>
    withTab(async (open, { folder }) => {
      const file = `file://${folder}/index.html`;
      await Deno.writeTextFile(`${folder}/index.html`, html);
      for (const colorScheme of ["light", "dark"] as const) {
        for (const width of [1280, 390]) {
          const { page, complaints, requests } = await open({ colorScheme, viewport: { width, height: 800 } }, file);
          assertEquals(await page.locator("html").getAttribute("data-theme"), colorScheme);
          const isTrained = colorScheme === "dark" && width === 390;
          if (isTrained) await trainByKeyboard(page);
          assertEquals(await page.evaluate("document.documentElement.scrollWidth - innerWidth"), 0);
          assertEquals(await page.locator("input, select, textarea, progress").evaluateAll(unnamed), []);
          assertEquals(complaints, []);
          assertEquals(requests.filter((url) => url !== file && !url.startsWith("blob:")), []);
          await page.close();
        }
      }
    }),
});

/** Ids of what has no name. */
// deno-lint-ignore no-explicit-any
const unnamed = (all: any[]) =>
  all.filter((input) => !(input.labels?.length > 0 || input.ariaLabel)).map(({ id, name }) => id || name);

/** Trains a step, fills in and keeps the model with nothing but the keyboard. */
async function trainByKeyboard(page: Page): Promise<void> {
  await choose(page, { ...small, device: "cpu", amount: "1" });
  await page.getByRole("button", { name: "Train a new model" }).press("Enter");
  await untilSaid(page, "Finished");
  await page.getByLabel(/^Sentence with/).fill("Anna has a red b");
  await page.getByRole("button", { name: "Insert [MASK]" }).press("Enter");
  await page.keyboard.type("ll.");
  await page.keyboard.press("Enter");
  await page.locator("#filled table").waitFor();
  assert(/^Filled in: Anna has a red b.*ll\.$/.test((await page.locator("#filled-spoken").textContent())!));
  await page.locator("mark[tabindex='0']").first().focus();
  await page.locator("#candidates table").waitFor();
  await page.keyboard.press("Escape");
  await page.getByLabel("Name", { exact: true }).fill("../a b?");
  await page.getByRole("button", { name: "Keep in this browser" }).press("Enter");
  await untilSaid(page, "Kept in this browser as a-b.");
  await page.getByRole("button", { name: "Delete a-b" }).press("Enter");
  await page.locator("#kept li").waitFor({ state: "detached" });
}

Deno.test({
  name: "what goes wrong in a tab is said in a sentence, and the model stays",
  ignore: withoutBrowser,
  sanitizeOps: false,
  sanitizeResources: false,
  fn: () =>
    withTab(async (open, { folder, address, serve }) => {
      const { page, worker } = await open();
      const alert = page.locator("[role=alert]");
      const problem = async (act: () => Promise<void>) => {
        await act();
        await alert.filter({ hasText: /./ }).waitFor();
        return await alert.textContent();
      };
      const train = () => page.getByRole("button", { name: "Train a new model" }).click();
      const loadFrom = (from: string) => async () => {
        await page.locator("#address").fill(from);
        await page.locator("#load-address").click();
      };
      await choose(page, { ...small, device: "cpu", amount: "1" });
      await train();
      await untilSaid(page, "Finished");
      const answer = await filled(page);
      await Deno.writeTextFile(`${folder}/bad.zip`, "this is no zip");
      await Deno.writeFile(`${folder}/bad.txt`, new Uint8Array([0x61, 0xff, 0xfe]));
      await Deno.writeTextFile(`${folder}/large.txt`, "");
      await Deno.truncate(`${folder}/large.txt`, 20_000_001);
      const cases: [() => Promise<void>, string][] = [
        [
          () => page.locator("#open").setInputFiles(`${folder}/large.txt`),
          "Cannot open large.txt: it has more than 20 MB, which only the command line reads.",
        ],
        [
          () => page.locator("#sentence").fill("no mask").then(() => page.locator("#fill").click()),
          'Cannot fill "no mask": it has no [MASK].',
        ],
        [
          () => page.locator("#zip").setInputFiles(`${folder}/bad.zip`),
          "Cannot read bad.zip: it is no zip file, or its end is missing.",
        ],
        [
          () => page.locator("#open").setInputFiles(`${folder}/bad.txt`),
          "Cannot read bad.txt: it is no text in UTF-8.",
        ],
        [
          loadFrom("ftp://a/b"),
          "Cannot load a model: its address has to begin with https:// or http://, or be a path such as models/small.",
        ],
        [
          loadFrom("nonsense"),
          "Cannot load a model: its address has to begin with https:// or http://, or be a path such as models/small.",
        ],
        [loadFrom(`${serve(new Map())}`), `Cannot use ${address}model: there is no config.json in it.`],
        [() => choose(page, { amount: "soon" }).then(train), "Steps must be a whole number from 1 to 10,000,000."],
      ];
      for (const [act, sentence] of cases) {
        assertEquals(await problem(act), sentence);
        await page.locator("#sentence").fill("Anna has a red b[MASK]ll.");
        assertEquals(await filled(page), answer);
        assertEquals(await alert.textContent(), "");
      }
      await page.locator("#text").fill("");
      await choose(page, { amount: "1" });
      assertEquals(await problem(train), "There is no text to train on.");
      assertEquals(await filled(page), answer);
      // a worker that dies takes its model with it, and another one trains
      assertEquals(
        await problem(() => worker.evaluate("setTimeout(() => { throw new Error('a fault') })") as Promise<void>),
        "The worker that trains has failed; another one was started, without the model.",
      );
      await page.getByText("There is no model yet.").waitFor();
      await page.locator("#text").fill(text);
      await train();
      await untilSaid(page, "Finished");
    }),
});
