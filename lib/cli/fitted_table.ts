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

/** Spaces before the first column, and between two. */
const GAP = 2;

const widthOf = ([heading, cells]: Column) => Math.max(...[heading, ...cells].map(textWidth));

/** Width of columns side by side, each with the gap before it. */
const widthOfAll = (columns: readonly Column[]) => columns.reduce((sum, column) => sum + GAP + widthOf(column), 0);

/**
 * Rows in lines of at most so many columns; `leaving`: headings of columns that go where there is no room, in this order. What is still
 * too wide comes as several tables below one another, each with the names.
 */
export function fittedTable(
  columns: readonly Column[],
  { width, leaving }: { width: number; leaving: readonly string[] },
): string {
  let kept = columns;
  for (const heading of leaving) {
    if (widthOfAll(kept) <= width) break;
    kept = kept.filter(([other]) => other !== heading);
  }
  const [first, ...others] = kept as [Column, ...Column[]];
  const least = Math.min(SHORTEST_NAME, widthOf(first));
  const parts = parted(others, width - GAP - least);
  // the same names in all of them
  const room = Math.max(least, width - GAP - Math.max(...parts.map(widthOfAll)));
  const names = room === Infinity ? first[1] : first[1].map((name) => fitted(name, room));
  return parts.map((part) => {
    const rows = names.map((name, i) => [name, ...part.map(([, cells]) => cells[i]!)]);
    return table([[first[0], ...part.map(([heading]) => heading)], ...rows]);
  }).join("\n\n");
}

/** Columns in parts that fit so much room, in order; one that is wider is alone. */
function parted(columns: readonly Column[], room: number): Column[][] {
  const parts: Column[][] = [[]];
  for (const column of columns) {
    const last = parts.at(-1)!;
    if (last.length > 0 && widthOfAll([...last, column]) > room) parts.push([column]);
    else last.push(column);
  }
  return parts;
}

/** A name that takes so many columns at most; of one that is too long the middle is left out. */
function fitted(name: string, room: number): string {
  let short = shortened(name, room);
  for (let most = room - 1; textWidth(short) > room; most--) short = shortened(name, most);
  return short;
}
