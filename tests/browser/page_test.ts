// The page in a real browser: Debian's chromium, or the one that CLOZE_CHROMIUM names; ignored where there is none.
import { assert, assertEquals, assertGreater, assertStringIncludes } from "@std/assert";
import type { Page } from "npm:playwright-core@1.65.1";
import { watchRuns } from "../../lib/page/run_set.ts";
import { reportOn } from "../../lib/page/report.ts";
import { servePage } from "../../lib/page/server.ts";
import { openBrowser, redrawTime, withoutBrowser } from "../helpers/browser.ts";
import { stepLine, stepLines, writeRun } from "../helpers/run_folders.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const ignore = withoutBrowser;

/** A browser's window, and what went wrong or was asked for in it. */
interface Window {
  readonly page: Page;
  readonly complaints: string[];
  readonly requests: string[];
}

async function withBrowser(work: (open: (options?: object) => Promise<Window>, folder: string) => Promise<void>) {
  const browser = await openBrowser();
  try {
    const open = async (options = {}): Promise<Window> => {
      const page = await browser.newPage(options);
      const [complaints, requests]: string[][] = [[], []];
      page.on("console", (message) => complaints!.push(`${message.type()}: ${message.text()}`));
      page.on("pageerror", (error) => complaints!.push(error.message));
      page.on("request", (request) => requests!.push(request.url()));
      return { page, complaints: complaints!, requests: requests! };
    };
    await inTemporaryFolder((folder) => work(open, folder));
  } finally {
    await browser.close();
  }
}

const label = (page: Page, chart: string) => page.locator(`#chart-${chart} > div`).getAttribute("aria-label");

/** Waits until the steps of the table of runs are so many. */
const untilStep = (page: Page, step: string) => page.locator("td.number", { hasText: step }).first().waitFor();

/** Points of a chart's canvas that are of the first run's colour. */
const pointsDrawn = (page: Page, chart: string) =>
  page.locator(`#chart-${chart} canvas`).evaluate((canvas) => {
    const { width, height } = canvas as unknown as { width: number; height: number };
    // deno-lint-ignore no-explicit-any
    const { data } = (canvas as any).getContext("2d").getImageData(0, 0, width, height);
    let count = 0;
    for (let i = 0; i < data.length; i += 4) {
      count += data[i] === 0x0b && data[i + 1] === 0x62 && data[i + 2] === 0xb8 ? 1 : 0;
    }
    return count;
  }) as Promise<number>;

Deno.test({
  name: "the page draws a run, follows it, and finds its server again",
  ignore,
  fn: () =>
    withBrowser(async (open, folder) => {
      await writeRun(`${folder}/a`, { samples: JSON.stringify({ step: 50, samples: [["a", ["b", "c"]]] }) + "\n" });
      const server = await servePage(watchRuns([folder]), { port: 0 });
      const { page, complaints, requests } = await open();
      await page.goto(server.address);
      await untilStep(page, "100");
      for (const chart of ["loss", "accuracy", "rate", "shape", "speed", "norm"]) {
        assertGreater(await pointsDrawn(page, chart), 300);
      }
      assertStringIncludes((await label(page, "shape"))!, "length 32 until 50, length 64 until 100");
      assertEquals(await page.locator(".sample").textContent(), "acb");
      // a run of an earlier version: nothing is known of memory
      assertEquals(await page.locator("#chart-memory").isVisible(), false);
      const memory = { kind: "validation", loss: 2, deviceBytes: 3 << 20, residentBytes: 200 << 20 };
      const line = JSON.stringify({ ...JSON.parse(stepLine(100)), ...memory }) + "\n";
      await Deno.writeTextFile(`${folder}/a/metrics.jsonl`, line, { append: true });
      await page.locator("#chart-memory").waitFor();
      assertStringIncludes((await label(page, "memory"))!, "a device 3 MiB; a process 200 MiB");
      await page.evaluate("globalThis.row = document.querySelector('tbody th')");
      await Deno.writeTextFile(`${folder}/a/metrics.jsonl`, stepLine(101, { loss: 1 }), { append: true });
      await untilStep(page, "101");
      // a row is the same one as before, with other figures in it
      assertEquals(await page.evaluate("globalThis.row === document.querySelector('tbody th')"), true);
      // a window that nobody sees asks for nothing
      const see = (isHidden: boolean) =>
        page.evaluate(`Object.defineProperty(document, "hidden", { value: ${isHidden}, configurable: true }) &&
          document.dispatchEvent(new Event("visibilitychange"))`);
      const before = requests.length;
      await see(true);
      await Deno.writeTextFile(`${folder}/a/metrics.jsonl`, stepLine(103), { append: true });
      await new Promise((resolve) => setTimeout(resolve, 1500));
      assertEquals([await page.locator("td.number", { hasText: "103" }).count(), requests.length], [0, before]);
      await see(false);
      await untilStep(page, "103");
      assertEquals(complaints, []);

      const port = Number(new URL(server.address).port);
      await server.close();
      await page.getByText("what served this page has stopped").waitFor();
      await Deno.writeTextFile(`${folder}/a/metrics.jsonl`, stepLine(104), { append: true });
      const again = await servePage(watchRuns([folder]), { port });
      try {
        await untilStep(page, "104");
        assertEquals(await page.locator("#connection").textContent(), "live");
        assert(requests.every((url) => url.startsWith(server.address) || url === "data:,"), requests.join(" "));
        // the browser itself tells of the connection that was lost
        assertEquals(complaints.filter((text) => !text.includes("net::ERR_")), []);
      } finally {
        await page.close();
        await again.close();
      }
    }),
});

