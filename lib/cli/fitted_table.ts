/**
 * Tables that fit a terminal: columns that are least needed are left out, then long names are cut.
 *
 * @module
 */

import { shortened } from "../sentences/safe_text.ts";
import { table } from "./terminal.ts";
import { textWidth } from "./text_width.ts";

/** A heading and the cells below it; the first column holds names. */
export type Column = readonly [heading: string, cells: readonly string[]];

/** Letters of a name that are shown at least. */
const SHORTEST_NAME = 12;

/** Rows in lines of at most so many columns; `leaving`: headings of columns that go where there is no room, in this order. */
export function fittedTable(
  columns: readonly Column[],
  { width, leaving }: { width: number; leaving: readonly string[] },
): string {
  const widthOf = ([heading, cells]: Column) => Math.max(...[heading, ...cells].map(textWidth));
  const widthOfAll = (all: readonly Column[]) => all.reduce((sum, column) => sum + widthOf(column) + 2, 0);
  let kept = columns;
  for (const heading of leaving) {
    if (widthOfAll(kept) <= width) break;
    kept = kept.filter(([other]) => other !== heading);
  }
  const [first, ...others] = kept as [Column, ...Column[]];
  const room = Math.max(SHORTEST_NAME, width - widthOfAll(others) - 2);
  const names = room === Infinity ? first[1] : first[1].map((name) => fitted(name, room));
  const rows = names.map((name, i) => [name, ...others.map(([, cells]) => cells[i]!)]);
  return table([kept.map(([heading]) => heading), ...rows]);
}

/** A name that takes so many columns at most; of one that is too long the middle is left out. */
function fitted(name: string, room: number): string {
  let short = shortened(name, room);
  for (let most = room - 1; textWidth(short) > room; most--) short = shortened(name, most);
  return short;
}
