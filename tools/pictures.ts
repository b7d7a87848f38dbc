/**
 * Makes the pictures of the README from a real run: what a terminal showed of it, and the dashboard.
 *
 * The terminal is recorded by `script`, which Debian's bsdutils brings; the dashboard is photographed in Debian's chromium:
 *
 * ```sh
 * script -qfc "stty cols 100; deno run -A cli.ts train --data tinyshakespeare.txt --size tiny --tokens 1M" terminal.txt
 * deno run -A tools/pictures.ts runs/modernbert-tiny-tinyshakespeare terminal.txt
 * ```
 *
 * @module
 */

import { reportOn } from "../lib/page/report.ts";
import { openBrowser } from "../tests/helpers/browser.ts";
import { outputUntil, shownRows } from "./terminal_moment.ts";
import { terminalPicture } from "./terminal_picture.ts";
import { screenAfter } from "./terminal_screen.ts";

/** Where the pictures go. */
const FOLDER = new URL("../docs/pictures/", import.meta.url);
/** Columns of the terminal that is recorded. */
const COLUMNS = 100;
/** Pixels below the charts of the dashboard. */
const MARGIN = 16;
/** Share of the run after which the picture of the terminal is taken. */
const MOMENT = 0.72;

/** A picture of a run's dashboard. */
async function dashboardPicture(run: string, path: URL): Promise<void> {
  const page = await Deno.makeTempFile({ suffix: ".html" });
  const browser = await openBrowser();
  try {
    await Deno.writeTextFile(page, await reportOn([run]));
    const window = await browser.newPage({ viewport: { width: 1100, height: 760 } });
    await window.goto(`file://${page}`);
    await window.locator("#chart-loss canvas").waitFor();
    // the charts are drawn in the next frame
    await new Promise((resolve) => setTimeout(resolve, 500));
    // to the end of the first row of charts, not through the next
    const chart = await window.locator("#chart-loss").boundingBox();
    const height = chart ? Math.ceil(chart.y + chart.height + MARGIN) : 760;
    await window.screenshot({ path: path.pathname, clip: { x: 0, y: 0, width: 1100, height } });
  } finally {
    await browser.close();
    await Deno.remove(page);
  }
}

if (import.meta.main) {
  const [run, recorded] = Deno.args;
  if (run === undefined || recorded === undefined) throw new TypeError("Usage: tools/pictures.ts RUN TERMINAL");
  await Deno.mkdir(FOLDER, { recursive: true });
  const output = outputUntil(await Deno.readTextFile(recorded), MOMENT);
  const title = "A terminal in which a model is trained: plan, losses, coloured samples and progress";
  const rows = shownRows(screenAfter(output, COLUMNS));
  await Deno.writeTextFile(new URL("terminal.svg", FOLDER), terminalPicture(rows, { columns: COLUMNS, title }));
  await dashboardPicture(run, new URL("dashboard.png", FOLDER));
}
