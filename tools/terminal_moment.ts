/**
 * A moment of a recorded run, and the rows of the terminal that a picture of it shows.
 *
 * @module
 */

import type { Cell } from "./terminal_screen.ts";

/** Rows at the beginning and at the end; what is between is left out. */
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
