/**
 * Figures of the site: tables of bench/RESULTS.md, so that none is written down twice.
 *
 * @module
 */

import { escapeHtml } from "./html.ts";

/** Rows of a table, the head first. */
export type Table = readonly (readonly string[])[];

const cellsOf = (line: string): string[] =>
  line.split("|").slice(1, -1).map((cell) => cell.replaceAll("**", "").trim());

/**
 * The nth table, counted from 1, under a heading.
 *
 * @throws {RangeError} if there is none.
 */
export function tableUnder(markdown: string, heading: string, number = 1): Table {
  const section = markdown.split(/^##+ /m).find((part) => part.startsWith(`${heading}\n`));
  const tables = [...(section ?? "").matchAll(/(?:^\|.*\n?)+/gm)].map(([lines]) => lines.trim().split("\n"));
  const table = tables[number - 1];
  if (!table) throw new RangeError(`bench/RESULTS.md has no table ${number} under "${heading}"`);
  return table.filter((line) => !/^\|[\s|:-]+\|$/.test(line)).map(cellsOf);
}

/**
 * A figure of a table: "100 k", "1 M", "2,455", "25.9 %".
 *
 * @throws {RangeError} if the cell is none.
 */
export function figure(cell: string | undefined): number {
  const match = /^([\d,]+(?:\.\d+)?)(?: ([kM%]))?/.exec(cell ?? "");
  if (!match) throw new RangeError(`Cannot plot "${cell}": it is not a figure`);
  return Number(match[1]!.replaceAll(",", "")) * ({ k: 1e3, M: 1e6 }[match[2] ?? ""] ?? 1);
}

/** Settings of a block of Markdown, a line each: `key: value`. */
export interface BlockSettings {
  /** The value of a key that may be left out. */
  readonly one: (key: string) => string | undefined;
  /** The value of a key that must be there. */
  readonly needed: (key: string) => string;
  /** The values of a key that may be there several times. */
  readonly all: (key: string) => string[];
}

/** Reads the settings of a block. */
export function settingsOf(block: string): BlockSettings {
  const lines = block.trim().split("\n").map((line) => /^(\w+): (.+)$/.exec(line)?.slice(1) as [string, string]);
  const all = (key: string) => lines.filter((line) => line?.[0] === key).map(([, value]) => value);
  const one = (key: string) => all(key)[0];
  return {
    one,
    all,
    needed(key) {
      const value = one(key);
      if (value === undefined) throw new SyntaxError(`A block of figures needs a line "${key}: ..."`);
      return value;
    },
  };
}

/** Numbers such as "2, 3, 4". */
export function numbersOf(text: string): number[] {
  return text.split(",").map(Number);
}

/** The table that a block asks for as HTML: `table` (a heading), and the `columns` and `rows` that are shown, counted from 1. */
export function resultsHtml(block: string, results: string): string {
  const { one, needed } = settingsOf(block);
  const heading = needed("table");
  const [head, ...rows] = tableUnder(results, heading, Number(one("number") ?? 1));
  const pick = <T>(all: readonly T[], key: string): T[] => {
    const wanted = one(key);
    return wanted === undefined ? [...all] : numbersOf(wanted).map((number) => all[number - 1]!);
  };
  const rowHtml = (row: readonly string[], tag: string) =>
    `<tr>${pick(row, "columns").map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`).join("")}</tr>`;
  const body = pick(rows, "rows").map((row) => rowHtml(row, "td")).join("\n");
  return `<figure><table><thead>${rowHtml(head!, "th")}</thead><tbody>\n${body}\n</tbody></table>` +
    `<figcaption><small>bench/RESULTS.md, “${escapeHtml(heading)}”</small></figcaption></figure>\n`;
}
