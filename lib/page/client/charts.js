// The charts: what each shows, and how it follows its data.
import { bytes, compact, digits, duration, missing, nats, percent, rate, share, whole } from "./figures.js";
import { latest, smoothed, stagesOf } from "./store.js";

const validation = (column, more = {}) => ({ curve: "validation", column, label: "validation", ...more });
const training = (column, more = {}) => ({ curve: "train", column, label: "training", ...more });

/** What is drawn; lines of the second scale have their axis on the right. */
export const charts = [
  {
    id: "loss",
    title: "Loss",
    unit: "nats a masked token",
    format: nats,
    ticks: digits,
    lines: [
      training("loss", { isSmooth: true, band: ["lossLow", "lossHigh"] }),
      validation("loss", { isDashed: true }),
    ],
  },
  {
    id: "accuracy",
    title: "Masked accuracy",
    unit: "share of masked tokens",
    format: percent,
    ticks: share,
    lines: [training("accuracy", { isSmooth: true }), validation("accuracy", { isDashed: true })],
  },
  { id: "rate", title: "Learning rate", unit: "", format: rate, lines: [training("learningRate", { label: "rate" })] },
  {
    id: "shape",
    title: "Length and mask rate",
    unit: "tokens a window; share that is masked, dashed and on the right",
    format: whole,
    second: share,
    lines: [
      training("length", { label: "length", isStepped: true }),
      training("maskRate", { label: "mask rate", isSecond: true, isDashed: true }),
    ],
  },
  {
    id: "speed",
    title: "Speed",
    unit: "tokens a second",
    format: compact,
    lines: [training("tokensPerSecond", { label: "tokens/s", isSmooth: true })],
  },
  {
    id: "norm",
    title: "Gradient norm",
    unit: "before clipping",
    format: digits,
    lines: [training("gradientNorm", { label: "norm", isSmooth: true })],
  },
  {
    id: "memory",
    title: "Memory",
    unit: "of model and programs on the device; of the process, dashed",
    format: bytes,
    axis: { size: 76, incrs: Array.from({ length: 32 }, (_, i) => 2 ** (i + 10)) },
    // runs of earlier versions did not note it
    isOptional: true,
    lines: [
      validation("deviceBytes", { label: "device" }),
      validation("residentBytes", { label: "process", isDashed: true }),
    ],
  },
];

const xFormats = { step: whole, tokens: compact, seconds: duration };
/** Seconds between two ticks of a time axis. */
const spans = [1, 2, 5, 10, 15, 30].flatMap((n) => [n, 60 * n]).concat(
  [1, 2, 6, 12, 24, 48, 120, 240].map((n) => 3600 * n),
)
  .sort((a, b) => a - b);
/** Steps and tokens between two ticks: there are no halves of them. */
const wholes = Array.from({ length: 13 }, (_, i) => [1, 2, 5].map((n) => n * 10 ** i)).flat();
const xNames = { step: "step", tokens: "tokens", seconds: "time of training" };

/** Whether a run has a line; of what it may lack, whether there is any value. */
const isThere = ({ isOptional }, run, { curve, column }) =>
  run[curve] && (!isOptional || run[curve].columns[column]?.some((value) => value !== null));

/** The lines that a chart draws of the runs that are shown, in the order of its columns. */
function linesOf(chart, runs) {
  return runs.flatMap((run) =>
    chart.lines.filter((line) => isThere(chart, run, line)).map((line) => ({
      ...line,
      run,
      // the range of the steps behind a row is shown where it hides nothing else
      band: runs.length === 1 && run.train.size > 1 ? line.band : undefined,
    }))
  );
}

/** Columns of all lines over one axis. */
function dataOf(lines, { x, smoothing }) {
  const tables = lines.map(({ run, curve, column, isSmooth, band = [] }) => {
    const { columns } = run[curve];
    const values = isSmooth ? smoothed(columns[column], smoothing) : columns[column];
    return [columns[x], values, ...band.map((name) => columns[name])];
  });
  if (tables.length === 0) return [[]];
  // charts of validations alone begin and end with the others
  const clocks = lines.every(({ curve }) => curve === "validation")
    ? lines.map(({ run }) => [run.train.columns[x]])
    : [];
  return uPlot.join([...tables, ...clocks]);
}

