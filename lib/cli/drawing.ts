/**
 * Lines at the bottom of a terminal that are drawn again in place.
 *
 * @module
 */

import type { Size } from "./console_size.ts";
import { textWidth } from "./text_width.ts";

/** Columns that are left free at the end of a line, so that `^C` which a terminal shows there breaks none. */
const MARGIN = 4;

/** Room for what is drawn. */
export const roomIn = ({ columns, rows }: Size): Size => ({ columns: columns - MARGIN, rows: rows - 1 });

/** Lines that are drawn, and the codes that draw them; the cursor stays at the end of the last. */
export interface Drawing {
  /** Whether anything is drawn. */
  readonly isEmpty: boolean;
  /** Codes that put lines in the place of those that are drawn, and lasting text above them. */
  replace(lines: readonly string[], size: Size, above?: string): string;
}

/**
 * Nothing drawn yet. What takes lines away is written together with what puts others there, so nothing flickers.
 *
 * @param options.reflows Whether a terminal that gets narrower breaks the lines that it shows, as most do.
 */
export function emptyDrawing({ reflows = true } = {}): Drawing {
  let drawn: readonly string[] = [];
  /** Rows that what is drawn takes now: a terminal that got narrower may have broken its lines. */
  const rowsIn = ({ columns, rows }: Size) => {
    const rowsOf = (line: string) => reflows ? Math.max(1, Math.ceil(textWidth(line) / columns)) : 1;
    return Math.min(rows, drawn.reduce((sum, line) => sum + rowsOf(line), 0));
  };
  return {
    get isEmpty() {
      return drawn.length === 0;
    },
    replace(lines, size, above = "") {
      const rows = rowsIn(size);
      const start = rows === 0 ? "" : `\r${upBy(rows - 1)}`;
      const isGone = rows > 0 && (above !== "" || lines.length === 0);
      drawn = lines;
      // each row is cleared from its first column on: some terminals go by what a row held, and whether it was broken, until then
      const below = lines.map((line) => `${CLEAR_TO_END}${line}`).join("\n");
      return `${start}${isGone ? cleared(rows) : ""}${above}${below}${lines.length > 0 ? CLEAR_BELOW : ""}`;
    },
  };
}

const CLEAR_TO_END = "\x1b[K";
const CLEAR_BELOW = "\x1b[J";

const upBy = (rows: number) => rows > 0 ? `\x1b[${rows}A` : "";

/** Clears rows one by one: cleared as a whole, some terminals would move them to what scrolls back. */
function cleared(rows: number): string {
  return Array<string>(rows).fill(CLEAR_TO_END).join("\x1b[B") + upBy(rows - 1);
}