Deno.test({
  name: "a report shows 100,000 steps, in both themes and on a phone",
  ignore,
  fn: () =>
    withBrowser(async (open, folder) => {
      await writeRun(`${folder}/a`, { metrics: stepLines(1, 100_000), steps: 100_000 });
      await writeRun(`${folder}/b`, { metrics: stepLines(1, 100_000), steps: 100_000, learningRate: 2e-3 });
      const file = `${folder}/report.html`;
      await Deno.writeTextFile(file, await reportOn([`${folder}/a`, `${folder}/b`]));
      const times: string[] = [];
      for (const colorScheme of ["light", "dark"] as const) {
        for (const width of [1280, 390]) {
          const { page, complaints, requests } = await open({ colorScheme, viewport: { width, height: 800 } });
          await page.goto(`file://${file}`);
          await untilStep(page, "100,000");
          assertEquals(await page.locator("html").getAttribute("data-theme"), colorScheme);
          assertEquals(await page.evaluate("document.documentElement.scrollWidth - innerWidth"), 0);
          await redrawTime(page);
          times.push(`${(await redrawTime(page)).toFixed(1)} ms`);
          assertEquals(complaints, []);
          assertEquals(requests.filter((url) => url !== `file://${file}` && url !== "data:,"), []);
          assertEquals(
            await page.locator("thead th").allTextContents().then((all) => all.at(-1)),
            "learning rate peak",
          );
          await page.close();
        }
      }
      // to be read, not judged: other programs take their time too
      console.log(`redraws of two runs of 100,000 steps: ${times.join(", ")}`);
    }),
});

Deno.test({
  name: "the page is used with the keyboard, and each of its controls has a name",
  ignore,
  fn: () =>
    withBrowser(async (open, folder) => {
      await writeRun(`${folder}/a`);
      await writeRun(`${folder}/b`, { learningRate: 2e-3 });
      await Deno.writeTextFile(`${folder}/report.html`, await reportOn([folder]));
      const { page, complaints } = await open();
      await page.goto(`file://${folder}/report.html`);
      const loss = page.getByRole("application", { name: /^Loss over step/ });
      await loss.focus();
      await page.keyboard.press("End");
      await page.keyboard.press("ArrowLeft");
      assertStringIncludes((await page.locator("#readout").textContent())!, "Loss: step 99, a training ");
      await page.keyboard.press("+");
      await page.keyboard.press("Escape");

      await page.getByRole("checkbox", { name: "a", exact: true }).focus();
      await page.keyboard.press("Space");
      assertEquals((await label(page, "loss"))!.includes("a training"), false);
      // the table is made anew, and the focus stays where it was
      await page.keyboard.press("Space");
      assertEquals((await label(page, "loss"))!.includes("a training"), true);

      await page.getByRole("radio", { name: "tokens" }).focus();
      await page.keyboard.press("Space");
      await page.getByRole("application", { name: /^Loss over tokens/ }).waitFor();
      await page.getByRole("combobox", { name: "Theme" }).selectOption("dark");
      await page.locator('html[data-theme="dark"]').waitFor();
      const unnamed = await page.locator("input, select").evaluateAll((all) =>
        // deno-lint-ignore no-explicit-any
        (all as any[]).filter(({ labels }) => labels.length === 0).length
      );
      assertEquals(unnamed, 0);
      assertEquals(complaints, []);
    }),
});

