/**
 * Builds the page that trains in a browser: one file with everything in it, which works from any server and from a disk.
 *
 * @module
 */

import uPlotScript from "uplot/uPlot.js" with { type: "text" };
import uPlotStyle from "uplot/uPlot.css" with { type: "text" };
import runsStyle from "../lib/page/client/page.css" with { type: "text" };
import frame from "./page.html" with { type: "text" };
import style from "./page.css" with { type: "text" };

/** A module with all that it imports, as a script of no module: such scripts also run from a disk. */
async function bundled(entry: string): Promise<string> {
  const path = (name: string) => decodeURIComponent(new URL(name, import.meta.url).pathname);
  const folder = await Deno.makeTempDir({ prefix: "cloze-tab-" });
  try {
    const to = `${folder}/script.js`;
    const options = ["--quiet", `--config=${path("../deno.json")}`, "--platform=browser", "--format=iife", "--minify"];
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["bundle", ...options, path(entry), "-o", to],
    }).output();
    if (!success) throw new Error(`Cannot bundle ${entry}: ${new TextDecoder().decode(stderr)}`);
    return await Deno.readTextFile(to);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A script as it may stand in a page: nothing in it ends its element. */
function inPage(script: string): string {
  const safe = script.replaceAll("</script", "<\\/script").replaceAll("<!--", "<\\!--");
  // a browser would read other characters than those that the policy's digest is of
  if (/[\0\r]/.test(safe)) throw new RangeError("Cannot write a script into the page: it holds a control character");
  return safe;
}

async function digest(text: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return `sha256-${new Uint8Array(hash).toBase64()}`;
}

/** The page. */
export async function tabPage(): Promise<string> {
  const [main, worker] = await Promise.all(["main.ts", "worker.ts"].map(bundled));
  const script = inPage(`${uPlotScript}\n${main}`);
  const policy = [
    "default-src 'none'",
    `script-src '${await digest(script)}' 'wasm-unsafe-eval'`,
    "worker-src blob:",
    // uPlot places its parts by styles of their own
    "style-src 'unsafe-inline'",
    "img-src data:",
    // models are loaded from the addresses that a visitor writes
    "connect-src http: https:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  const styles = `${uPlotStyle}\n${runsStyle}\n${style}`;
  const parts: Readonly<Record<string, string>> = { policy, style: styles, script, worker: inPage(worker!) };
  return frame.replace(/^<!-- .* -->\n/, "").replace(/\{\{(\w+)\}\}/g, (_, name: string) => parts[name]!);
}

if (import.meta.main) {
  const folder = new URL("dist/", import.meta.url);
  await Deno.mkdir(folder, { recursive: true });
  const page = await tabPage();
  await Deno.writeTextFile(new URL("index.html", folder), page);
  console.log(`tab/dist/index.html, ${page.length.toLocaleString("en")} characters: open it, or serve its folder`);
}
