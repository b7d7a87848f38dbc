/**
 * Plots as SVG, drawn while the site is built from tables of bench/RESULTS.md.
 *
 * @module
 */

import { escapeHtml } from "./html.ts";
import { figure, numbersOf, settingsOf, type Table, tableUnder } from "./results.ts";

/** What a block of Markdown asks for. */
interface PlotRequest {
  readonly title: string;
  readonly heading: string;
  readonly table: Table;
  /** Names of the axes. */
  readonly x: string;
  readonly y: string;
  readonly series: readonly Series[];
  readonly isBars: boolean;
}

/** Columns of a table, counted from 0, for the two axes. */
interface Series {
  readonly x: number;
  readonly y: number;
  readonly name: string;
}

const [WIDTH, HEIGHT] = [440, 250];
const frame = { left: 56, right: 12, top: 14, bottom: 44 };

function seriesOf(text: string): Series {
  const match = /^(\d+) (\d+) (.+)$/.exec(text);
  if (!match) throw new SyntaxError(`Cannot read "${text}" in a plot: write the numbers of two columns and a name`);
  return { x: Number(match[1]) - 1, y: Number(match[2]) - 1, name: match[3]! };
}

function requestOf(block: string, results: string): PlotRequest {
  const { one, needed, all } = settingsOf(block);
  const heading = needed("table");
  const table = tableUnder(results, heading, Number(one("number") ?? 1)).slice(1);
  const bars = all("bar").map(seriesOf);
  const series = bars.length > 0 ? bars : all("line").map(seriesOf);
  return {
    title: needed("title"),
    heading,
    table: one("rows") ? numbersOf(one("rows")!).map((row) => table[row - 1]!) : table,
    x: bars[0]?.name ?? needed("x"),
    y: needed("y"),
    series,
    isBars: bars.length > 0,
  };
}

/** Round steps of an axis that holds the values. */
function ticksOf(low: number, high: number): number[] {
  const rough = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((each) => each >= rough)!;
  const first = Math.floor(low / step + 1e-9);
  const count = Math.ceil(high / step - 1e-9) - first;
  return Array.from({ length: count + 1 }, (_, i) => (first + i) * step);
}

const label = (value: number): string =>
  value >= 1e6 ? `${value / 1e6} M` : value >= 10_000 ? `${value / 1000} k` : String(Math.round(value * 1000) / 1000);

const text = (at: { x: number; y: number }, content: string, attributes = ""): string =>
  `<text x="${at.x.toFixed(1)}" y="${at.y.toFixed(1)}" ${attributes}>${escapeHtml(content)}</text>`;

/** Values to places in the drawing. */
const scaleOf = (ticks: readonly number[], from: number, to: number) => (value: number): number =>
  from + (value - ticks[0]!) / (ticks.at(-1)! - ticks[0]!) * (to - from);

const [left, right, top, bottom] = [frame.left, WIDTH - frame.right, frame.top, HEIGHT - frame.bottom];

function verticalAxis(ticks: readonly number[], name: string): string {
  const y = scaleOf(ticks, bottom, top);
  const lines = ticks.map((tick) =>
    `<path class="grid" d="M${left} ${y(tick).toFixed(1)}H${right}"/>` +
    text({ x: left - 6, y: y(tick) + 4 }, label(tick), 'text-anchor="end"')
  );
  const middle = (top + bottom) / 2;
  return lines.join("") +
    text({ x: 10, y: middle }, name, `text-anchor="middle" transform="rotate(-90 10 ${middle})"`);
}

function lines({ table, x: across, y: name, series }: PlotRequest): string {
  const points = series.map((one) => table.map((row): [number, number] => [figure(row[one.x]), figure(row[one.y])]));
  const all = points.flat();
  const of = (i: 0 | 1) => ticksOf(Math.min(...all.map((p) => p[i])), Math.max(...all.map((p) => p[i])));
  const [xTicks, yTicks] = [of(0), of(1)];
  const [x, y] = [scaleOf(xTicks, left, right), scaleOf(yTicks, bottom, top)];
  const axis = xTicks.map((tick, i) => {
    const anchor = i === xTicks.length - 1 ? "end" : "middle";
    return text({ x: x(tick), y: bottom + 16 }, label(tick), `text-anchor="${anchor}"`);
  });
  const curves = points.map((curve, i) => {
    const path = curve.map(([a, b]) => `${x(a).toFixed(1)} ${y(b).toFixed(1)}`).join("L");
    const dots = curve.map(([a, b]) =>
      `<circle class="series${i}" cx="${x(a).toFixed(1)}" cy="${y(b).toFixed(1)}" r="3"/>`
    );
    const at = { x: right - 40, y: top + 16 + 18 * i };
    return `<path class="line series${i}" d="M${path}"/>${dots.join("")}` +
      text(at, series[i]!.name, 'text-anchor="end"') +
      `<path class="line series${i}" d="M${at.x + 8} ${at.y - 4}h24"/>`;
  });
  return verticalAxis(yTicks, name) + axis.join("") + curves.join("") +
    text({ x: (left + right) / 2, y: HEIGHT - 8 }, across, 'text-anchor="middle"');
}

function bars({ table, x: across, y: name, series }: PlotRequest): string {
  const [{ x, y: column }] = series as [Series];
  const values = table.map((row) => figure(row[column]));
  const ticks = ticksOf(0, Math.max(...values));
  const y = scaleOf(ticks, bottom, top);
  const slot = (right - left) / values.length;
  const width = Math.min(70, slot * 0.6);
  const drawn = values.map((value, i) => {
    const middle = left + (i + 0.5) * slot;
    const box = `x="${(middle - width / 2).toFixed(1)}" y="${y(value).toFixed(1)}" width="${width.toFixed(1)}"`;
    return `<rect class="series0" ${box} height="${(bottom - y(value)).toFixed(1)}"/>` +
      text({ x: middle, y: y(value) - 5 }, value.toLocaleString("en"), 'text-anchor="middle"') +
      text({ x: middle, y: bottom + 16 }, table[i]![x]!, 'text-anchor="middle"');
  });
  return verticalAxis(ticks, name) + drawn.join("") +
    text({ x: (left + right) / 2, y: HEIGHT - 8 }, across, 'text-anchor="middle"');
}

/**
 * The figure that a block of Markdown describes: `title`, `table` (a heading of bench/RESULTS.md), perhaps `rows`, and `bar: X Y NAME`
 * or a `line: X Y NAME` for each curve, X and Y being columns; `x` and `y` name the axes.
 *
 * @throws {RangeError} if the table is not there or a cell is no figure.
 */
export function plotHtml(block: string, results: string): string {
  const request = requestOf(block, results);
  const { title, heading, series, table, isBars } = request;
  const values = series.map(({ name, x, y }) => `${name}: ${table.map((row) => `${row[x]} ${row[y]}`).join(", ")}`);
  const spoken = escapeHtml(`${title}. ${values.join("; ")}`);
  const drawing = isBars ? bars(request) : lines(request);
  return `<figure><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${spoken}">${drawing}</svg>` +
    `<figcaption>${escapeHtml(title)} <small>(bench/RESULTS.md, “${
      escapeHtml(heading)
    }”)</small></figcaption></figure>\n`;
}