Deno.test({
  name: "candidates are shown to a pointer, a finger and the keyboard, and while other steps are chosen",
  ignore,
  fn: () =>
    withBrowser(async (open, folder) => {
      const at = (step: number, probability: number, best = "e") => {
        const masked = ["b", "c", [["c", probability], ["b", 0.25], ["\n", 0.001]]];
        return JSON.stringify({ step, samples: [["a", masked, "d", ["e", best, [[best, 1]]]], ["old", ["x", "y"]]] }) +
          "\n";
      };
      await writeRun(`${folder}/a`, { samples: at(50, 0.5, "f") + at(60, 0.625) });
      await Deno.writeTextFile(`${folder}/report.html`, await reportOn([folder]));
      const { page, complaints } = await open({ hasTouch: true, viewport: { width: 390, height: 800 } });
      await page.goto(`file://${folder}/report.html`);
      const [marks, box] = [page.locator(".sample mark"), page.locator("#candidates")];
      const shown = async () =>
        await box.isVisible() ? await box.innerText().then((text) => text.trim().split(/\s+/)) : [];
      const [wrong, right, old] = [
        ["“c”", "was", "predicted,", "“b”", "stood", "there", "c", "62.5%", "b", "25.0%", "↵", "0.1%"],
        ["“e”", "is", "right", "e", "100.0%", "f", "until", "step", "50,", "then", "e"],
        ["“y”", "was", "predicted,", "“x”", "stood", "there"],
      ];
      await marks.first().hover();
      assertEquals(await shown(), wrong);
      // the pointer may go to what is shown, and Escape takes it away
      await box.hover();
      assertEquals(await shown(), wrong);
      await page.keyboard.press("Escape");
      assertEquals(await shown(), []);
      await page.mouse.move(0, 0);

      await page.getByRole("button", { name: "“c” was predicted, “b” stood there; c 62.5%; b 25.0%; ↵ 0.1%" }).focus();
      assertEquals(await shown(), wrong);
      await page.keyboard.press("ArrowRight");
      assertEquals(await shown(), right);
      await page.keyboard.press("ArrowRight");
      assertEquals(await shown(), old);
      await page.keyboard.press("Shift+Tab");
      assertEquals(await shown(), right);
      await page.keyboard.press("Home");

      // who looks at a mark sees what becomes of it
      await page.evaluate(`(() => {
        const slider = document.getElementById("samples-step");
        slider.value = 0;
        slider.dispatchEvent(new Event("input"));
      })()`);
      assertStringIncludes((await shown()).join(" "), "c 50.0%");
      await page.locator("h1").tap();
      await page.evaluate("document.activeElement.blur()");
      assertEquals(await shown(), []);
      await marks.nth(2).tap();
      assertEquals(await shown(), old);
      await page.locator("#samples-heading").tap();
      assertEquals(await shown(), []);
      assertEquals(complaints, []);
    }),
});

Deno.test({
  name: "a chart is read with a finger, in the rows of all runs",
  ignore,
  fn: () =>
    withBrowser(async (open, folder) => {
      // the rows of one run lie between those of the other
      const every = (first: number) =>
        Array.from({ length: 50 }, (_, i) => stepLine(first + 2 * i, { loss: first })).join("");
      await writeRun(`${folder}/a`, { metrics: every(1) });
      await writeRun(`${folder}/b`, { metrics: every(2), learningRate: 2e-3 });
      await Deno.writeTextFile(`${folder}/report.html`, await reportOn([folder]));
      const { page, complaints } = await open({
        hasTouch: true,
        isMobile: true,
        viewport: { width: 390, height: 800 },
      });
      await page.goto(`file://${folder}/report.html`);
      const legend = page.locator("#chart-loss .u-legend");
      const values = async () => await legend.innerText().then((text) => text.replace(/\s+/g, " ").trim());
      assertEquals(await values(), "step100a training1.000a validation–b training2.000b validation–");
      const { x, y, width, height } = (await page.locator("#chart-loss .u-over").boundingBox())!;
      await page.touchscreen.tap(x + width / 2, y + height / 2);
      assertStringIncludes(await values(), "a training1.000a validation–b training2.000");
      assert(Math.abs(Number(/step(\d+)/.exec(await values())![1]) - 50) < 3);
      assertEquals(complaints, []);
    }),
});
