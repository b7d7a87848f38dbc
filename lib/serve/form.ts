/**
 * The form to try a model: a page that needs no script and asks nobody else for anything.
 *
 * @module
 */

import { type Filled, spelledMask } from "../inference/fill.ts";
import type { Embedded } from "../inference/embed.ts";
import frame from "./client/form.html" with { type: "text" };
import style from "./client/form.css" with { type: "text" };
import type { TextScore } from "./score_work.ts";
import { type Task, tasks, type WorkContext } from "./work.ts";

/** What the form holds. */
export interface FormInput {
  /** The text. */
  readonly text: string;
  /** What is done with it. */
  readonly task: Task;
  /** Candidates for each place. */
  readonly topK: number;
}

/** What stands below the form. */
export type FormResult = { readonly error: string } | { readonly result: unknown };

/** Numbers of a vector that are shown. */
const SHOWN = 8;
/** Candidates that the form may ask for. */
const MOST_CANDIDATES = 20;

const taskNames: Readonly<Record<Task, string>> = {
  fill: "fill in the masks",
  embed: "turn it into a vector",
  score: "score it",
};

/** An empty form. */
export const emptyForm = ({ textModel: { model } }: WorkContext): FormInput => ({
  text: "",
  task: model.hasHead ? "fill" : "embed",
  topK: 5,
});

/** What was sent, as browsers write it. */
export function readForm(body: string): FormInput & { readonly fault?: string | undefined } {
  const fields = new URLSearchParams(body);
  const [name, topK] = [fields.get("task") ?? "fill", Number(fields.get("topK") || 5)];
  // browsers send line breaks as two characters
  const text = (fields.get("text") ?? "").replaceAll("\r\n", "\n").toWellFormed();
  const task = tasks.find((task) => task === name);
  const isCount = Number.isInteger(topK) && topK >= 1 && topK <= MOST_CANDIDATES;
  const fault = text === ""
    ? "The form has no text"
    : !task
    ? `The form asks for no task that there is: wanted ${tasks.join(", ")}`
    : isCount
    ? undefined
    : `The number of candidates must be from 1 to ${MOST_CANDIDATES}`;
  return { text, task: task ?? "fill", topK: isCount ? topK : 5, fault };
}

/** The page. */
export function formPage(
  context: WorkContext,
  { place, input, shown }: { place: string; input: FormInput; shown?: FormResult | undefined },
): string {
  const { textModel: { tokenizer, model }, maxLength } = context;
  const choices = tasks.filter((task) => task === "embed" || model.hasHead).map((task) => {
    const checked = task === input.task ? " checked" : "";
    return `<label><input type="radio" name="task" value="${task}"${checked}> ${taskNames[task]}</label>`;
  });
  const parts: Readonly<Record<string, string>> = {
    title: escaped(`${shown ? `${"error" in shown ? "Error" : "Result"} · ` : ""}${place} · Cloze`),
    style,
    model: escaped(place),
    text: escaped(input.text),
    hint: `Write ${escaped(spelledMask(tokenizer))} where a token is to be filled in. Up to ${maxLength} tokens.`,
    tasks: choices.join("\n    "),
    topK: String(input.topK),
    result: shown ? section(input.task, shown) : "",
  };
  return frame.replace(/^<!-- .* -->\n/, "").replace(/\{\{(\w+)\}\}/g, (_, name: string) => parts[name]!);
}

/** What a browser may do for the page: show it, and send the form back. */
export async function formPolicy(): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(style));
  return [
    "default-src 'none'",
    `style-src 'sha256-${new Uint8Array(hash).toBase64()}'`,
    "img-src data:",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}

function section(task: Task, shown: FormResult): string {
  if ("error" in shown) return `<p class="error" role="alert">${escaped(shown.error)}</p>`;
  const content = {
    fill: () => filledSection(shown.result as Filled),
    embed: () => vectorSection(shown.result as Embedded),
    score: () => scoreSection(shown.result as TextScore),
  }[task]();
  return `<section aria-labelledby="result"><h2 id="result">Result</h2>\n${content}</section>`;
}

function filledSection({ filled, masks }: Filled): string {
  const tables = masks.map(({ candidates }, i) => {
    const rows = candidates.map(({ token, probability }) =>
      `<tr><th scope="row">${escaped(JSON.stringify(token))}</th><td class="number">${percent(probability)}</td>` +
      `<td><meter min="0" max="1" value="${probability.toFixed(6)}">${percent(probability)}</meter></td></tr>`
    );
    return `<table><caption>Mask ${i + 1}</caption>${rows.join("\n")}</table>`;
  });
  const note = masks.length === 0 ? "<p>The text has no masks.</p>" : "";
  return `<p class="filled">${escaped(filled)}</p>${note}${tables.join("\n")}`;
}

function vectorSection({ embedding, tokens, omitted }: Embedded): string {
  const some = [...embedding.subarray(0, SHOWN)].map((value) => value.toFixed(4)).join(", ");
  const left = omitted > 0 ? ` ${omitted} tokens were left out.` : "";
  return `<p>A vector of ${embedding.length} numbers from ${tokens} tokens.${left}</p>` +
    `<pre>[${some}${embedding.length > SHOWN ? ", …" : ""}]</pre>`;
}

function scoreSection({ logLikelihood, loss, perplexity, accuracy, predicted, tokens = [] }: TextScore): string {
  const figures = {
    "pseudo-log-likelihood": `${logLikelihood.toFixed(4)} nats`,
    "loss": `${loss.toFixed(4)} nats a token`,
    "pseudo-perplexity": perplexity.toFixed(3),
    "predicted as they are": `${percent(accuracy)} of ${predicted} tokens`,
  };
  const rows = Object.entries(figures).map(([name, value]) =>
    `<tr><th scope="row">${name}</th><td class="number">${value}</td></tr>`
  );
  const each = tokens.map(({ token, loss }) =>
    `<tr><th scope="row">${escaped(JSON.stringify(token))}</th><td class="number">${loss.toFixed(4)}</td></tr>`
  );
  return `<table>${rows.join("\n")}</table>\n<table><caption>Loss of each token, in nats</caption>${
    each.join("\n")
  }</table>`;
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text that is no markup. */
const escaped = (text: string) => text.replace(/[&<>"']/g, (character) => entities[character]!);
