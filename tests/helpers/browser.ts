// Debian's chromium, or the browser that CLOZE_CHROMIUM names.
import { type Browser, chromium, type Page } from "npm:playwright-core@1.65.1";

const executablePath = Deno.env.get("CLOZE_CHROMIUM") ?? "/usr/bin/chromium";

/** Whether there is no browser. */
export const withoutBrowser: boolean = await Deno.stat(executablePath).then(() => false, () => true);
if (withoutBrowser && Deno.env.get("CLOZE_REQUIRE_CHROMIUM")) {
  throw new Error(`There is no browser at ${executablePath}`);
}

const flags = ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking"];
const args = [...flags, "--disable-component-update", "--disable-sync"];

/** A browser without a window of its own, with more flags; the caller closes it. */
export const openBrowser = (more: readonly string[] = []): Promise<Browser> =>
  chromium.launch({ executablePath, args: [...args, ...more] });

/** Milliseconds that a redraw takes, all charts together, the middle of some: other programs take their time too. */
export const redrawTime = (page: Page): Promise<number> =>
  page.evaluate(`(async () => {
    const times = [];
    for (let i = 0; i < 11; i++) {
      const slider = document.getElementById("smoothing");
      slider.value = 0.5 + i / 30;
      let begin;
      requestAnimationFrame(() => begin = performance.now());
      slider.dispatchEvent(new Event("input", { bubbles: true }));
      times.push(await new Promise((end) => requestAnimationFrame(() => end(performance.now() - begin))));
    }
    return times.sort((a, b) => a - b)[5];
  })()`);
