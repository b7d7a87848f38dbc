/**
 * The page: one document with everything in it, live or as a report.
 *
 * @module
 */

import uPlotScript from "uplot/uPlot.js" with { type: "text" };
import uPlotStyle from "uplot/uPlot.css" with { type: "text" };
import frame from "./client/page.html" with { type: "text" };
import style from "./client/page.css" with { type: "text" };
import store from "./client/store.js" with { type: "text" };
import figures from "./client/figures.js" with { type: "text" };
import charts from "./client/charts.js" with { type: "text" };
import tables from "./client/tables.js" with { type: "text" };
import candidates from "./client/candidates.js" with { type: "text" };
import samples from "./client/samples.js" with { type: "text" };
import main from "./client/main.js" with { type: "text" };
import type { RunMessage } from "./run_view.ts";

/** The modules of the page as one script, for there is nobody to ask for another. */
const script = [store, figures, charts, tables, candidates, samples, main]
  .map((source) => source.replace(/^import [^;]*;$/gm, "").replace(/^export /gm, "")).join("\n");

/** A page that asks for its runs, or with a report's runs in it. */
export interface Page {
  /** The document. */
  readonly html: string;
  /** What a browser may do for it: run its own script, and where it is live hear of its runs. */
  readonly policy: string;
}

/** The page; with runs, the report on them. */
export async function pageOf(runs?: readonly RunMessage[]): Promise<Page> {
  const code = `${uPlotScript}\n(() => {\n"use strict";\n${script}\n})();\n`;
  const styles = `${uPlotStyle}\n${style}`;
  const policy = [
    "default-src 'none'",
    `script-src '${await digest(code)}'`,
    // uPlot places its parts by styles of their own
    "style-src 'unsafe-inline'",
    "img-src data:",
    `connect-src ${runs ? "'none'" : "'self'"}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  const parts: Readonly<Record<string, string>> = { policy, style: styles, script: code, data: dataOf(runs) };
  return {
    html: frame.replace(/^<!-- .* -->\n/, "").replace(/\{\{(\w+)\}\}/g, (_, name: string) => parts[name]!),
    policy,
  };
}

/** Runs as text that ends no script. */
function dataOf(runs: readonly RunMessage[] | undefined): string {
  return JSON.stringify(runs ? { runs } : {}).replaceAll("<", "\\u003c");
}

async function digest(text: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return `sha256-${new Uint8Array(hash).toBase64()}`;
}
