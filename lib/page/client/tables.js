// The table of runs, which shows only the settings that differ, and those that do not below it.
import { duration, nats, percent, whole } from "./figures.js";
import { comparedFacts, latest } from "./store.js";

/** An element with text or elements in it. */
export function element(name, properties = {}, ...content) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...content);
  return made;
}

const last = (run, column) => latest(run.train?.columns[column]);

const figures = [
  ["step", (run) => whole(last(run, "step"))],
  ["tokens", (run) => whole(last(run, "tokens"))],
  ["time", (run) => duration(last(run, "seconds"))],
  ["loss", (run) => nats(last(run, "loss"))],
  ["best validation", (run) => run.best ? `${nats(run.best.loss)} at ${whole(run.best.step)}` : nats()],
  ["accuracy", (run) => percent(latest(run.validation?.columns.accuracy) ?? last(run, "accuracy"))],
  ["tokens/s", (run) => whole(last(run, "tokensPerSecond"))],
];

/** Shows the runs; `shown` holds the paths of those that are drawn. */
export function showRuns(runs, { box, shared, shown, colourOf, toggled }) {
  const { different, same } = comparedFacts(runs);
  const heads = ["run", "state", ...figures.map(([name]) => name), ...different];
  const head = element(
    "tr",
    {},
    ...heads.map((name, i) => element("th", { scope: "col", className: numeric(i) }, name)),
  );
  const rows = runs.map((run) => rowOf(run, { different, shown, colourOf, toggled }));
  const focused = document.activeElement?.dataset?.run;
  const table = element("table", { className: "runs" }, element("thead", {}, head), element("tbody", {}, ...rows));
  box.replaceChildren(
    runs.length === 0
      ? element("p", { className: "hint" }, " No run yet: its curves begin with its first step.")
      : table,
  );
  if (focused !== undefined) box.querySelector(`[data-run="${CSS.escape(focused)}"]`)?.focus();
  shared.hidden = same.length === 0;
  shared.querySelector("summary").textContent = runs.length > 1 ? "Settings that are the same in all" : "Settings";
  const [{ facts } = { facts: {} }] = runs;
  const entries = same.map((name) => element("div", {}, element("dt", {}, name), element("dd", {}, facts[name])));
  shared.querySelector("dl").replaceChildren(...entries);
}

const numeric = (column) => column >= 2 && column < 2 + figures.length ? "number" : "";

function rowOf(run, { different, shown, colourOf, toggled }) {
  const box = element("input", { type: "checkbox", checked: shown.has(run.id), title: "draw this run" });
  box.dataset.run = run.id;
  box.addEventListener("change", () => toggled(run.id, box.checked));
  const swatch = element("span", { className: "swatch", ariaHidden: "true" });
  swatch.style.background = colourOf(run);
  const name = element("th", { scope: "row" }, element("label", { title: run.id }, box, swatch, run.name));
  const values = figures.map(([, value]) => element("td", { className: "number" }, value(run)));
  const facts = different.map((fact) => element("td", {}, run.facts[fact] ?? ""));
  return element("tr", {}, name, stateOf(run), ...values, ...facts);
}

function stateOf({ state, done, incidents: { skipped, spikes } }) {
  const parts = [state, skipped > 0 && `${whole(skipped)} skipped`, spikes > 0 && `${whole(spikes)} spikes`];
  const cell = element("td", {}, parts.filter(Boolean).join(", "));
  if (state === "finished" || done === undefined) return cell;
  cell.append(` ${percent(done)}`, element("progress", { max: 1, value: done, ariaLabel: "share of the budget" }));
  return cell;
}
