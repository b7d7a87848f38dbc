/**
 * How long the page takes to draw runs of 100,000 steps in Debian's chromium, and how long a program that trains one takes to
 * tell it what is new: `deno run -A bench/page.ts`. A redraw is that of all charts after a move of the smoothing slider.
 */
import { reportOn } from "../lib/page/report.ts";
import { watchRuns } from "../lib/page/run_set.ts";
import type { RunPlace } from "../lib/page/run_view.ts";
import { openBrowser, redrawTime } from "../tests/helpers/browser.ts";
import { stepLines, writeRun } from "../tests/helpers/run_folders.ts";
import { inTemporaryFolder } from "../tests/helpers/temporary_folder.ts";
import { median } from "./helpers.ts";

const STEPS = 100_000;
const REPEATS = 5;

/** Milliseconds for the news of five steps, as a server tells them twice a second. */
async function tellingTime(path: string): Promise<number> {
  const runs = watchRuns([path]);
  await runs.refresh();
  let place: RunPlace | undefined;
  const times: number[] = [];
  for (let step = STEPS + 1; times.length < 200; step += 5) {
    await Deno.writeTextFile(`${path}/metrics.jsonl`, stepLines(step, step + 4), { append: true });
    const began = performance.now();
    await runs.refresh();
    const news = runs.views.get(path)!.since(place)!;
    new TextEncoder().encode(JSON.stringify(news.message));
    times.push(performance.now() - began);
    place = news.place;
  }
  return median(times);
}

await inTemporaryFolder(async (folder) => {
  await writeRun(`${folder}/told`, { metrics: stepLines(1, STEPS), steps: STEPS });
  const telling = await tellingTime(`${folder}/told`);
  console.log(
    `news of ${STEPS.toLocaleString("en")} steps: ${telling.toFixed(2)} ms, ${
      (telling / 5).toFixed(2)
    }% of half a second`,
  );
  const browser = await openBrowser();
  try {
    const paths = ["a", "b", "c"].map((name) => `${folder}/${name}`);
    for (const path of paths) await writeRun(path, { metrics: stepLines(1, STEPS), steps: STEPS });
    for (const count of [1, 3]) {
      const file = `${folder}/report.html`;
      await Deno.writeTextFile(file, await reportOn(paths.slice(0, count)));
      for (const width of [1280, 390]) {
        const page = await browser.newPage({ viewport: { width, height: 800 } });
        const began = performance.now();
        await page.goto(`file://${file}`);
        await page.locator("td.number", { hasText: STEPS.toLocaleString("en") }).first().waitFor();
        const opened = performance.now() - began;
        await redrawTime(page);
        const times: number[] = [];
        for (let i = 0; i < REPEATS; i++) times.push(await redrawTime(page));
        const figures = `redraw ${median(times).toFixed(1)} ms, opened in ${opened.toFixed(0)} ms`;
        console.log(
          `${count} of ${STEPS.toLocaleString("en")} steps, ${String(width).padStart(4)} px wide: ${figures}`,
        );
        await page.close();
      }
    }
  } finally {
    await browser.close();
  }
});
