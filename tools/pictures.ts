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
import { terminalPicture } from "./terminal_picture.ts";
import { type Cell, screenAfter } from "./terminal_screen.ts";

/** Where the pictures go. */
const FOLDER = new URL("../docs/pictures/", import.meta.url);
/** Columns of the terminal that is recorded. */
const COLUMNS = 100;
/** Share of the run after which the picture of the terminal is taken. */
const MOMENT = 0.72;
/** Rows above those that are drawn again in place, in the middle of the picture left out. */
const [FIRST_ROWS, LAST_ROWS] = [16, 20];

/** The output until a moment of the run: the end of the first drawing whose bar is that far. */
export function outputUntil(output: string, moment: number): string {
  for (const { index, 1: percent } of output.matchAll(/ +(\d+)%/g)) {
    if (Number(percent) < 100 * moment || !/left\b[^\n]*$/.test(output.slice(index - 60, index))) continue;
    return output.slice(0, output.indexOf("\x1b[J", index) + 3);
  }
  throw new RangeError(`Cannot find ${100 * moment}% in the recorded output: was the whole run recorded?`);
}

/** Rows from the first that says which device there is, without those in the middle. */
export function shownRows(rows: readonly Cell[][]): Cell[][] {
  const text = (cells: readonly Cell[]) => cells.map(({ character }) => character).join("");
  const start = rows.findIndex((cells) => text(cells).startsWith("device "));
  if (start < 0) throw new RangeError("Cannot find the line of the device in the recorded output");
  const all = rows.slice(start);
  if (all.length <= FIRST_ROWS + LAST_ROWS) return all;
  const gap: Cell[] = [..."  …"].map((character) => ({ character, style: { weight: "dim" } }));
  return [...all.slice(0, FIRST_ROWS), gap, ...all.slice(-LAST_ROWS)];
}

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
    await window.screenshot({ path: path.pathname });
  } finally {
    await browser.close();
    await Deno.remove(page);
  }
}

if (import.meta.main) {
  const [run, recorded] = Deno.args;
  if (run === undefined || recorded === undefined) throw new TypeError("Wanted: tools/pictures.ts RUN TERMINAL");
  await Deno.mkdir(FOLDER, { recursive: true });
  const output = outputUntil(await Deno.readTextFile(recorded), MOMENT);
  const title = "A terminal in which a model is trained: plan, losses, coloured samples and progress";
  const rows = shownRows(screenAfter(output, COLUMNS));
  await Deno.writeTextFile(new URL("terminal.svg", FOLDER), terminalPicture(rows, { columns: COLUMNS, title }));
  await dashboardPicture(run, new URL("dashboard.png", FOLDER));
}