/** Smoothed lines are quiet where each value is shown behind them. */
function seriesOf(lines, { chart, colourOf, widthOf, isAlone }) {
  return lines.flatMap(({ run, label, isDashed, isStepped, isSecond, curve, band }) => {
    const colour = colourOf(run);
    const format = isSecond ? chart.second : chart.format;
    const line = {
      label: isAlone ? label : `${run.short} ${label}`,
      stroke: colour,
      width: widthOf(run),
      scale: isSecond ? "second" : "y",
      ...(isDashed ? { dash: [6, 4] } : {}),
      points: { show: curve === "validation", size: 6, fill: colour },
      // where nothing is pointed at, the latest
      value: (plot, value, i, index) => format(index === null ? latest(plot.data[i]) : value),
      ...(isStepped ? { paths: uPlot.paths.stepped({ align: -1 }) } : {}),
    };
    const edge = { stroke: "transparent", width: 0, points: { show: false }, scale: "y", isEdge: true };
    return [line, ...(band ?? []).map((name) => ({ ...edge, label: name }))];
  });
}

/** Shades every second stage, and writes its length above it. */
function drawStages(plot, stages, style) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, 0, bbox.width, bbox.top + bbox.height);
  ctx.clip();
  const ratio = devicePixelRatio;
  ctx.font = `${11 * ratio}px system-ui, sans-serif`;
  ctx.textBaseline = "bottom";
  ctx.textAlign = "left";
  for (const [i, { start, end, length }] of stages.entries()) {
    const [left, right] = [start, end].map((value) => plot.valToPos(value, "x", true));
    ctx.fillStyle = style.stage;
    if (i % 2 === 0) ctx.fillRect(left, bbox.top, right - left, bbox.height);
    const from = Math.max(left, bbox.left);
    const room = Math.min(right, bbox.left + bbox.width) - from - 6 * ratio;
    const text = [`length ${length}`, String(length)].find((text) => ctx.measureText(text).width < room);
    if (text === undefined) continue;
    ctx.fillStyle = style.quiet;
    ctx.fillText(text, from + 2 * ratio, bbox.top - 2 * ratio);
  }
  ctx.restore();
}

/** What a screen reader says of a chart. */
function spoken(chart, lines, { x, smoothing, stages }) {
  const parts = lines.map(({ run, curve, column, label, isSmooth, isSecond }) => {
    const values = run[curve].columns[column];
    const value = latest(isSmooth ? smoothed(values, smoothing) : values);
    return `${run.name} ${label} ${(isSecond ? chart.second : chart.format)(value)}`;
  });
  const lengths = stages.map(({ length, end }) => `length ${length} until ${xFormats[x](end)}`).join(", ");
  return `${chart.title} over ${xNames[x]}. Latest: ${parts.join("; ") || "nothing yet"}. ${lengths}`;
}

/** The row at or before one where a line has a value: the runs and their validations have rows of their own. */
function rowOfLine({ data }, line, index) {
  let row = index;
  while (row > 0 && data[line][row] === undefined) row--;
  return data[line][row] === undefined ? index : row;
}

/** A finger that slides along a chart reads it; up and down it scrolls the page. */
function readByTouch(plot) {
  const point = ({ pointerType, clientX, clientY }) => {
    if (pointerType !== "touch") return;
    const { left, top } = plot.over.getBoundingClientRect();
    plot.setCursor({ left: clientX - left, top: clientY - top });
  };
  plot.over.addEventListener("pointerdown", point);
  plot.over.addEventListener("pointermove", point);
}

