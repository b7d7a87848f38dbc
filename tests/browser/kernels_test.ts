// Every kernel's tests in a browser: what Tint, Chromium's compiler, makes of them, on its software adapter or a graphics card.
import { assert, assertEquals, assertGreater } from "@std/assert";
import { chromium } from "npm:playwright-core@1.65.1";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const executablePath = Deno.env.get("CLOZE_CHROMIUM") ?? "/usr/bin/chromium";
const ignore = await Deno.stat(executablePath).then(() => false, () => true);
if (ignore && Deno.env.get("CLOZE_REQUIRE_CHROMIUM")) throw new Error(`There is no browser at ${executablePath}`);

const flags = ["--no-sandbox", "--enable-unsafe-webgpu", "--disable-quic", "--no-first-run"];
const args = [...flags, "--disable-background-networking", "--disable-component-update", "--disable-sync"];

interface InPage {
  readonly cases: readonly { name: string; ignore?: boolean; fn: () => void | Promise<void> }[];
}

/** Those on tensors of f16, which the browser's own adapter in software does not have. */
const isHalf = (name: string) => name.includes("(webgpu, f16");

/** Those of WebGPU; each tile with all that a product can do, but not with every shape: its compiling takes seconds. */
const isWanted = (name: string) =>
  isHalf(name) || name.endsWith("(webgpu, direct products)") || name.endsWith("(webgpu, tiled products)") ||
  (name.includes("(webgpu, tiles") && /\[130, 68\]|gelu and|residual/.test(name));

/** The tests of operations as one file. */
async function bundled(folder: string): Promise<string> {
  const [from, to] = [new URL("kernels_in_page.ts", import.meta.url).pathname, `${folder}/kernels.js`];
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", `--config=${config}`, "--platform=browser", from, "-o", to],
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  return await Deno.readTextFile(to);
}

const page = `<!doctype html><link rel="icon" href="data:,">
<script type="importmap">{"imports": {"node:assert": "./assert.js"}}</script>
<script type="module" src="kernels.js"></script>`;

/** Serves a script and a page with it: WebGPU wants an origin that it trusts. */
function served(script: string): Deno.HttpServer<Deno.NetAddr> {
  const assertions = Deno.readTextFileSync(new URL("assert_in_page.js", import.meta.url));
  const files: Record<string, [type: string, text: string]> = {
    "/": ["text/html", page],
    "/kernels.js": ["text/javascript", script],
    "/assert.js": ["text/javascript", assertions],
  };
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, ({ url }) => {
    const [type, text] = files[new URL(url).pathname]!;
    return new Response(text, { headers: { "content-type": type } });
  });
}

Deno.test({
  name: "every kernel compiles in a browser too, and computes the same forward and backward",
  ignore,
  // the browser's pipes are playwright's
  sanitizeOps: false,
  sanitizeResources: false,
  fn: (t) =>
    inTemporaryFolder(async (folder) => {
      const server = served(await bundled(folder));
      const browser = await chromium.launch({ executablePath, args });
      try {
        const page = await browser.newPage();
        const complaints: string[] = [];
        page.on("console", (message) => complaints.push(`${message.type()}: ${message.text()}`));
        page.on("pageerror", (error) => complaints.push(error.message));
        await page.goto(`http://127.0.0.1:${server.addr.port}/`);
        const isLoaded = () => (globalThis as unknown as Partial<InPage>).cases !== undefined;
        await page.waitForFunction(isLoaded, undefined, { timeout: 60_000 }).catch((error) => {
          throw new Error([...complaints, error.message].join("\n"));
        });
        await page.waitForLoadState("load");
        const names = await page.evaluate(() =>
          (globalThis as unknown as InPage).cases.map(({ name, ignore }) => ({ name, ignore: ignore ?? false }))
        );
        const wanted = names.flatMap(({ name, ignore }, i) => isWanted(name) ? [{ i, name, ignore }] : []);
        assertGreater(wanted.length, 100);
        for (const { i, name, ignore } of wanted) {
          await t.step({
            name,
            ignore: ignore && isHalf(name),
            fn: async () => {
              assertEquals(ignore, false, "there is no adapter in this browser");
              await page.evaluate((i) => (globalThis as unknown as InPage).cases[i]!.fn(), i);
            },
          });
        }
        assertEquals(complaints, []);
      } finally {
        await browser.close();
        await server.shutdown();
      }
    }),
});
