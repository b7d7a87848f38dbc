/**
 * Curves as a small plot of characters.
 *
 * @module
 */

import { shortCount } from "./figures.ts";

/** A point: tokens, and the loss there. */
export type CurvePoint = readonly [x: number, y: number];

/** What is drawn. */
export interface PlottedCurves {
  /** Of training: dots. */
  readonly training: readonly CurvePoint[];
  /** Of validation: marks over the dots. */
  readonly validation: readonly CurvePoint[];
}

/** Widest plot, and its rows. */
const WIDEST = 60;
const ROWS = 8;

/** Columns left of the curves: a figure and the axis. */
const MARGIN = 9;

/** Narrowest curves that are worth drawing. */
const NARROWEST = 12;

/** Columns between two marks, for the line is to be seen too. */
const APART = 3;

/** Dots of a braille character by column and row, as bits. */
const BRAILLE = 0x2800;
const DOTS = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]] as const;

/** Characters of a plot. */
interface Style {
  readonly across: number;
  readonly down: number;
  readonly validation: string;
  readonly axis: string;
  readonly corner: string;
  readonly line: string;
  readonly cell: (bits: number) => string;
}

const unicode: Style = {
  across: 2,
  down: 4,
  validation: "●",
  axis: "│",
  corner: "└",
  line: "─",
  cell: (bits) => bits === 0 ? " " : String.fromCharCode(BRAILLE + bits),
};
const ascii: Style = {
  across: 1,
  down: 1,
  validation: "o",
  axis: "|",
  corner: "+",
  line: "-",
  cell: (bits) => bits === 0 ? " " : ".",
};

/**
 * The curves in lines; none where there are too few points or columns.
 *
 * @param options `isUnicode`: whether there are other characters than ASCII's.
 */
export function curvePlot(
  { training, validation }: PlottedCurves,
  { columns, isUnicode }: { readonly columns: number; readonly isUnicode: boolean },
): string[] {
  const style = isUnicode ? unicode : ascii;
  const width = Math.min(WIDEST, columns - 1) - MARGIN;
  const points = [...training, ...validation].filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y));
  if (width < NARROWEST || training.length < 2) return [];
  const [low, high] = [Math.min(...points.map(([, y]) => y)), Math.max(...points.map(([, y]) => y))];
  const last = Math.max(...points.map(([x]) => x));
  if (!(high > low) || !(last > 0)) return [];
  // the place of a point in dots, from the left and from above
  const [across, down] = [width * style.across, ROWS * style.down];
  const column = (x: number) => Math.min(across - 1, Math.floor(x / last * across));
  const row = (y: number) => Math.min(down - 1, Math.floor((high - y) / (high - low) * down));
  const cells = drawn(training, { style, width, column, row });
  const text = cells.map((line) => line.map(style.cell));
  let marked = -APART;
  for (const [x, y] of validation) {
    const at = Math.floor(column(x) / style.across);
    if (!Number.isFinite(y) || at < marked + APART) continue;
    text[Math.floor(row(y) / style.down)]![at] = style.validation;
    marked = at;
  }
  const label = (i: number) =>
    i === 0 || i === ROWS - 1 || i === ROWS >> 1 ? (high - (high - low) * i / (ROWS - 1)).toFixed(2) : "";
  const lines = text.map((line, i) => `${label(i).padStart(MARGIN - 2)} ${style.axis}${line.join("")}`.trimEnd());
  const ruler = `${" ".repeat(MARGIN - 1)}${style.corner}${style.line.repeat(width)}`;
  const end = `${shortCount(last)} tokens`;
  return [...lines, ruler, `${" ".repeat(MARGIN)}0${end.padStart(width - 1)}`];
}

/** Bits of the cells that a line through the points crosses; of several in one column their mean. */
function drawn(
  training: readonly CurvePoint[],
  { style, width, column, row }: {
    style: Style;
    width: number;
    column: (x: number) => number;
    row: (y: number) => number;
  },
): number[][] {
  const cells = Array.from({ length: ROWS }, () => new Array<number>(width).fill(0));
  const means = Map.groupBy(training.filter(([, y]) => Number.isFinite(y)), ([x]) => column(x));
  const set = (at: number, down: number) => {
    const bit = style === unicode ? DOTS[at % style.across]![down % style.down]! : 1;
    cells[Math.floor(down / style.down)]![Math.floor(at / style.across)]! |= bit;
  };
  let before: { readonly at: number; readonly down: number } | undefined;
  for (const [at, points] of [...means].sort(([a], [b]) => a - b)) {
    const down = row(points.reduce((sum, [, y]) => sum + y, 0) / points.length);
    // between two points far from one another too
    for (let between = (before?.at ?? at - 1) + 1; between <= at; between++) {
      const share = before ? (between - before.at) / (at - before.at) : 1;
      const to = Math.round(before ? before.down + share * (down - before.down) : down);
      const from = before && style === unicode
        ? Math.round(before.down + (between - 1 - before.at) / (at - before.at) * (down - before.down))
        : to;
      for (let dot = Math.min(from, to); dot <= Math.max(from, to); dot++) set(between, dot);
    }
    before = { at, down };
  }
  return cells;
}
