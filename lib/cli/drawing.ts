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
  /** Codes to the beginning of what is drawn, which a narrower terminal may have broken into more lines. */
  const toStart = ({ columns, rows }: Size) => {
    const linesOf = (line: string) => reflows ? Math.max(1, Math.ceil(textWidth(line) / columns)) : 1;
    const up = Math.min(rows, drawn.reduce((sum, line) => sum + linesOf(line), 0)) - 1;
    return drawn.length === 0 ? "" : up > 0 ? `\r\x1b[${up}A` : "\r";
  };
  return {
    get isEmpty() {
      return drawn.length === 0;
    },
    replace(lines, size, above = "") {
      const start = toStart(size);
      const isGone = drawn.length > 0 && (above !== "" || lines.length === 0);
      drawn = lines;
      const below = lines.map((line) => `${line}\x1b[K`).join("\n");
      return `${start}${isGone ? "\x1b[J" : ""}${above}${below}${lines.length > 0 ? "\x1b[J" : ""}`;
    },
  };
}
