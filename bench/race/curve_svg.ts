/**
 * Curves of losses over seeds as an SVG: a panel for each length, a line for each mean and a band for what lies between seeds.
 *
 * @module
 */

/** A curve of a panel. */
export interface Curve {
  /** What it is of. */
  readonly name: string;
  /** Places from left to right: the mean, the lowest and the highest of the seeds. */
  readonly points: readonly {
    readonly x: number;
    readonly mean: number;
    readonly low: number;
    readonly high: number;
  }[];
}

/** One of several drawings beside one another, on the same scales. */
export interface Panel {
  readonly title: string;
  readonly curves: readonly Curve[];
}

const [WIDTH, HEIGHT] = [270, 220];
const frame = { left: 44, right: 10, top: 28, bottom: 40 };
/** Colours that are told apart by those who see few, on white and on black. */
const colours = ["#d55e00", "#0072b2", "#009e73", "#cc79a7"];

const escaped = (text: string) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** Round steps of an axis, of which the first and last hold the values. */
function ticksOf(low: number, high: number): number[] {
  const rough = Math.max(high - low, 1e-9) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((each) => each >= rough)!;
  const first = Math.floor(low / step + 1e-9);
  return Array.from({ length: Math.ceil(high / step - 1e-9) - first + 1 }, (_, i) => (first + i) * step);
}

const label = (value: number) =>
  Math.abs(value) >= 1e6
    ? `${value / 1e6} M`
    : Math.abs(value) >= 1e4
    ? `${value / 1e3} k`
    : String(Number(value.toPrecision(3)));

const scaleOf = (ticks: readonly number[], from: number, to: number) => (value: number) =>
  from + (value - ticks[0]!) / (ticks.at(-1)! - ticks[0]!) * (to - from);

/**
 * Draws panels side by side.
 *
 * @throws {RangeError} if there is nothing to draw.
 */
export function curveSvg(panels: readonly Panel[], { x: across, y: up }: { x: string; y: string }): string {
  const points = panels.flatMap(({ curves }) => curves.flatMap((curve) => curve.points));
  if (points.length === 0) throw new RangeError("Cannot draw curves: there are no points");
  const xTicks = ticksOf(0, Math.max(...points.map(({ x }) => x)));
  const yTicks = ticksOf(Math.min(...points.map(({ low }) => low)), Math.max(...points.map(({ high }) => high)));
  const drawn = panels.map((panel, i) =>
    `<g transform="translate(${i * WIDTH} 0)">${panelSvg(panel, { xTicks, yTicks, across, up })}</g>`
  );
  const size = `viewBox="0 0 ${panels.length * WIDTH} ${HEIGHT}" width="${panels.length * WIDTH}" height="${HEIGHT}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="11" fill="#777">\n${
    drawn.join("\n")
  }\n</svg>\n`;
}

function panelSvg(
  { title, curves }: Panel,
  { xTicks, yTicks, across, up }: { xTicks: readonly number[]; yTicks: readonly number[]; across: string; up: string },
): string {
  const [left, right, top, bottom] = [frame.left, WIDTH - frame.right, frame.top, HEIGHT - frame.bottom];
  const [x, y] = [scaleOf(xTicks, left, right), scaleOf(yTicks, bottom, top)];
  const at = (a: number, b: number) => `${x(a).toFixed(1)} ${y(b).toFixed(1)}`;
  const text = (place: [number, number], content: string, more = "") =>
    `<text x="${place[0].toFixed(1)}" y="${place[1].toFixed(1)}" ${more}>${escaped(content)}</text>`;
  const middle = (top + bottom) / 2;
  const axes = [
    ...yTicks.map((tick) =>
      `<path d="M${left} ${y(tick).toFixed(1)}H${right}" stroke="#999" stroke-opacity=".3"/>` +
      text([left - 5, y(tick) + 4], label(tick), 'text-anchor="end"')
    ),
    ...xTicks.map((tick) => text([x(tick), bottom + 15], label(tick), 'text-anchor="middle"')),
    text([(left + right) / 2, HEIGHT - 8], across, 'text-anchor="middle"'),
    text([11, middle], up, `text-anchor="middle" transform="rotate(-90 11 ${middle})"`),
    text([(left + right) / 2, 14], title, 'text-anchor="middle" font-weight="bold"'),
  ];
  const lines = curves.map(({ name, points }, i) => {
    const colour = colours[i % colours.length]!;
    const band = [...points.map((p) => at(p.x, p.high)), ...points.toReversed().map((p) => at(p.x, p.low))].join("L");
    return `<path d="M${band}Z" fill="${colour}" fill-opacity=".2"/>` +
      `<path d="M${points.map((p) => at(p.x, p.mean)).join("L")}" fill="none" stroke="${colour}" stroke-width="1.5"/>` +
      text([right - 4, top + 14 * (i + 1)], name, `text-anchor="end" fill="${colour}"`);
  });
  return [...axes, ...lines].join("");
}