/** A chart in its frame; `show` draws runs, anew only where the lines are others than before. */
export function createChart(chart, { frame, say }) {
  let [plot, drawn, isZoomed, stages, lines] = [undefined, "", false, [], []];
  const canvas = frame.querySelector("div");
  const width = () => Math.max(200, canvas.clientWidth);
  const make = (data, state) => {
    plot?.destroy();
    isZoomed = false;
    const { style, x, isLogarithmic } = state;
    const series = seriesOf(lines, {
      chart,
      colourOf: state.colourOf,
      widthOf: state.widthOf,
      isAlone: state.runs.length === 1,
    });
    const edges = series.flatMap(({ isEdge }, i) => isEdge ? [i + 1] : []);
    const axis = {
      stroke: style.quiet,
      grid: { stroke: style.line, width: 1 },
      ticks: { stroke: style.line, width: 1 },
    };
    const values = (format) => (_, splits) => splits.map((value) => value === null ? "" : format(value));
    const main = chart.id === "loss" && isLogarithmic ? { distr: 3 } : {};
    const bounds = (_, low, high) => low === null ? [0, 1] : low === high ? [low - 0.5, low + 0.5] : [low, high];
    plot = new uPlot(
      {
        width: width(),
        height: canvas.clientWidth < 420 ? 190 : 230,
        legend: { live: true },
        cursor: { sync: { key: "cloze" }, drag: { x: true, y: false }, points: { size: 6 }, dataIdx: rowOfLine },
        scales: {
          x: { time: false, range: bounds },
          y: main,
          ...(chart.second ? { second: {} } : {}),
        },
        axes: [
          {
            ...axis,
            space: canvas.clientWidth < 420 ? 55 : 70,
            values: values(xFormats[x]),
            incrs: x === "seconds" ? spans : wholes,
          },
          { ...axis, size: 62, values: values(chart.ticks ?? chart.format), ...chart.axis },
          ...(chart.second
            ? [{ ...axis, scale: "second", side: 1, size: 56, grid: { show: false }, values: values(chart.second) }]
            : []),
        ],
        series: [{
          label: xNames[x],
          value: (plot, value, _, row) => xFormats[x](row === null ? plot.data[0].at(-1) : value),
        }, ...series],
        bands: edges.length === 2 ? [{ series: [edges[1], edges[0]], fill: `${state.colourOf(lines[0].run)}33` }] : [],
        hooks: {
          drawClear: [(plot) => drawStages(plot, stages, style)],
          setSelect: [({ select }) => isZoomed ||= select.width > 0],
        },
      },
      data,
      canvas,
    );
    // the edges of the band are no lines of their own
    const rows = canvas.querySelectorAll(".u-legend .u-series");
    for (const edge of edges) rows[edge].hidden = true;
    plot.over.addEventListener("dblclick", () => isZoomed = false);
    readByTouch(plot);
  };
  const show = (state) => {
    const { runs, x, smoothing, isLogarithmic, theme } = state;
    stages = stagesOf(runs[0], x);
    lines = linesOf(chart, runs);
    frame.hidden = Boolean(chart.isOptional) && lines.length === 0;
    if (frame.hidden) return;
    const names = lines.map(({ run, curve, column, band }) => [run.id, run.short, curve, column, Boolean(band)]);
    const wanted = JSON.stringify([names, x, isLogarithmic, theme]);
    const data = dataOf(lines, { x, smoothing });
    if (plot && wanted === drawn) plot.setData(data, !isZoomed);
    else make(data, state);
    if (isZoomed) plot.redraw();
    drawn = wanted;
    canvas.setAttribute("aria-label", spoken(chart, lines, { x, smoothing, stages }));
  };
  const read = (index) => {
    const { data, cursor } = plot;
    if (data[0].length === 0) return;
    const at = Math.max(0, Math.min(data[0].length - 1, index));
    plot.setCursor({ left: plot.valToPos(data[0][at], "x"), top: Math.max(0, cursor.top ?? 0) });
    const texts = plot.series.flatMap(({ label, value, isEdge }, i) => {
      const row = i === 0 ? at : rowOfLine(plot, i, at);
      const text = isEdge ? undefined : value(plot, data[i][row], i, row);
      return text === undefined || text === missing ? [] : [`${label} ${text}`];
    });
    say(`${chart.title}: ${texts.join(", ")}`);
  };
  const zoom = (factor) => {
    const [all, { min, max }] = [plot.data[0], plot.scales.x];
    const at = all[plot.cursor.idx ?? all.length - 1];
    const [low, high] = [at - (at - min) * factor, at + (max - at) * factor];
    isZoomed = low > all[0] || high < all.at(-1);
    plot.setScale("x", { min: Math.max(low, all[0]), max: Math.min(high, all.at(-1)) });
  };
  canvas.addEventListener("keydown", (event) => {
    if (!plot || event.ctrlKey || event.metaKey || event.altKey) return;
    const { data, cursor } = plot;
    const end = data[0].length - 1;
    const [now, leap] = [cursor.idx ?? end + 1, event.shiftKey ? Math.max(1, Math.round(end / 20)) : 1];
    const moves = {
      ArrowLeft: () => read(now - leap),
      ArrowRight: () => read(now + leap),
      Home: () => read(0),
      End: () => read(end),
      "+": () => zoom(0.5),
      "-": () => zoom(2),
      Escape: () => plot.setCursor({ left: -10, top: -10 }),
    };
    if (!moves[event.key]) return;
    event.preventDefault();
    moves[event.key]();
  });
  new ResizeObserver(() => plot && plot.width !== width() && plot.setSize({ width: width(), height: plot.height }))
    .observe(canvas);
  return { show, plot: () => plot };
}
