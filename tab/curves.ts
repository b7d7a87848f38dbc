/// <reference lib="dom" />
/**
 * The curves and samples of the run, drawn as the page of runs draws them.
 *
 * @module
 */

import { charts, createChart } from "../lib/page/client/charts.js";
import { colours, duration, nats, percent, whole } from "../lib/page/client/figures.js";
import { createSamples } from "../lib/page/client/samples.js";
import { applied, latest } from "../lib/page/client/store.js";
import { createRunView, type RunPlace } from "../lib/page/run_view.ts";
import { byId, element } from "./elements.ts";
import type { TabEvent } from "./messages.ts";

type Lines = Extract<TabEvent, { kind: "lines" }>;

/** The curves. */
export interface Curves {
  /** Forgets what was drawn, for a new run begins. */
  begin(): void;
  /** Takes what happened. */
  add(lines: Lines): void;
  /** Draws anew, in the theme of now. */
  draw(): void;
}

/** What is drawn. */
const shown = charts.filter(({ id }) => id === "loss" || id === "accuracy");

/** The chosen theme, or the system's. */
function themeNow(): "light" | "dark" {
  const chosen = byId<HTMLSelectElement>("theme").value;
  return (chosen || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) as "light" | "dark";
}

function frames() {
  return shown.map((chart) => {
    const canvas = element("div", { tabIndex: 0, role: "application", ariaRoleDescription: "chart" });
    const caption = element("figcaption", {}, chart.title, element("span", {}, ` ${chart.unit}`));
    const frame = element("figure", { id: `chart-${chart.id}` }, caption, canvas);
    byId("plots").append(frame);
    return createChart(chart, { frame, say: (text: string) => byId("readout").textContent = text });
  });
}

/** Curves of no run yet. */
export function createCurves(): Curves {
  const plots = frames();
  const showSamples = createSamples({
    section: byId("samples"),
    run: byId("samples-run"),
    step: byId("samples-step"),
    value: byId("samples-value"),
    text: byId("samples-text"),
    box: byId("candidates"),
  });
  let [number, view] = [0, createRunView("0", "the run")];
  let place: RunPlace | undefined;
  // deno-lint-ignore no-explicit-any
  let run: any;
  let isWaiting = false;
  const draw = () => {
    isWaiting = false;
    const theme = themeNow();
    document.documentElement.dataset.theme = theme;
    if (!run?.train?.size || run.train.columns.step.length === 0) return;
    byId("plots").hidden = false;
    byId("no-curves").hidden = true;
    const style = getComputedStyle(document.documentElement);
    const state = {
      runs: [{ ...run, short: "" }],
      x: "step",
      smoothing: 0.9,
      isLogarithmic: false,
      theme,
      style: Object.fromEntries(["quiet", "line", "stage"].map((name) => [name, style.getPropertyValue(`--${name}`)])),
      colourOf: () => colours[theme][0],
      widthOf: () => 2,
    };
    for (const plot of plots) plot.show(state);
    showSamples([run]);
  };
  return {
    begin() {
      view = createRunView(String(++number), "the run");
      [place, run] = [undefined, undefined];
      showSamples([]);
      byId("plots").hidden = true;
      byId("no-curves").hidden = false;
      byId("figures").textContent = "";
    },
    add({ metrics, samples, done }) {
      for (const line of metrics) view.metric(line);
      for (const line of samples) view.sample(line);
      const news = view.since(place);
      if (!news) return;
      run = applied(run, news.message);
      place = news.place;
      showFigures(run, done);
      if (isWaiting) return;
      isWaiting = true;
      // a tab that nobody sees draws when it is seen
      requestAnimationFrame(draw);
    },
    draw,
  };
}

/** How far training is, in numbers. */
// deno-lint-ignore no-explicit-any
function showFigures(run: any, done: number): void {
  const last = (name: string) => latest(run.train?.columns[name]);
  const seconds = last("seconds");
  const left = done > 0.005 && done < 1 ? [`${duration(seconds * (1 - done) / done)} left`] : [];
  const { best } = run;
  byId("figures").textContent = [
    `step ${whole(last("step"))}`,
    `loss ${nats(last("loss"))}`,
    // both of one measurement
    ...(best ? [`best held-out loss ${nats(best.loss)}, accuracy ${percent(best.accuracy)}`] : []),
    `${whole(last("tokensPerSecond"))} tokens/s`,
    ...left,
  ].join(" · ");
  byId<HTMLProgressElement>("progress").value = done;
}
