/**
 * What a terminal shows after some output: a screen in memory that keeps colours.
 *
 * @module
 */

import { textWidth } from "../lib/cli/text_width.ts";

/** Colours and weights that the command line uses. */
export interface Style {
  /** `green`, `red` or `yellow`. */
  readonly colour?: string;
  /** Bold or dim. */
  readonly weight?: "bold" | "dim";
}

/** A character of the screen; the second column of a wide one is empty. */
export interface Cell {
  /** What it shows. */
  readonly character: string;
  /** How. */
  readonly style: Style;
}

const colours: Readonly<Record<number, string>> = { 31: "red", 32: "green", 33: "yellow" };

/** A style after a code of "select graphic rendition". */
function styled(style: Style, code: number): Style {
  const { colour, weight } = style;
  if (code === 0) return {};
  if (code === 1 || code === 2) return { ...style, weight: code === 1 ? "bold" : "dim" };
  if (code === 22) return colour ? { colour } : {};
  if (code === 39) return weight ? { weight } : {};
  const named = colours[code];
  if (named === undefined) throw new RangeError(`Cannot draw the code ${code}: known are bold, dim and three colours`);
  return { ...style, colour: named };
}

// deno-lint-ignore no-control-regex
const PARTS = /\x1b\[([?\d;]*)([A-Za-z])|[\s\S]/gu;

/**
 * All rows that some output leaves on a terminal of so many columns, those that have scrolled away included.
 *
 * @throws {RangeError} for a control sequence that the command line does not write.
 */
export function screenAfter(output: string, columns: number): Cell[][] {
  const rows: Cell[][] = [[]];
  let [x, y] = [0, 0];
  let style: Style = {};
  const row = () => rows[y] ??= [];
  const put = (character: string) => {
    if (x + textWidth(character) > columns) [x, y] = [0, y + 1];
    const cells = row();
    while (cells.length < x) cells.push({ character: " ", style: {} });
    cells[x++] = { character, style };
    if (textWidth(character) === 2) cells[x++] = { character: "", style };
  };
  const control = (numbers: string, code: string) => {
    const count = Number(numbers || 1);
    if (code === "A") y = Math.max(0, y - count);
    else if (code === "B") y = Math.min(rows.length - 1, y + count);
    else if (code === "G") x = Math.max(0, count - 1);
    else if (code === "K") row().length = numbers === "2" ? 0 : Math.min(row().length, x);
    else if (code === "J") [row().length, rows.length] = [Math.min(row().length, x), y + 1];
    else if (code === "m") style = numbers.split(";").map(Number).reduce(styled, style);
    else throw new RangeError(`Cannot draw the control sequence that ends with ${code}`);
  };
  for (const [part, numbers = "", code] of output.matchAll(PARTS)) {
    if (code) control(numbers, code);
    else if (part === "\r") x = 0;
    else if (part === "\n") [x, y] = [0, y + 1];
    else put(part);
    row();
  }
  return rows;
}
