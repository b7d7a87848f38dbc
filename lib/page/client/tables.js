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
  ["training", (run) => duration(last(run, "seconds"))],
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
  const nothing = element("p", { className: "hint" }, "No run yet: its curves begin with its first step.");
  const before = box.querySelector("table");
  if (before && runs.length > 0 && isAlike(before, table)) refresh(before, table);
  else box.replaceChildren(runs.length === 0 ? nothing : table);
  if (focused !== undefined) box.querySelector(`[data-run="${CSS.escape(focused)}"]`)?.focus();
  shared.hidden = same.length === 0;
  shared.querySelector("summary").textContent = runs.length > 1 ? "Settings that are the same in all" : "Settings";
  const [{ facts } = { facts: {} }] = runs;
  const entries = same.map((name) => element("div", {}, element("dt", {}, name), element("dd", {}, facts[name])));
  const list = element("dl", {}, ...entries);
  if (!shared.querySelector("dl").isEqualNode(list)) shared.querySelector("dl").replaceWith(list);
}

const isAlike = (before, now) =>
  before.rows.length === now.rows.length && before.rows[0].cells.length === now.rows[0].cells.length;

/** Puts only the cells that changed in the place of old ones: whoever reads the table stays where they are. */
function refresh(before, now) {
  for (const [i, row] of [...now.rows].entries()) {
    for (const [j, cell] of [...row.cells].entries()) {
      const old = before.rows[i].cells[j];
      if (!old.isEqualNode(cell)) old.replaceWith(cell);
    }
  }
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
