/**
 * Markdown of notes and introductions as HTML, with formulas, code in colours and plots.
 *
 * @module
 */

import { Marked } from "npm:marked@18.2.1";
import { formulaHtml } from "./formulas.ts";
import { highlighted } from "./highlight.ts";
import { anchorOf, escapeHtml } from "./html.ts";
import { maskedHtml } from "./masked_text.ts";
import { plotHtml } from "./plot.ts";
import { resultsHtml } from "./results.ts";

/** Renders Markdown; `place` tells whose it is where that fails. */
export type Render = (markdown: string, place: string) => string;

/** A renderer; `results` is the text of bench/RESULTS.md, which plots read. */
export function markdownRenderer({ results }: { results: string }): Render {
  const marked = new Marked({
    extensions: [{
      name: "formula",
      level: "inline",
      start: (text) => text.indexOf("$"),
      tokenizer(text) {
        const match = /^\$\$([^$]+)\$\$|^\$([^$]+)\$([.,;:)]*)/.exec(text);
        if (!match) return undefined;
        const [raw, display, inline, end = ""] = match;
        const formula = (display ?? inline)!.replaceAll("\u00a0", " ");
        return { type: "formula", raw, formula, end, isDisplay: display !== undefined };
      },
      // what ends a sentence stays on the line of its formula
      renderer: ({ formula, end, isDisplay }) =>
        isDisplay
          ? formulaHtml(formula, { display: true })
          : `<span class="formula">${formulaHtml(formula)}${end}</span>`,
    }],
    renderer: {
      code({ text, lang = "" }) {
        const [language = ""] = lang.split(" ");
        if (language === "plot") return plotHtml(text, results);
        if (language === "masked") return maskedHtml(text);
        if (language === "results") return resultsHtml(text, results);
        return `<pre><code>${highlighted(text, language)}</code></pre>\n`;
      },
      heading({ tokens, depth, text }) {
        const id = `about-${anchorOf(text.toLowerCase())}`;
        return `<h${depth} id="${id}">${this.parser.parseInline(tokens)}</h${depth}>\n`;
      },
      // what looks like a tag in a comment is a type's argument
      html: ({ text }) => escapeHtml(text),
    },
  });
  // a figure and its unit stay together
  return (markdown, place) => {
    try {
      return marked.parse(markdown.replace(/(\d) %/g, "$1\u00a0%"), { async: false });
    } catch (error) {
      // the package adds a line that asks to report to it what is a fault of the text
      throw new SyntaxError(`${place}: ${(error as Error).message.split("\n")[0]}`, { cause: error });
    }
  };
}
