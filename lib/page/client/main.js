// The page: what is shown, and where its runs come from.
import { charts, createChart } from "./charts.js";
import { colours } from "./figures.js";
import { createSamples } from "./samples.js";
import { applied, shortNames } from "./store.js";
import { element, showRuns } from "./tables.js";

const byId = (id) => document.getElementById(id);
const [runs, hidden] = [new Map(), new Set()];
const order = [];
const dark = matchMedia("(prefers-color-scheme: dark)");

const readout = byId("readout");
const frames = charts.map((chart) => {
  // a screen reader leaves the arrow keys to it
  const canvas = element("div", { tabIndex: 0, role: "application", ariaRoleDescription: "chart" });
  const unit = chart.unit === "" ? "" : ` ${chart.unit}`;
  const caption = element("figcaption", {}, chart.title, element("span", {}, unit));
  const frame = element("figure", { id: `chart-${chart.id}` }, caption, canvas);
  byId("plots").append(frame);
  return createChart(chart, { frame, say: (text) => readout.textContent = text });
});
const showSamples = createSamples({
  section: byId("samples"),
  run: byId("samples-run"),
  step: byId("samples-step"),
  value: byId("samples-value"),
  text: byId("samples-text"),
  box: byId("candidates"),
});

function themeNow() {
  return byId("theme").value || (dark.matches ? "dark" : "light");
}

function styleNow() {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(["quiet", "line", "stage"].map((name) => [name, style.getPropertyValue(`--${name}`)]));
}

/** Draws everything; a run keeps its colour. */
function draw() {
  const theme = themeNow();
  document.documentElement.dataset.theme = theme;
  const all = [...runs.values()].sort((a, b) => order.indexOf(a.id) - order.indexOf(b.id));
  const colourOf = ({ id }) => colours[theme][order.indexOf(id) % colours[theme].length];
  // when all colours are taken, lines are thinner
  const widthOf = ({ id }) => order.indexOf(id) < colours[theme].length ? 2 : 1;
  const shown = all.filter(({ id }) => !hidden.has(id));
  byId("title").textContent = all.length === 1 ? all[0].name : `${all.length} runs`;
  const smoothing = Number(byId("smoothing").value);
  byId("smoothing-value").textContent = smoothing.toFixed(2);
  showRuns(all, {
    box: byId("runs"),
    shared: byId("shared"),
    shown: new Set(shown.map(({ id }) => id)),
    colourOf,
    toggled: (id, isShown) => {
      if (isShown) hidden.delete(id);
      else hidden.add(id);
      draw();
    },
  });
  const x = document.querySelector('input[name="x"]:checked').value;
  const isLogarithmic = byId("logarithmic").checked;
  const names = shortNames(shown.map(({ name }) => name));
  const drawable = shown.map((run, i) => ({ ...run, short: names[i] })).filter(({ train }) => train);
  // a chart of nothing would be drawn at a width that it does not have yet
  byId("charts").hidden = all.every(({ train }) => !train);
  for (const chart of byId("charts").hidden ? [] : frames) {
    chart.show({ runs: drawable, x, smoothing, isLogarithmic, theme, style: styleNow(), colourOf, widthOf });
  }
  byId("stages").textContent = drawable.length > 1 ? ` Shaded are the stages of ${drawable[0].name}.` : "";
  showSamples(shown);
  document.title = `${all.length === 1 ? all[0].name : "Runs"} · Cloze`;
}

let waiting = false;

/** Draws when the browser is ready, however much is told until then. */
function drawSoon() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    draw();
  });
}

function take(message) {
  if (!order.includes(message.id)) order.push(message.id);
  runs.set(message.id, applied(runs.get(message.id), message));
}

/** Says how it stands with the server; each state once. */
function connection(text, isLost = false) {
  const status = byId("connection");
  if (status.textContent !== text) status.textContent = text;
  status.classList.toggle("lost", isLost);
}

let source;

/** Hears of the runs, again and again where the server goes away and comes back. */
function listen() {
  source = new EventSource("events");
  const own = source;
  let hasEnded = false;
  own.addEventListener("open", () => {
    hasEnded = false;
    connection("live");
  });
  own.addEventListener("end", () => hasEnded = true);
  own.addEventListener("runs", ({ data }) => {
    const now = JSON.parse(data);
    for (const id of runs.keys()) if (!now.includes(id)) runs.delete(id);
    order.splice(0, order.length, ...now);
    drawSoon();
  });
  own.addEventListener("run", ({ data }) => {
    take(JSON.parse(data));
    drawSoon();
  });
  own.addEventListener("error", () => {
    if (hasEnded) connection("what served this page has stopped; the page reconnects by itself");
    else connection("connection lost; trying again", true);
    if (own.readyState !== EventSource.CLOSED) return;
    own.close();
    setTimeout(() => own === source && listen(), 2000);
  });
}

/** A window that nobody sees asks for nothing: training has other work, and browsers allow six connections at once. */
function listenWhileSeen() {
  source?.close();
  source = undefined;
  if (!document.hidden) listen();
}

for (const input of [byId("controls")]) {
  input.addEventListener("input", drawSoon);
  input.addEventListener("submit", (event) => event.preventDefault());
}
byId("theme").addEventListener("change", () => {
  try {
    localStorage.setItem("theme", byId("theme").value);
  } catch {
    // what may not be kept is chosen anew
  }
});
try {
  byId("theme").value = localStorage.getItem("theme") ?? "";
} catch {
  // the system's
}
dark.addEventListener("change", drawSoon);

const report = JSON.parse(byId("data").textContent).runs;
if (report) {
  report.forEach(take);
  connection("a report");
} else {
  connection("connecting");
  listenWhileSeen();
  document.addEventListener("visibilitychange", listenWhileSeen);
}
draw();
